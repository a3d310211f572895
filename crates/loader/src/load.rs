//! A load from beginning to end: what is to be loaded, one transaction, and what it left behind.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context;
use database::identifier::qualified;
use database::{Cancel, Settings};
use dataset::failure::{Failure, Kind};
use postgres::Client;
use tracing::field;

use crate::file::{self, Between, Beyond, FileLoad, Outcome};
use crate::inputs::{self, Inputs};
use crate::judge::Judge;
use crate::key_sets::KeySets;
use crate::key_staging::Again;
use crate::keys::KeyName;
use crate::ledger::{self, Entry};
use crate::opening::{self, Opening};
use crate::options::Options;
use crate::rejects::Rejects;
use crate::report::{FileReport, Report, Rows, TableReport};
use crate::source::{self, Sum};
use crate::tables;
use crate::target::{self, Target};
use crate::tasks::{self, Task};

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
    let inputs = inputs::find(options)?;
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

struct Run<'a> {
    options: &'a Options,
    cancel: &'a Cancel,
    load_id: i64,
    keys: KeySets,
    /// Whether the tables were made, and still lack their keys.
    unkeyed: bool,
    rejects: Rejects,
    rows: Rows,
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
        .map(|inputs| tasks::of(client, inputs, options, cancel, load_id))
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

    fn table(
        &mut self,
        client: &mut Client,
        target: &Target,
        tables: &[&str],
        tasks: &[Task],
    ) -> anyhow::Result<TableReport> {
        let start = Instant::now();
        let estimates: Option<Vec<u64>> = tasks
            .iter()
            .map(|task| source::estimated_rows(&task.source, task.sum?.bytes))
            .collect();
        let span = tracing::info_span!(
            "load",
            table = target.table.as_str(),
            rows_total = estimates.map(|rows| rows.iter().sum::<u64>()),
            rows = field::Empty
        );
        let mut report = TableReport {
            table: target.table.clone(),
            rows: Rows::default(),
            rules: BTreeMap::new(),
            orphans: BTreeMap::new(),
            files: Vec::new(),
            seconds: 0.0,
        };
        for task in tasks {
            let file = match task.before {
                Some(before) if before.complete => task.left_out(before),
                _ => self.file(client, target, tables, task, &span, &mut report)?,
            };
            for note in &file.notes {
                tracing::info!("{} {note}", file.file);
            }
            report.rows.add(&file.rows);
            report.files.push(file);
        }
        report.seconds = start.elapsed().as_secs_f64();
        Ok(report)
    }

    fn file(
        &mut self,
        client: &mut Client,
        target: &Target,
        tables: &[&str],
        task: &Task,
        span: &tracing::Span,
        report: &mut TableReport,
    ) -> anyhow::Result<FileReport> {
        let options = self.options;
        let Opening {
            rest,
            plan,
            columns,
            unique,
            references,
            mut notes,
            watch,
        } = opening::open(&task.source, target)?;
        let judge = self.judge(client, target, &unique, &references)?;
        let name = rest.name.clone();
        let mut load = FileLoad {
            schema: &options.schema,
            target,
            columns: &columns,
            plan: &plan,
            judge,
            keys: &mut self.keys,
            beyond: Beyond::Nothing,
            again: task.sum.map(|sum| Again {
                source: &task.source,
                sum,
            }),
            workers: options.workers,
            rejects: &mut self.rejects,
            done_before: task.before.map_or(0, |before| before.rows),
            limit: options.max_rejects,
            rejected_before: self.rows.rejected + report.rows.rejected,
            commit_every: options.commit_every.filter(|_| task.sum.is_some()),
            memory_bytes: options.memory_bytes,
            span,
            rows_before: report.rows.read,
        };
        let load_id = self.load_id;
        let unkeyed = &mut self.unkeyed;
        let mut commit = |client: &mut Client, rejects: &mut Rejects, rows: &Rows| {
            if let Some(limit) = options.max_rejects
                && limit.is_exceeded(rows.rejected, rows.read)
            {
                return Err(Kind::Refused.error(format!(
                    "{} of {} rows of {name} were rejected, more than --max-rejects {limit} allows",
                    rows.rejected, rows.read
                )));
            }
            if let Some(sum) = task.sum {
                let entry = Entry {
                    load_id,
                    table: &target.table,
                    file: &name,
                    sum,
                    rows,
                    complete: false,
                };
                ledger::record(client, &options.schema, &entry)?;
            }
            commit_with(client, options, rejects)?;
            client.batch_execute("BEGIN")?;
            tables::lock(client, &options.schema, tables)
        };
        let outcome = file::load(
            client,
            &mut load,
            rest,
            self.cancel,
            &mut Between {
                commit: &mut commit,
                index: &mut |client| add_keys(client, options, unkeyed),
            },
        )?;
        let orphans = std::mem::take(&mut load.judge.orphans);
        // Keys that the server gave are not among those in memory.
        for (index, key) in target.unique.iter().enumerate() {
            if !unique.contains(&index) {
                self.keys.retain(|name| *name != key.name);
            }
        }
        let sum = watch.finish(task.sum)?;
        self.finish_file(client, target, task, sum, &outcome)?;
        for (column, count) in orphans {
            *report.orphans.entry(column).or_default() += count;
        }
        for (rule, count) in &outcome.rules {
            *report.rules.entry(rule.name()).or_default() += count;
        }
        notes.extend(said(&outcome));
        Ok(FileReport {
            file: name.clone(),
            bytes: sum.bytes,
            xxh3: sum.hex(),
            rows: outcome.rows,
            blank_lines: outcome.noticed.blank_lines,
            loaded_before: task.before.map(|before| before.load_id),
            notes,
        })
    }

    /// Checks what a file gave, and records it.
    fn finish_file(
        &self,
        client: &mut Client,
        target: &Target,
        task: &Task,
        sum: Sum,
        outcome: &Outcome,
    ) -> anyhow::Result<()> {
        let options = self.options;
        let (name, rows) = (task.source.name(), &outcome.rows);
        rows.check(&name)?;
        if options.max_rejects.is_none() && rows.read > 1 && outcome.malformed == rows.read {
            return Err(Kind::Refused.error(format!(
                "not one of the {} rows of {name} fits table {}: is it another table's file, are its columns in another \
                 order, or is its delimiter another? (--max-rejects 100% takes it as it is)",
                rows.read, target.table
            )));
        }
        if task.sum.is_none() && !options.force && !options.truncate {
            // Standard input is known only now.
            let before = ledger::find(client, &options.schema, &target.table, sum)?;
            tasks::refuse_twice(options, &task.source, &target.table, before)?;
        }
        let entry = Entry {
            load_id: self.load_id,
            table: &target.table,
            file: &name,
            sum,
            rows,
            complete: true,
        };
        ledger::record(client, &options.schema, &entry)
    }

    /// Finds or reads the keys that rows of a file are judged by.
    fn judge<'t>(
        &mut self,
        client: &mut Client,
        target: &'t Target,
        unique: &[usize],
        references: &[usize],
    ) -> anyhow::Result<Judge<'t>> {
        let mut judge = Judge {
            unique: Vec::new(),
            references: Vec::new(),
            on_duplicate: self.options.on_duplicate,
            orphans: BTreeMap::new(),
        };
        for index in unique {
            let unique = &target.unique[*index];
            let place = self.read_keys(client, target, &unique.name, &unique.name.columns)?;
            judge.unique.push((unique, place));
        }
        for index in references {
            let reference = &target.references[*index];
            let place = self.read_keys(client, target, &reference.parent, &reference.columns)?;
            judge.references.push((reference, place));
        }
        Ok(judge)
    }

    fn read_keys(
        &mut self,
        client: &mut Client,
        target: &Target,
        name: &KeyName,
        columns: &[String],
    ) -> anyhow::Result<usize> {
        let columns: anyhow::Result<Vec<_>> =
            columns.iter().map(|column| target.column(column)).collect();
        self.keys.read(client, name, &columns?)
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
fn add_keys(client: &mut Client, options: &Options, unkeyed: &mut bool) -> anyhow::Result<()> {
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
fn commit_with(
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

/// What was noticed about a file's lines.
fn said(outcome: &Outcome) -> Vec<String> {
    let noticed = outcome.noticed;
    let mut notes = Vec::new();
    match (noticed.crlf, noticed.lf) {
        (0, _) => {}
        (_, 0) => notes.push("has CRLF line ends".to_owned()),
        (crlf, lf) => notes.push(format!("mixes line ends: {crlf} CRLF, {lf} LF")),
    }
    if noticed.open_end {
        notes.push("ends without a line break".to_owned());
    }
    if noticed.blank_lines > 0 {
        notes.push(format!(
            "has {} blank lines, which are no rows",
            noticed.blank_lines
        ));
    }
    notes
}
