//! Values that the database judges before their rows are sent: keys that don't fit in memory, columns of CHECK constraints, and
//! texts of types that only the server knows.
//!
//! Rows themselves are never staged: they are sent at the speed of COPY, in the file's order. Staging has three steps:
//!
//! 1. A second reading of the file copies the values in question of all rows still to come, each with its row's number,
//!    into a temporary table. This costs as much as reading and validating the file, and a COPY of few columns.
//! 2. One statement for each question finds the few rows that matter and records a [`Finding`] about each: a row in the
//!    table has its key, other rows of the file share its key or refer to it, it refers to nothing, a check is false for
//!    it. This costs joins over sets, which the database does on disk where it must.
//! 3. The file is read on, and its findings are read along with it, in the file's order ([`StagedResults`]). Memory holds only
//!    keys that several rows of the file share: which of those rows is loaded depends on their order, and a statement over a
//!    set knows no order.
//!
//! A check that raises an error is tried on ever smaller parts of the rows, until the rows that cause it are found.

use std::thread;

use anyhow::Context;
use database::Cancel;
use database::catalogue::constraints::{self, Check};
use database::catalogue::identifier::{qualified, quoted};
use database::copy::write::{CopyIn, RowEncoder};
use postgres::Client;
use tracing::field;

use crate::input::batch::Batch;
use crate::input::lines::SentLines;
use crate::input::row_plan::RowPlan;
use crate::input::sniff;
use crate::input::stream::Stream;
use crate::keys::check::KeyCheck;
use crate::keys::questions::{
    INDEX_BY_ROW, NOT_OF_A_ROW, VALUES, about_key, each, record, staged_name, text_name,
};
use crate::keys::results::{Asked, Finding, StagedResults, TABLE as FINDINGS};
use crate::keys::staged_texts;
use crate::target::Target;
use storage::source::Source;
use storage::sum::Sum;

/// How many errors a check may raise while the rows that cause them are searched for.
const MOST_FAILURES: u32 = 1000;
/// The class of SQLSTATE for statements that cannot be parsed or are not allowed.
const CANNOT_BE_TRIED: &str = "42";

/// What is known of a file's rows before they are read: the table they go into, and how records become rows.
#[derive(Clone, Copy)]
pub(crate) struct FileRows<'a> {
    pub(crate) schema: &'a str,
    pub(crate) target: &'a Target,
    /// The names of the columns that rows have.
    pub(crate) columns: &'a [String],
    pub(crate) plan: &'a RowPlan,
    /// How many threads validate rows.
    pub(crate) workers: usize,
    /// The file, if need be in a form that can be read a second time.
    pub(crate) source: &'a Source,
    /// The file's sum, if the file is not a pipe.
    pub(crate) sum: Option<Sum>,
}

impl FileRows<'_> {
    /// The indices of the columns whose texts only the server can judge.
    pub(crate) fn texts(&self) -> impl Iterator<Item = usize> {
        let rules = self.plan.rows.columns.iter().enumerate();
        rules.filter_map(|(column, rules)| rules.server_type.map(|_| column))
    }

    /// Whether the user may create temporary tables with the columns of the table.
    ///
    /// # Errors
    /// Errors of the server.
    pub(crate) fn may_be_staged(&self, client: &mut Client) -> anyhow::Result<bool> {
        let row = client.query_one(
            "SELECT has_database_privilege(current_database(), 'TEMPORARY') AND has_table_privilege($1, 'SELECT')",
            &[&qualified(self.schema, &self.target.table)],
        )?;
        Ok(row.get(0))
    }
}

/// The staging of a file's values in a temporary table.
pub(crate) struct Staging<'a> {
    pub(crate) rows: FileRows<'a>,
    pub(crate) check: &'a KeyCheck<'a>,
    /// For each key of the plan, whether it is staged.
    pub(crate) staged: Vec<bool>,
    /// For each key of the plan, whether only the database can compare it.
    pub(crate) of_server: Vec<bool>,
}

impl Staging<'_> {
    /// Stages the keys that were given up, the columns of CHECK constraints and the texts that only the server can judge, for all
    /// rows after `done` and for the waiting ones, and has the database judge them.
    ///
    /// # Errors
    /// Errors of the server and of reading the file; [`Kind::Interrupted`](dataset::failure::Kind::Interrupted).
    pub(crate) fn run(
        self,
        client: &mut Client,
        done: u64,
        waiting: &[u64],
        cancel: &Cancel,
    ) -> anyhow::Result<StagedResults> {
        let table = &self.rows.target.table;
        let failed = || format!("cannot stage values of {table}");
        let mut checks = constraints::checks(client, self.rows.schema, table)?;
        checks.retain(|check| self.places_of(check).is_some());

        let keys = (0..self.staged.len()).filter(|key| self.staged[*key]);
        let mut statements: Vec<String> = Vec::new();
        let mut columns: Vec<usize> = Vec::new();
        for key in keys {
            columns.extend(&self.rows.plan.keys[key]);
            let keys = &self.rows.plan.keys;
            statements.extend(about_key(self.check, keys, key, self.of_server[key]));
        }
        columns.extend(
            checks
                .iter()
                .filter_map(|check| self.places_of(check))
                .flatten(),
        );
        columns.sort_unstable();
        columns.dedup();

        let texts: Vec<usize> = self.rows.texts().collect();
        let values: Vec<usize> = texts
            .iter()
            .copied()
            .filter(|text| columns.contains(text))
            .collect();
        client
            .batch_execute(&self.create(&columns, &texts))
            .with_context(failed)?;
        columns.extend(&texts);
        columns.sort_unstable();
        columns.dedup();
        let wanted = |row: u64| row > done || waiting.binary_search(&row).is_ok();
        let rows = match columns.is_empty() {
            true => 0,
            false => {
                self.copy_values(client, columns, &texts, &wanted, cancel)
                    .map_err(|error| match self.rows.source {
                        // The reason why the pipe could not be kept says more than the failure to read it twice.
                        Source::Kept(spool) => spool.check().err().unwrap_or(error),
                        _ => error,
                    })?
            }
        };
        if !texts.is_empty() {
            cancel.check()?;
            let table = qualified(self.rows.schema, table);
            staged_texts::judge(client, &table, self.rows.columns, &texts, &values)
                .with_context(failed)?;
        }
        statements.insert(0, format!("ANALYZE pg_temp.{VALUES}"));
        for statement in statements {
            cancel.check()?;
            client.batch_execute(&statement).with_context(failed)?;
        }
        for (index, check) in checks.iter().enumerate() {
            cancel.check()?;
            self.ask_for_check(client, index, check)
                .with_context(failed)?;
        }
        client
            .batch_execute(&format!("DROP TABLE pg_temp.{VALUES}"))
            .with_context(failed)?;
        let asked = Asked {
            staged: self.staged,
            of_server: self.of_server,
            checks,
            columns: self.rows.columns.to_vec(),
        };
        StagedResults::open(client, done, rows, asked)
    }

    /// Finds the rows for which a check is false. A check that cannot be tried is left to the server, and so are rows for which
    /// it raises an error: the server names those as they are sent.
    fn ask_for_check(
        &self,
        client: &mut Client,
        index: usize,
        check: &Check,
    ) -> Result<(), postgres::Error> {
        // Each column gets its own name here, so that the check's expression finds these columns and no others.
        let places = self.places_of(check).unwrap_or_default();
        let columns = each(&places, ", ", |index, column| match check.of_domain {
            true => {
                let collation = check.collation.as_ref();
                let collate = collation.map_or(String::new(), |name| format!(" COLLATE {name}"));
                format!("s.{column}{collate} AS value")
            }
            false => format!("s.{column} AS {}", quoted(&check.columns[index])),
        });
        let rows = format!(
            "pg_temp.{VALUES} AS s WHERE (SELECT NOT ({}) FROM (SELECT {columns}) AS v)",
            check.expression
        );
        let statement = record(index, Finding::Broken, None, &rows);
        let mut ranges = vec![(0, i64::MAX)];
        let mut failures = 0;
        while let Some((from, to)) = ranges.pop() {
            client.batch_execute("SAVEPOINT checking")?;
            let tried =
                client.batch_execute(&format!("{statement} AND s.row BETWEEN {from} AND {to}"));
            let Err(error) = tried else {
                client.batch_execute("RELEASE SAVEPOINT checking")?;
                continue;
            };
            let class = error.code().map_or("", |code| &code.code()[..2]);
            if NOT_OF_A_ROW.contains(&class) {
                return Err(error);
            }
            client.batch_execute("ROLLBACK TO SAVEPOINT checking")?;
            failures += 1;
            if class == CANNOT_BE_TRIED || failures > MOST_FAILURES {
                tracing::debug!(%error, check = check.name, "left to the server");
                return client.batch_execute(&format!(
                    "DELETE FROM pg_temp.{FINDINGS} WHERE of = {index} AND finding = {}",
                    Finding::Broken as i16
                ));
            }
            let (from, to) = match failures {
                1 => first_and_last(client)?,
                _ => (from, to),
            };
            if from < to {
                let middle = from + (to - from) / 2;
                ranges.extend([(from, middle), (middle + 1, to)]);
            }
        }
        Ok(())
    }

    /// The indices, among the columns of the rows, of a check's columns; `None` if the rows lack one of them.
    fn places_of(&self, check: &Check) -> Option<Vec<usize>> {
        let place = |name: &String| self.rows.columns.iter().position(|column| column == name);
        check.columns.iter().map(place).collect()
    }

    /// The statement that creates the temporary tables: columns with the types and collations of the rows' columns, and
    /// further columns for texts.
    fn create(&self, columns: &[usize], texts: &[usize]) -> String {
        let texts: String = texts
            .iter()
            .map(|column| format!(", ''::text AS {}", text_name(*column)))
            .collect();
        let columns: String = columns
            .iter()
            .map(|column| {
                let name = &self.rows.columns[*column];
                let base = match self.rows.target.domains.contains(name) {
                    true => format!("::{}", self.rows.target.type_of(name)),
                    false => String::new(),
                };
                format!(", {}{base} AS {}", quoted(name), staged_name(*column))
            })
            .collect();
        format!(
            "CREATE TEMPORARY TABLE {VALUES} ON COMMIT DROP AS SELECT 0::bigint AS row{columns}{texts} FROM {} LIMIT 0;
             CREATE TEMPORARY TABLE {FINDINGS} (row bigint, of smallint, finding smallint, first bigint, code text, said text) ON COMMIT DROP",
            qualified(self.rows.schema, &self.rows.target.table)
        )
    }

    /// Copies the values of columns for all rows that are wanted, and returns the number of these rows.
    fn copy_values(
        &self,
        client: &mut Client,
        columns: Vec<usize>,
        texts: &[usize],
        wanted: &dyn Fn(u64) -> bool,
        cancel: &Cancel,
    ) -> anyhow::Result<u64> {
        let (sniffed, watch) = sniff::open(self.rows.source, self.rows.target)?;
        let span = tracing::info_span!(
            "stage",
            table = self.rows.target.table.as_str(),
            bytes_total = self.rows.sum.map(|sum| sum.bytes),
            bytes = field::Empty
        );
        let names: Vec<String> = std::iter::once("row".to_owned())
            .chain(columns.iter().map(|column| match texts.contains(column) {
                true => text_name(*column),
                false => staged_name(*column),
            }))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let plan = RowPlan {
            keys: Vec::new(),
            only: Some(columns),
            ..sniffed.plan
        };
        let mut copy = CopyIn::start(client, "pg_temp", VALUES, &names, false)?;
        let mut sent = SentLines::default();
        thread::scope(|scope| -> anyhow::Result<()> {
            let mut stream = Stream::start(scope, sniffed.rest, &plan, self.rows.workers, cancel);
            let mut block = RowEncoder::default();
            let mut row = 0;
            while let Some(batch) = stream.next() {
                let rows = encode(&batch, names.len(), row, wanted, &mut sent, &mut block);
                row += batch.ends.len() as u64;
                copy.send(block.bytes(), rows)?;
                block.clear();
                span.record("bytes", watch.read_bytes());
                stream.done(batch);
            }
            stream.finish().map(|_| ())
        })?;
        watch.finish(self.rows.sum)?;
        let file = self.rows.source.name();
        copy.finish()
            .map(|written| written.rows)
            .map_err(|error| sent.with_place(error, VALUES, &file))
    }
}

/// Indexes the staged rows by their numbers, and returns the first and the last number.
fn first_and_last(client: &mut Client) -> Result<(i64, i64), postgres::Error> {
    client.batch_execute(INDEX_BY_ROW)?;
    let row = client.query_one(
        &format!("SELECT coalesce(min(row), 0), coalesce(max(row), 0) FROM pg_temp.{VALUES}"),
        &[],
    )?;
    Ok((row.get(0), row.get(1)))
}

/// Appends the rows of a batch that are wanted, each with its number in the file, and returns how many there are.
/// `before` is the number of rows before the batch, `fields` how many fields a staged row has.
fn encode(
    batch: &Batch,
    fields: usize,
    before: u64,
    wanted: &dyn Fn(u64) -> bool,
    sent: &mut SentLines,
    block: &mut RowEncoder,
) -> u64 {
    let mut start = 0;
    let mut rows = 0;
    let records = batch.records.records.iter().zip(&batch.ends);
    for (row, (record, end)) in (before + 1..).zip(records) {
        let values = &batch.encoder.bytes()[start..*end as usize];
        start = *end as usize;
        // A record that is not a row has no values.
        if !values.is_empty() && wanted(row) {
            block.row(fields as i16);
            block.int8(row as i64);
            block.fields(values);
            sent.add(record.line);
            rows += 1;
        }
    }
    rows
}
