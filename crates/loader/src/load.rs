//! A load from beginning to end: what is to be loaded, one transaction, and what it left behind.

use std::time::Instant;

use anyhow::Context;
use database::catalogue::identifier::qualified;
use database::{Cancel, Settings};
use dataset::failure::{Failure, Kind};
use postgres::Client;

use crate::input::find::{self, Inputs};
use crate::keys::sets::KeySets;
use crate::options::Options;
use crate::report::{Report, Rows, TableReport};
use crate::target::tables;
use crate::target::{self, Target};
use crate::write::file_plan::{self, Task};
use crate::write::ledger;
use crate::write::rejects::Rejects;

/// Loads files into the tables of a schema, which are made if none of them is there.
///
/// Without [`Options::commit_every`] either every row that keeps the rules is in the database at the end, or none;
/// rejected rows are recorded in both cases.
///
/// # Errors
/// [`Kind::Usage`] for options, files or a description that make no sense; [`Kind::Mismatch`] for a file that is
/// none of its table, and for tables that don't fit; [`Kind::Refused`] beyond the limit of rejects, for a file that was
/// loaded before, and for what the server refuses; [`Kind::Output`] if rejects cannot be written;
/// [`Kind::Connection`]; [`Kind::Interrupted`].
pub fn load(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    let start = Instant::now();
    options.check()?;
    let inputs = find::find(options)?;
    let mut client = settings.connect(cancel)?;
    ledger::lock(&mut client, &options.schema)?;
    let result = in_order(&mut client, &inputs, options, cancel, start);
    ledger::unlock(&mut client, &options.schema);
    result.map_err(|error| match Failure::kind_of(&error) {
        Some(Kind::Interrupted) => error,
        _ => cancel.check().err().unwrap_or(error),
    })
}

/// The tables, each with the load from which it goes on: one that committed a part of its file.
fn goes_on_from<'t>(tables: &[&'t str], tasks: &[Vec<Task>]) -> Vec<(&'t str, Option<i64>)> {
    let former = |tasks: &Vec<Task>| {
        let mut begun = tasks.iter().filter_map(|task| task.before);
        begun
            .find(|before| !before.complete)
            .map(|before| before.load_id)
    };
    tables
        .iter()
        .copied()
        .zip(tasks.iter().map(former))
        .collect()
}

impl Options {
    /// Whether they make sense.
    fn check(&self) -> anyhow::Result<()> {
        if self.commit_every == Some(0) {
            return Err(Kind::Usage.error("--commit-every 0: give a number of rows"));
        }
        let stdin = self.tables.iter().filter(|(_, file)| file == "-").count();
        if stdin > 1 {
            return Err(Kind::Usage.error("standard input can be one table's only"));
        }
        Ok(())
    }
}

/// A load that is under way.
pub(crate) struct Run<'a> {
    pub(crate) options: &'a Options,
    pub(crate) cancel: &'a Cancel,
    pub(crate) load_id: i64,
    pub(crate) keys: KeySets,
    /// Whether the tables were made, and still lack their keys.
    pub(crate) unkeyed: bool,
    pub(crate) rejects: Rejects,
    /// Those of the tables that are done.
    pub(crate) rows: Rows,
}

fn in_order(
    client: &mut Client,
    inputs: &[Inputs],
    options: &Options,
    cancel: &Cancel,
    start: Instant,
) -> anyhow::Result<Report> {
    let schema = &options.schema;
    let load_id = ledger::begin(client, schema, options.reject_table)?;
    let tables: Vec<&str> = inputs.iter().map(|inputs| inputs.table.as_str()).collect();
    let tasks = inputs
        .iter()
        .map(|inputs| file_plan::of(client, inputs, options, cancel, load_id))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut run = Run {
        options,
        cancel,
        load_id,
        keys: KeySets::new(options.memory_bytes),
        unkeyed: false,
        rejects: Rejects::open(&options.rejects, load_id, &goes_on_from(&tables, &tasks))?,
        rows: Rows::default(),
    };
    let done = run.transaction(client, &tables, &tasks);
    let (created, reports) = match done {
        Ok(done) => done,
        // A statement that was cancelled on the server says so in its own words; ours are clearer.
        Err(error) => {
            let error = cancel.check().err().unwrap_or(error);
            return Err(run.give_up(client, error));
        }
    };
    let targets: Vec<_> = tables
        .iter()
        .map(|table| qualified(schema, table))
        .collect();
    client
        .batch_execute(&format!("ANALYZE {}", targets.join(", ")))
        .with_context(|| {
            format!("all is loaded, but the tables in schema {schema} cannot be analysed")
        })?;
    Ok(Report {
        dataset: options.dataset.name.clone(),
        schema: schema.clone(),
        load_id,
        created,
        rows: run.rows,
        tables: reports,
        rejects: (!run.rejects.is_empty()).then(|| options.rejects.clone()),
        seconds: start.elapsed().as_secs_f64(),
    })
}

impl Run<'_> {
    /// Loads all tables and commits. Returns whether they were made, and what was loaded.
    fn transaction(
        &mut self,
        client: &mut Client,
        tables: &[&str],
        tasks: &[Vec<Task>],
    ) -> anyhow::Result<(bool, Vec<TableReport>)> {
        let Options {
            dataset,
            schema,
            dialect,
            ..
        } = self.options;
        client.batch_execute("BEGIN")?;
        let created = !tables::any(client, dataset, schema)?;
        let targets = if created {
            let (targets, judges) = target::create(client, dataset, schema, tables, dialect)?;
            self.unkeyed = true;
            if judges || self.options.commit_every.is_some() {
                // The server names the row that breaks a rule of its own only as it takes it, and a load that is
                // continued finds the keys that it needs.
                add_keys(client, self.options, &mut self.unkeyed)?;
            }
            targets
        } else {
            Target::read(client, dataset, schema, tables, dialect)?
        };
        tables::lock(client, schema, tables)?;
        if self.options.truncate {
            tables::truncate(client, schema, tables)?;
            ledger::forget(client, schema, tables)?;
        }
        let mut reports = Vec::new();
        for (index, (target, tasks)) in targets.iter().zip(tasks).enumerate() {
            self.keys.retain(|name| {
                targets[index..].iter().any(|target| {
                    target.unique.iter().any(|unique| unique.name == *name)
                        || target
                            .references
                            .iter()
                            .any(|reference| reference.parent == *name)
                })
            });
            reports.push(self.table(client, target, tables, tasks)?);
        }
        add_keys(client, self.options, &mut self.unkeyed)?;
        for report in &reports {
            report.rows.check(&report.table)?;
            self.rows.add(&report.rows);
        }
        if let Some(limit) = self.options.max_rejects
            && limit.is_exceeded(self.rows.rejected, self.rows.read)
        {
            return Err(Kind::Refused.error(format!(
                "{} of {} rows were rejected, more than --max-rejects {limit} allows",
                self.rows.rejected, self.rows.read
            )));
        }
        commit_with(client, self.options, &mut self.rejects)?;
        Ok((created, reports))
    }

    /// Rolls back, and records the rejects all the same. Returns the error with what became of the load.
    fn give_up(&mut self, client: &mut Client, error: anyhow::Error) -> anyhow::Error {
        let mut record = || -> anyhow::Result<()> {
            client.batch_execute("ROLLBACK")?;
            self.rejects.rolled_back();
            if self.options.reject_table {
                client.batch_execute("BEGIN")?;
                self.rejects.publish(client, &self.options.schema)?;
                client.batch_execute("COMMIT")?;
            } else {
                self.rejects.flush()?;
            }
            Ok(())
        };
        if let Err(failed) = record() {
            tracing::warn!(
                "the rejects of this load could not be recorded in the database: {failed:#}"
            );
        }
        let loaded = match self.options.commit_every {
            None => "nothing was loaded",
            Some(_) => {
                "what was not yet committed was not loaded; the same load again goes on from there"
            }
        };
        let seen = match self.rejects.is_empty() {
            true => String::new(),
            false => format!("; see the rejects in {}", self.options.rejects.display()),
        };
        error.context(format!("load {}: {loaded}{seen}", self.load_id))
    }
}

/// Adds keys, foreign keys and indexes, unless the tables have them.
pub(crate) fn add_keys(
    client: &mut Client,
    options: &Options,
    unkeyed: &mut bool,
) -> anyhow::Result<()> {
    if !std::mem::take(unkeyed) {
        return Ok(());
    }
    tracing::info!("adding keys, foreign keys and indexes");
    client
        .batch_execute(&options.dataset.constraints_sql)
        .with_context(|| format!("cannot add the keys in schema {}", options.schema))
        .map_err(tables::with_detail)
}

/// Publishes the rejects with the rows, and commits both.
pub(crate) fn commit_with(
    client: &mut Client,
    options: &Options,
    rejects: &mut Rejects,
) -> anyhow::Result<()> {
    if options.reject_table {
        rejects.publish(client, &options.schema)?;
    } else {
        rejects.flush()?;
    }
    client
        .batch_execute("COMMIT")
        .with_context(|| format!("cannot commit the rows in schema {}", options.schema))
        .map_err(tables::with_detail)?;
    rejects.committed();
    Ok(())
}
