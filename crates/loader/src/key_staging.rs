//! Keys beyond the memory, checked by the database set by set.
//!
//! The keys of the rows that are still to come are copied into a temporary table, by a second reading of the file.
//! There the database finds the few that matter: those that a row in the table has, those that several rows of the file
//! have, and those that refer to nothing. The rows themselves then go on as before, at the speed of COPY and in the
//! file's order, and for each the judge is told what was found.

use std::collections::VecDeque;
use std::thread;

use anyhow::Context;
use database::Cancel;
use database::copy_in::{BLOCK_BYTES, CopyIn};
use database::identifier::{qualified, quoted};
use postgres::Client;
use tracing::field;

use crate::batch::{Batch, Plan};
use crate::file::FileLoad;
use crate::opening;
use crate::source::{Source, Sum, estimated_rows};
use crate::stream::Stream;

const KEYS: &str = "extrato_keys";
const FINDINGS: &str = "extrato_findings";
const CURSOR: &str = "extrato_findings_by_row";
/// Findings read at once.
const FETCHED_ROWS: usize = 50_000;

/// What the database found of a key of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// A row in the table has it.
    Taken,
    /// Other rows of the file have it or refer to it, so that it matters whether this one is loaded.
    Shared,
    /// No row has what it refers to.
    Missing,
}

impl Finding {
    const ALL: [Self; 3] = [Self::Taken, Self::Shared, Self::Missing];
}

/// What is known of the keys of one row that are not kept in memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known<'a> {
    /// For each key whether it was staged.
    pub(crate) staged: &'a [bool],
    /// Keys, by their index, of which something was found.
    pub(crate) found: &'a [(usize, Finding)],
}

impl Known<'_> {
    fn says(&self, key: usize, finding: Finding) -> bool {
        self.found.contains(&(key, finding))
    }

    fn is_staged(&self, key: usize) -> bool {
        self.staged.get(key).is_some_and(|staged| *staged)
    }

    /// Whether a row in the table has a unique key.
    pub(crate) fn is_taken(&self, key: usize) -> bool {
        self.says(key, Finding::Taken)
    }

    /// Whether a reference has its parent in the database.
    pub(crate) fn has_parent(&self, key: usize) -> bool {
        self.is_staged(key) && !self.says(key, Finding::Missing)
    }

    /// Whether a unique key must be remembered if its row is loaded.
    pub(crate) fn is_wanted(&self, key: usize) -> bool {
        !self.is_staged(key) || self.says(key, Finding::Shared)
    }
}

/// A file that can be read a second time.
#[derive(Clone, Copy)]
pub(crate) struct Again<'a> {
    pub(crate) source: &'a Source,
    pub(crate) sum: Sum,
}

/// What was found of the keys of a file, read row by row.
#[derive(Default)]
pub(crate) struct Findings {
    /// The row behind which they begin, and of how many rows they are.
    pub(crate) behind: u64,
    pub(crate) rows: u64,
    staged: Vec<bool>,
    ahead: VecDeque<(u64, (usize, Finding))>,
    /// What was found of rows up to this one has been read.
    read_to: u64,
    of_row: Vec<(usize, Finding)>,
}

impl Findings {
    /// Whether all that was found of rows up to this one has been read.
    pub(crate) fn reach(&self, row: u64) -> bool {
        self.read_to >= row
    }

    /// Reads on until they reach a row.
    ///
    /// # Errors
    /// The server's.
    pub(crate) fn read_to(&mut self, client: &mut Client, row: u64) -> anyhow::Result<()> {
        while !self.reach(row) {
            let found = client
                .query(&format!("FETCH {FETCHED_ROWS} FROM {CURSOR}"), &[])
                .context("cannot read what was found of the staged keys")?;
            for found in &found {
                let (row, key, finding): (i64, i16, i16) =
                    (found.get(0), found.get(1), found.get(2));
                let finding = Finding::ALL[finding as usize];
                self.ahead.push_back((row as u64, (key as usize, finding)));
            }
            self.read_to = match self.ahead.back() {
                // More may be found of the last one.
                Some((last, _)) if found.len() == FETCHED_ROWS => last - 1,
                _ => u64::MAX,
            };
        }
        Ok(())
    }

    /// What is known of a row. Rows are asked for in the file's order.
    pub(crate) fn of(&mut self, row: u64) -> Known<'_> {
        self.of_row.clear();
        while let Some((found, fact)) = self.ahead.front()
            && *found <= row
        {
            if *found == row {
                self.of_row.push(*fact);
            }
            self.ahead.pop_front();
        }
        Known {
            staged: &self.staged,
            found: &self.of_row,
        }
    }

    /// What is known of a row of which this was found.
    pub(crate) fn with<'a>(&'a self, found: &'a [(usize, Finding)]) -> Known<'a> {
        Known {
            staged: &self.staged,
            found,
        }
    }

    /// Removes what was staged.
    ///
    /// # Errors
    /// The server's.
    pub(crate) fn close(client: &mut Client) -> anyhow::Result<()> {
        client
            .batch_execute(&format!("CLOSE {CURSOR}; DROP TABLE pg_temp.{FINDINGS}"))
            .context("cannot remove the staged keys")
    }
}

impl FileLoad<'_> {
    /// Stages the keys that are given up, of all rows behind `done` and of those that wait.
    ///
    /// # Errors
    /// The server's; what the file met; interruption.
    pub(crate) fn stage(
        &self,
        client: &mut Client,
        again: Again<'_>,
        done: u64,
        waiting: &[u64],
        cancel: &Cancel,
    ) -> anyhow::Result<Findings> {
        let staged: Vec<bool> = self
            .judge
            .places()
            .map(|place| self.keys.is_given_up(place))
            .collect();
        let mut columns: Vec<usize> = (0..staged.len())
            .filter(|key| staged[*key])
            .flat_map(|key| self.plan.keys[key].iter().copied())
            .collect();
        columns.sort_unstable();
        columns.dedup();
        let table = &self.target.table;
        let failed = || format!("cannot stage the keys of {table}");
        client
            .batch_execute(&self.create(&columns))
            .with_context(failed)?;
        let wanted = |row: u64| row > done || waiting.binary_search(&row).is_ok();
        let rows = self.copy_keys(client, again, columns, &wanted, cancel)?;
        client
            .batch_execute(&format!("ANALYZE pg_temp.{KEYS}"))
            .with_context(failed)?;
        for (key, _) in staged.iter().enumerate().filter(|(_, staged)| **staged) {
            for statement in self.findings(key) {
                cancel.check()?;
                client.batch_execute(&statement).with_context(failed)?;
            }
        }
        client
            .batch_execute(&format!(
                "DROP TABLE pg_temp.{KEYS};
                 DECLARE {CURSOR} NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM pg_temp.{FINDINGS} ORDER BY row"
            ))
            .with_context(failed)?;
        Ok(Findings {
            behind: done,
            rows,
            staged,
            ..Findings::default()
        })
    }

    /// The tables, with columns of the types and collations that the rows have.
    fn create(&self, columns: &[usize]) -> String {
        let columns: String = columns
            .iter()
            .map(|column| {
                let name = &self.columns[*column];
                let kind = self.target.type_of(name);
                format!(", {}::{kind} AS {}", quoted(name), staged_name(*column))
            })
            .collect();
        format!(
            "CREATE TEMPORARY TABLE {KEYS} AS SELECT 0::bigint AS row{columns} FROM {} LIMIT 0;
             CREATE TEMPORARY TABLE {FINDINGS} (row bigint, key smallint, finding smallint)",
            qualified(self.schema, &self.target.table)
        )
    }

    /// Copies the values of columns in all rows that are wanted, and says how many these are.
    fn copy_keys(
        &self,
        client: &mut Client,
        again: Again<'_>,
        columns: Vec<usize>,
        wanted: &dyn Fn(u64) -> bool,
        cancel: &Cancel,
    ) -> anyhow::Result<u64> {
        let opening = opening::open(again.source, self.target)?;
        let span = tracing::info_span!(
            "keys of",
            table = self.target.table.as_str(),
            rows_total = estimated_rows(again.source, again.sum.bytes),
            rows = field::Empty
        );
        let names: Vec<String> = std::iter::once("row".to_owned())
            .chain(columns.iter().map(|column| staged_name(*column)))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let plan = Plan {
            keys: Vec::new(),
            only: Some(columns),
            ..opening.plan
        };
        let mut copy = CopyIn::start(client, "pg_temp", KEYS, &names, false)?;
        thread::scope(|scope| -> anyhow::Result<()> {
            let mut stream = Stream::start(scope, opening.rest, &plan, self.workers, cancel);
            let mut block = Vec::with_capacity(BLOCK_BYTES * 2);
            let mut row = 0;
            while let Some(batch) = stream.next() {
                let rows = encode(&batch, names.len(), row, wanted, &mut block);
                row += batch.ends.len() as u64;
                copy.send(&block, rows)?;
                block.clear();
                span.record("rows", row);
                stream.done(batch);
            }
            stream.finish().map(|_| ())
        })?;
        opening.watch.finish(Some(again.sum))?;
        Ok(copy.finish()?.rows)
    }

    /// The statements that find what matters of a key.
    fn findings(&self, key: usize) -> Vec<String> {
        let columns = &self.plan.keys[key];
        let record = |finding: Finding, rows: String| {
            format!(
                "INSERT INTO pg_temp.{FINDINGS} SELECT s.row, {key}, {} FROM pg_temp.{KEYS} AS s {rows}",
                finding as i16
            )
        };
        let list = |of: &str| each(columns, ", ", |_, column| format!("{of}{column}"));
        let not_null = each(columns, " AND ", |_, column| {
            format!("s.{column} IS NOT NULL")
        });
        let name = match key.checked_sub(self.judge.unique.len()) {
            None => &self.judge.unique[key].0.name,
            Some(reference) => &self.judge.references[reference].0.parent,
        };
        let there = format!(
            "EXISTS (SELECT FROM {} AS t WHERE {})",
            qualified(&name.schema, &name.table),
            each(columns, " AND ", |index, column| {
                format!("t.{} = s.{column}", quoted(&name.columns[index]))
            })
        );
        if key >= self.judge.unique.len() {
            let rows = format!("WHERE {not_null} AND NOT {there}");
            return vec![record(Finding::Missing, rows)];
        }
        let mut statements = vec![
            record(Finding::Taken, format!("WHERE {there}")),
            record(
                Finding::Shared,
                format!(
                    "JOIN (SELECT {} FROM pg_temp.{KEYS} AS s WHERE {not_null} GROUP BY {} HAVING count(*) > 1) AS d \
                     ON {}",
                    list("s."),
                    list("s."),
                    each(columns, " AND ", |_, column| format!(
                        "d.{column} = s.{column}"
                    ))
                ),
            ),
        ];
        let place = self.judge.unique[key].1;
        for (reference, (_, parent)) in self.judge.references.iter().enumerate() {
            if *parent == place {
                let referring = &self.plan.keys[self.judge.unique.len() + reference];
                let same = each(columns, " AND ", |index, column| {
                    format!("r.{} = s.{column}", staged_name(referring[index]))
                });
                let rows = format!("WHERE EXISTS (SELECT FROM pg_temp.{KEYS} AS r WHERE {same})");
                statements.push(record(Finding::Shared, rows));
            }
        }
        statements
    }
}

/// Whether the user may make temporary tables.
///
/// # Errors
/// The server's.
pub(crate) fn is_allowed(client: &mut Client) -> anyhow::Result<bool> {
    let row = client.query_one(
        "SELECT has_database_privilege(current_database(), 'TEMPORARY')",
        &[],
    )?;
    Ok(row.get(0))
}

fn staged_name(column: usize) -> String {
    format!("c{column}")
}

fn each(columns: &[usize], between: &str, part: impl Fn(usize, String) -> String) -> String {
    let parts: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| part(index, staged_name(*column)))
        .collect();
    parts.join(between)
}

/// Appends the rows of a batch that are wanted, each with its number in the file. `before` are the rows before the
/// batch; a row has so many `fields`.
fn encode(
    batch: &Batch,
    fields: usize,
    before: u64,
    wanted: &dyn Fn(u64) -> bool,
    block: &mut Vec<u8>,
) -> u64 {
    let mut start = 0;
    let mut rows = 0;
    for (row, end) in (before + 1..).zip(&batch.ends) {
        let values = &batch.encoder.bytes()[start..*end as usize];
        start = *end as usize;
        // What is no row has no keys.
        if !values.is_empty() && wanted(row) {
            block.extend_from_slice(&(fields as i16).to_be_bytes());
            block.extend_from_slice(&8_i32.to_be_bytes());
            block.extend_from_slice(&row.to_be_bytes());
            block.extend_from_slice(values);
            rows += 1;
        }
    }
    rows
}
