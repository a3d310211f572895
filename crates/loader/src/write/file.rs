//! Loads one file into its table: its blocks come validated, rows are checked by their keys in the file's order, valid ones
//! are sent, and the others are recorded as rejects.
//!
//! A file takes several COPYs, since the connection is free for anything else only between two of them: to commit, to replace
//! rows, to stage keys, and to hear which rows the server refuses.

use std::collections::BTreeMap;
use std::ops::Range;
use std::thread;

use anyhow::Context;
use database::Cancel;
use database::copy::write::CopyIn;
use dataset::failure::{Failure, Kind};
use postgres::Client;
use storage::source::Watch;
use tracing::Span;
use values::records::Noticed;
use values::rule::{Rule, Violation};
use values::text;

use crate::input::batch::Batch;
use crate::input::lines::SentLines;
use crate::input::stream::{Rest, Stream};
use crate::keys::check::Verdict;
use crate::keys::memory_limit::FileKeys;
use crate::keys::staged::FileRows;
use crate::options::RejectLimit;
use crate::report::Rows;
use crate::target::tables::{self, RowEvent};
use crate::write::copy_sender::CopySender;
use crate::write::rejects::{Rejects, RowPlace};
use crate::write::upsert::Upserts;
use crate::write::waiting::{Waiting, WaitingRow};

/// All that loading a file needs, apart from its bytes.
pub(crate) struct FileLoad<'a> {
    pub(crate) rows: FileRows<'a>,
    pub(crate) keys: FileKeys<'a>,
    pub(crate) rejects: &'a mut Rejects,
    /// How many rows at the file's beginning an earlier load has done.
    pub(crate) done_before: u64,
    pub(crate) limit: Option<RejectLimit>,
    /// How many rows of other files were rejected.
    pub(crate) rejected_before: u64,
    pub(crate) commit_every: Option<u64>,
    pub(crate) memory_bytes: u64,
    pub(crate) told: Told<'a>,
    /// Tells how much of the file was read.
    pub(crate) watch: &'a Watch,
}

/// Where a load reports how much of a table's files it has read.
#[derive(Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) span: &'a Span,
    /// How many bytes the files before this one have.
    pub(crate) bytes_before: u64,
}

/// What became of a file.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) rows: Rows,
    pub(crate) rules: BTreeMap<Rule, u64>,
    pub(crate) noticed: Noticed,
    /// How many rows were rejected for their own form, not only for their keys.
    pub(crate) malformed: u64,
}

/// Commits the rows of a file so far. It is called after each [`FileLoad::commit_every`] rows, once all of them were sent.
pub(crate) type Commit<'a> = dyn FnMut(&mut Client, &mut Rejects, &Rows) -> anyhow::Result<()> + 'a;

/// Loads the rest of a file.
///
/// # Errors
/// Errors of reading the file, of the server, and of writing rejects; [`Kind::Refused`] beyond the limit of rejects.
pub(crate) fn load(
    client: &mut Client,
    into: &mut FileLoad<'_>,
    rest: Rest,
    cancel: &Cancel,
    commit: &mut Commit<'_>,
) -> anyhow::Result<Outcome> {
    let file = rest.name.clone();
    let FileRows {
        schema,
        target,
        columns,
        plan,
        workers,
        ..
    } = into.rows;
    thread::scope(|scope| {
        let mut stream = Stream::start(scope, rest, plan, workers, cancel);
        let mut progress = Progress::default();
        loop {
            if progress.begun.is_none() {
                let read = progress.outcome.rows.read;
                let waiting = progress.waiting.keys();
                into.keys.stage_if_needed(client, read, waiting, cancel)?;
            }
            into.keys.read_results_to(progress.row_to_come())?;
            let names: Vec<&str> = columns.iter().map(String::as_str).collect();
            let table = &target.table;
            let mut copy = CopyIn::start_as(client, schema, table, &names, plan.form, false)?;
            let ended = into.segment(&mut copy, &mut stream, &mut progress, &file, cancel)?;
            if ended {
                // Checked before the waiting rows are settled: a file that breaks off has not come to its end.
                progress.outcome.noticed = stream.finish()?;
                into.settle(&mut copy, &mut progress, &file)?;
            }
            copy.finish()
                .map_err(|error| match Failure::kind_of(&error) {
                    Some(Kind::Check) => {
                        tables::with_triggers(error, client, schema, table, RowEvent::Insert)
                            .context(file.clone())
                    }
                    _ => progress.sent.with_place(error, table, &file),
                })?;
            progress.sent.clear();
            progress
                .upserts
                .apply(client, into.rows)
                .map_err(|error| {
                    tables::with_triggers(error, client, schema, table, RowEvent::Update)
                })
                .with_context(|| file.clone())?;
            if ended {
                return Ok(progress.outcome);
            }
            if progress.begun.is_none() && into.keys.sets.is_over() {
                into.keys.make_room(progress.outcome.rows.read);
            }
            if progress.is_due {
                commit(client, into.rejects, &progress.outcome.rows)?;
                progress.is_due = false;
                progress.since_commit = 0;
            }
        }
    })
}

/// How far the loading of a file has come.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) outcome: Outcome,
    /// The block that was begun, with the index of its next record.
    begun: Option<(Batch, usize)>,
    /// The lines of the rows that the running COPY was sent.
    pub(super) sent: SentLines,
    pub(super) upserts: Upserts,
    pub(super) waiting: Waiting,
    since_commit: u64,
    is_due: bool,
}

impl Progress {
    /// The number of the last row in the block that was begun, or of the last row that was read.
    fn row_to_come(&self) -> u64 {
        let begun = self.begun.as_ref();
        let left = begun.map_or(0, |(batch, next)| batch.records.records.len() - next);
        self.outcome.rows.read + left as u64
    }
}

impl FileLoad<'_> {
    /// Checks and sends rows until the COPY has to end: the file ends (then it returns `true`), a commit is due, many
    /// rows were sent or wait to replace others, or the database must be asked for keys.
    fn segment(
        &mut self,
        copy: &mut CopyIn<'_>,
        stream: &mut Stream<'_>,
        progress: &mut Progress,
        file: &str,
        cancel: &Cancel,
    ) -> anyhow::Result<bool> {
        let mut sender = CopySender::new(copy);
        loop {
            let begun = progress.begun.take();
            let Some((mut batch, mut next)) = begun.or_else(|| Some((stream.next()?, 0))) else {
                sender.flush()?;
                return Ok(true);
            };
            cancel.check()?;
            let left = (batch.ends.len() - next) as u64;
            if !self.keys.has_results_to(progress.outcome.rows.read + left) {
                progress.begun = Some((batch, next));
                sender.flush()?;
                return Ok(false);
            }
            let mut violations = std::mem::take(&mut batch.violations).into_iter().peekable();
            let mut run: Range<usize> = start_of(&batch, next)..start_of(&batch, next);
            let mut run_rows = 0;
            let mut full = false;
            while next < batch.records.records.len() && !full {
                let row = next;
                next += 1;
                let mut broken = Vec::new();
                while let Some((_, violation)) =
                    violations.next_if(|(broken, _)| *broken as usize == row)
                {
                    broken.push(violation);
                }
                let encoded = start_of(&batch, row)..batch.ends[row] as usize;
                if self.take(&batch, row, &encoded, broken, progress, file)? {
                    run_rows += 1;
                    run.end = encoded.end;
                } else {
                    sender.add(&batch.encoder.bytes()[run], run_rows)?;
                    (run, run_rows) = (encoded.end..encoded.end, 0);
                }
                full = progress.is_due || progress.upserts.is_full();
            }
            sender.add(&batch.encoder.bytes()[run], run_rows)?;
            let Told { span, bytes_before } = self.told;
            span.record("bytes", bytes_before + self.watch.read_bytes());
            if full {
                batch.violations = violations.collect();
                progress.begun = Some((batch, next));
                sender.flush()?;
                return Ok(false);
            }
            stream.done(batch);
            if self.keys.sets.is_over() || sender.is_full() {
                sender.flush()?;
                return Ok(false);
            }
        }
    }

    /// Decides about one row, and returns whether it is to be sent.
    fn take(
        &mut self,
        batch: &Batch,
        row: usize,
        encoded: &Range<usize>,
        broken: Vec<Violation>,
        progress: &mut Progress,
        file: &str,
    ) -> anyhow::Result<bool> {
        let rows = &mut progress.outcome.rows;
        rows.read += 1;
        if rows.read <= self.done_before {
            rows.skipped += 1;
            return Ok(false);
        }
        progress.since_commit += 1;
        let width = self.keys.check.width();
        let keys = &batch.keys[row * width..(row + 1) * width];
        let malformed = !broken.is_empty();
        let verdict = self.keys.check_row(rows.read, keys, broken);
        let record = &batch.records.records[row];
        let byte_offset = batch.offset + u64::from(record.start);
        let mut send = false;
        match verdict {
            Verdict::Load => {
                rows.loaded += 1;
                progress.sent.add(record.line);
                send = true;
            }
            Verdict::Update => {
                rows.loaded += 1;
                rows.updated += 1;
                let row = &batch.encoder.bytes()[encoded.clone()];
                progress.upserts.push(row, self.rows.plan.form);
            }
            Verdict::Skip => rows.skipped += 1,
            Verdict::Wait => {
                let waiting = WaitingRow {
                    keys: self.keys.waiting(rows.read, keys),
                    encoded: batch.encoder.bytes()[encoded.clone()].to_vec(),
                    line: record.line,
                    byte_offset,
                    raw: text::of_raw_bytes(batch.raw(record), self.rows.plan.encoding),
                };
                progress.waiting.add(waiting, self.memory_bytes, file)?;
                let needed_bytes = progress.waiting.needed_bytes();
                self.keys.sets.reserve(needed_bytes);
            }
            Verdict::Reject(violations) => {
                progress.outcome.malformed += u64::from(malformed);
                let place = RowPlace {
                    file,
                    line: record.line,
                    byte_offset,
                };
                let raw = text::of_raw_bytes(batch.raw(record), self.rows.plan.encoding);
                self.reject(&mut progress.outcome, place, &violations, &raw)?;
            }
        }
        // A row that waits is not sent yet, so no row behind it may be recorded as done.
        progress.is_due = progress.waiting.is_empty()
            && self
                .commit_every
                .is_some_and(|every| progress.since_commit >= every);
        Ok(send)
    }

    /// Counts and records a row that is rejected.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be recorded; [`Kind::Refused`] beyond the limit of rejects.
    pub(super) fn reject(
        &mut self,
        outcome: &mut Outcome,
        place: RowPlace<'_>,
        violations: &[Violation],
        raw: &str,
    ) -> anyhow::Result<()> {
        outcome.rows.rejected += 1;
        for violation in violations {
            *outcome.rules.entry(violation.rule).or_default() += 1;
            self.rejects
                .write(&self.rows.target.table, place, violation, raw)?;
        }
        let rejected = self.rejected_before + outcome.rows.rejected;
        if let Some(limit @ RejectLimit::Rows(_)) = self.limit
            && limit.is_exceeded(rejected, u64::MAX)
        {
            return Err(Kind::Refused.error(format!(
                "{rejected} rejected by line {} of {}, more than --max-rejects {limit} allows. The commonest reasons:{}",
                place.line,
                place.file,
                self.rejects.commonest(None)
            )));
        }
        Ok(())
    }
}

/// Where the row of a record begins among the encoded rows of its block.
fn start_of(batch: &Batch, row: usize) -> usize {
    match row {
        0 => 0,
        row => batch.ends[row - 1] as usize,
    }
}
