//! The files of a table, one after the other: what each is checked against, and what the ledger records about it.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Context;
use database::lock::lock;
use database::{Cancel, transaction};
use dataset::failure::Kind;
use postgres::Client;
use tracing::field;

use crate::input::look;
use crate::input::sniff::{self, SniffedFile};
use crate::keys::check::KeyCheck;
use crate::keys::memory_limit::FileKeys;
use crate::keys::sets::KeySets;
use crate::keys::staged::FileRows;
use crate::options::Options;
use crate::report::{FileReport, Rows, TableReport};
use crate::target::Target;
use crate::target::tables;
use crate::write::file::{self, FileLoad, Outcome, Told};
use crate::write::file_plan::{self, FilePlan};
use crate::write::ledger::{self, Entry, OfOthers};
use crate::write::reasons;
use crate::write::rejects::Rejects;
use storage::sum::Sum;
use values::line_end::LineEnd;

/// The name under which this command holds the lock on the schema.
const COMMAND: &str = "load";

/// A load that is under way.
pub(crate) struct Run<'a> {
    pub(crate) options: &'a Options,
    pub(crate) cancel: &'a Cancel,
    pub(crate) load_id: i64,
    /// What other loads had recorded when this one began.
    pub(crate) others: OfOthers,
    pub(crate) keys: KeySets,
    /// Whether the tables were made by this load and still lack their keys.
    pub(crate) unkeyed: bool,
    /// The seconds that adding the keys took.
    pub(crate) index_seconds: f64,
    pub(crate) rejects: Rejects,
    /// The rows of the tables that are done.
    pub(crate) rows: Rows,
}

impl Run<'_> {
    /// Adds the keys of tables that were made by this load and still lack them.
    pub(crate) fn add_keys(&mut self, client: &mut Client) -> anyhow::Result<()> {
        let start = Instant::now();
        let Options {
            dataset, schema, ..
        } = self.options;
        tables::add_keys(client, dataset, schema, &mut self.unkeyed)?;
        self.index_seconds += start.elapsed().as_secs_f64();
        Ok(())
    }

    /// Loads the files of one of `tables`, all of which are locked.
    pub(crate) fn table(
        &mut self,
        client: &mut Client,
        target: &Target,
        tables: &[&str],
        plans: &[FilePlan],
    ) -> anyhow::Result<TableReport> {
        let start = Instant::now();
        let bytes_of = |plans: &[FilePlan]| -> Option<u64> {
            plans.iter().map(|plan| Some(plan.sum?.bytes)).sum()
        };
        let span = tracing::info_span!(
            "load",
            table = target.table.as_str(),
            bytes_total = bytes_of(plans),
            bytes = field::Empty
        );
        let mut report = TableReport {
            table: target.table.clone(),
            rows: Rows::default(),
            done_before: 0,
            rules: BTreeMap::new(),
            orphans: BTreeMap::new(),
            files: Vec::new(),
            seconds: 0.0,
        };
        let mut bytes_before = 0;
        for file_plan in plans {
            let told = Told {
                span: &span,
                bytes_before,
            };
            let file = match file_plan.before {
                Some(before) if before.complete => file_plan.left_out(before),
                _ => self.file(client, target, tables, file_plan, told, &mut report)?,
            };
            report.done_before += file_plan.before.map_or(0, |before| before.rows);
            for note in &file.notes {
                tracing::info!("{} {note}", file.file);
            }
            report.rows.add(&file.rows);
            bytes_before += file.bytes;
            report.files.push(file);
        }
        if self.options.truncate && !self.options.allow_empty && report.rows.read == 0 {
            return Err(file_plan::no_row(target, plans));
        }
        self.rejects.check_default_limit(
            self.options,
            &target.table,
            report.rows.rejected,
            report.rows.read - report.done_before,
        )?;
        report.seconds = start.elapsed().as_secs_f64();
        Ok(report)
    }

    fn file(
        &mut self,
        client: &mut Client,
        target: &Target,
        tables: &[&str],
        file_plan: &FilePlan,
        told: Told<'_>,
        report: &mut TableReport,
    ) -> anyhow::Result<FileReport> {
        let options = self.options;
        let source = match file_plan.sum {
            Some(_) => file_plan.source.clone(),
            // Whether a pipe must be read twice is known only when its keys don't fit in memory.
            None => file_plan.source.kept()?,
        };
        let (sniffed, watch) = sniff::open(&source, target)?;
        let SniffedFile {
            rest,
            plan,
            columns,
            unique,
            references,
            mut notes,
        } = sniffed;
        let check = self.key_check(client, target, &unique, &references)?;
        let name = rest.name.clone();
        let rows = FileRows {
            schema: &options.schema,
            target,
            columns: &columns,
            plan: &plan,
            workers: options.workers,
            source: &source,
            sum: file_plan.sum,
        };
        let done_before = file_plan.before.map_or(0, |before| before.rows);
        let mut load = FileLoad {
            rows,
            keys: FileKeys::new(rows, check, &mut self.keys, done_before),
            rejects: &mut self.rejects,
            done_before,
            limit: options.max_rejects,
            rejected_before: self.rows.rejected + report.rows.rejected,
            commit_every: options.commit_every.filter(|_| file_plan.sum.is_some()),
            memory_bytes: options.memory_bytes,
            told,
            watch: &watch,
        };
        let (load_id, others) = (self.load_id, self.others);
        let rejected_before = report.rows.rejected;
        let read_before = report.rows.read - report.done_before;
        let mut commit = |client: &mut Client, rejects: &mut Rejects, rows: &Rows| {
            rejects.check_limit(options, rows, Some((&target.table, &name)))?;
            rejects.check_default_limit(
                options,
                &target.table,
                rejected_before + rows.rejected,
                read_before + rows.read - done_before,
            )?;
            if let Some(sum) = file_plan.sum {
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
            begin(client, options)?;
            check_alone(client, options, load_id, others)?;
            tables::lock(client, &options.schema, tables)
        };
        let outcome = file::load(client, &mut load, rest, self.cancel, &mut commit)?;
        let orphans = std::mem::take(&mut load.keys.check.orphans);
        // Keys whose columns the file lacks are filled in by the server, so memory does not have them all.
        for (index, key) in target.unique.iter().enumerate() {
            if !unique.contains(&index) {
                self.keys.retain(|name| *name != key.name);
            }
        }
        let sum = watch.finish(file_plan.sum)?;
        self.finish_file(client, target, file_plan, sum, &outcome)?;
        for (column, count) in orphans {
            *report.orphans.entry(column).or_default() += count;
        }
        for (rule, count) in &outcome.rules {
            *report.rules.entry(rule.name()).or_default() += count;
        }
        if let Some(before) = file_plan.before {
            notes.push(format!(
                "was loaded in part before, as load {}: continues after its first {} rows",
                before.load_id, before.rows
            ));
        }
        notes.extend(said(&outcome, plan.grammar.line_end));
        if outcome.rows.read == 0 && !notes.iter().any(|note| note == sniff::EMPTY) {
            notes.push("has a header and no row".to_owned());
        }
        if options.commit_every.is_some() && file_plan.sum.is_none() {
            notes.push("is a pipe, whose rows are committed only at its end".to_owned());
        }
        Ok(FileReport {
            file: name.clone(),
            bytes: sum.bytes,
            xxh3: sum.hex(),
            rows: outcome.rows,
            blank_lines: outcome.noticed.blank_lines,
            loaded_before: file_plan.before.map(|before| before.load_id),
            notes,
        })
    }

    /// Checks what a file gave, and records it in the ledger.
    fn finish_file(
        &self,
        client: &mut Client,
        target: &Target,
        file_plan: &FilePlan,
        sum: Sum,
        outcome: &Outcome,
    ) -> anyhow::Result<()> {
        let options = self.options;
        let (name, rows) = (file_plan.source.name(), &outcome.rows);
        rows.check(&name)?;
        if options.max_rejects.is_none() && rows.read > 1 && outcome.malformed == rows.read {
            let reasons = self.rejects.of_last_file(&target.table);
            return Err(Kind::Refused.error(format!(
                "not one of the {} rows of {name} fits table {}: is it another table's file, are its columns in another \
                 order, or is it written in another way? (--max-rejects 100% accepts it as it is)\n  {}.\n  The commonest \
                 reasons:{}",
                rows.read,
                target.table,
                look::described(reasons.iter().flat_map(|reasons| reasons.samples()), &target.rules),
                reasons::commonest(reasons.iter().map(|reasons| (target.table.as_str(), *reasons)))
            )));
        }
        if file_plan.sum.is_none() && !options.force && !options.truncate {
            // The sum of standard input is known only now.
            let before = ledger::find(client, &options.schema, &target.table, sum)?;
            file_plan::refuse_twice(options, &file_plan.source, &target.table, before)?;
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

    /// Finds or reads the keys that the rows of a file are checked against.
    fn key_check<'t>(
        &mut self,
        client: &mut Client,
        target: &'t Target,
        unique: &[usize],
        references: &[usize],
    ) -> anyhow::Result<KeyCheck<'t>> {
        let mut check = KeyCheck {
            unique: Vec::new(),
            references: Vec::new(),
            on_duplicate: self.options.on_duplicate,
            orphans: BTreeMap::new(),
        };
        for index in unique {
            let unique = &target.unique[*index];
            let of_server = unique.nulls_equal || unique.name.is_of_server();
            let place = self.keys.read(client, &unique.name, of_server)?;
            check.unique.push((unique, place));
        }
        for index in references {
            let reference = &target.references[*index];
            let parent = &reference.parent;
            let place = self.keys.read(client, parent, parent.is_of_server())?;
            check.references.push((reference, place));
        }
        Ok(check)
    }
}

/// Begins a transaction that keeps other loads off the schema.
///
/// # Errors
/// [`Kind::Refused`] if another load has it; errors of the server.
pub(crate) fn begin(client: &mut Client, options: &Options) -> anyhow::Result<()> {
    transaction::begin(client)?;
    lock(client, COMMAND, &options.schema)
}

/// Checks that no other load has come between two transactions of this one: what is known of the tables would be old.
fn check_alone(
    client: &mut Client,
    options: &Options,
    load_id: i64,
    before: OfOthers,
) -> anyhow::Result<()> {
    match ledger::of_others(client, &options.schema, load_id)? == before {
        true => Ok(()),
        false => Err(Kind::Refused.error(format!(
            "another load into schema {} came between two commits of this one: run this one again",
            options.schema
        ))),
    }
}

/// Publishes the rejects beside the rows, and commits both.
///
/// # Errors
/// [`Kind::Output`] if the rejects cannot be written or were removed meanwhile; errors of the server.
pub(crate) fn commit_with(
    client: &mut Client,
    options: &Options,
    rejects: &mut Rejects,
) -> anyhow::Result<()> {
    if options.reject_table {
        rejects.publish(client, &options.schema)?;
    }
    rejects.put()?;
    rejects.check_there()?;
    client
        .batch_execute("COMMIT")
        .with_context(|| format!("cannot commit the rows in schema {}", options.schema))
        .map_err(tables::with_detail)?;
    rejects.committed();
    Ok(())
}

/// What the report says about a file's lines.
fn said(outcome: &Outcome, line_end: LineEnd) -> Vec<String> {
    let noticed = outcome.noticed;
    let mut notes = Vec::new();
    let counts = [
        (LineEnd::Lf, noticed.lf),
        (LineEnd::CrLf, noticed.crlf),
        (LineEnd::Cr, noticed.cr),
    ];
    let others = counts
        .iter()
        .filter(|(other, count)| *other != line_end && *count > 0);
    let others: Vec<_> = others
        .map(|(other, count)| format!("{count} with {}", other.name()))
        .collect();
    if !others.is_empty() {
        notes.push(format!(
            "mixes line ends: its first line ends with {}, {}, which are rejects",
            line_end.name(),
            others.join(" and ")
        ));
    } else if line_end != LineEnd::Lf {
        notes.push(format!("has {} line ends", line_end.name()));
    }
    if noticed.open_end {
        notes.push("ends without a line break".to_owned());
    }
    if noticed.blank_lines > 0 {
        notes.push(format!(
            "has {} blank lines, which are not rows",
            noticed.blank_lines
        ));
    }
    notes
}
