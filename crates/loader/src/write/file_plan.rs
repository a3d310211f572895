//! What is done with each file, decided before the first row is read.

use std::io::Read;
use std::panic::resume_unwind;
use std::sync::atomic::AtomicU64;
use std::thread::{self, ScopedJoinHandle};

use database::Cancel;
use dataset::failure::Kind;
use postgres::Client;

use crate::input::find::TableFiles;
use crate::input::sniff;
use crate::options::{OnDuplicate, Options};
use crate::report::{FileReport, Rows};
use crate::target::Target;
use crate::write::ledger::{self, Before};
use storage::place::reading;
use storage::source::Source;
use storage::sum::Sum;

/// How many objects of a bucket are read at once, since waiting for one takes longer than working on it.
const OBJECTS_AT_ONCE: usize = 16;
/// How many bytes are read at once in the search for a row.
const LOOK_BYTES: usize = 64 << 10;

/// What is done with a file.
pub(crate) struct FilePlan {
    pub(crate) source: Source,
    /// The file's sum, if the file can be read twice.
    pub(crate) sum: Option<Sum>,
    /// What an earlier load did with the file.
    pub(crate) before: Option<Before>,
}

impl FilePlan {
    /// The report of a file that is left out because an earlier load has loaded it.
    pub(crate) fn left_out(&self, before: Before) -> FileReport {
        let sum = self.sum.unwrap_or(Sum { bytes: 0, xxh3: 0 });
        FileReport {
            file: self.source.name(),
            bytes: sum.bytes,
            xxh3: sum.hex(),
            rows: Rows {
                read: before.rows,
                skipped: before.rows,
                ..Rows::default()
            },
            blank_lines: 0,
            loaded_before: Some(before.load_id),
            notes: vec![format!(
                "was loaded before, as load {}: left out",
                before.load_id
            )],
        }
    }
}

/// Sums the files of a table, and asks the ledger what became of them before. Small objects of a bucket are kept in memory as long
/// as `room` has bytes left for them.
///
/// # Errors
/// [`Kind::Refused`] for a file that was loaded before; [`Kind::Usage`] for one that cannot be read.
pub(crate) fn of(
    client: &mut Client,
    inputs: &TableFiles,
    options: &Options,
    cancel: &Cancel,
    load_id: i64,
    room: &AtomicU64,
) -> anyhow::Result<Vec<FilePlan>> {
    let mut plans: Vec<FilePlan> = Vec::new();
    let in_bucket = |source: &Source| matches!(source, Source::Object(_));
    let at_once = match inputs.sources.iter().any(in_bucket) {
        true => OBJECTS_AT_ONCE,
        false => 1,
    };
    let all = inputs.sources.chunks(at_once);
    for summed in all.flat_map(|sources| summed(sources, room, cancel)) {
        let (source, sum) = summed?;
        let twin = plans
            .iter()
            .any(|plan| sum.is_some_and(|sum| sum.bytes > 0) && plan.sum == sum);
        let before = match sum {
            _ if options.force => None,
            Some(_) if twin => Some(Before {
                load_id,
                complete: true,
                rows: 0,
            }),
            Some(sum) if !options.truncate => {
                ledger::find(client, &options.schema, &inputs.table, sum)?
            }
            _ => None,
        };
        // A load that commits along the way may be repeated until all files are done.
        if options.commit_every.is_none() {
            refuse_twice(options, &source, &inputs.table, before)?;
        }
        plans.push(FilePlan {
            source,
            sum,
            // A file whose rows replace others may be loaded any number of times.
            before: before
                .filter(|before| !before.complete || options.on_duplicate != OnDuplicate::Update),
        });
    }
    Ok(plans)
}

/// Sums files, all at the same time, each in a thread of its own.
fn summed(
    sources: &[Source],
    room: &AtomicU64,
    cancel: &Cancel,
) -> Vec<anyhow::Result<(Source, Option<Sum>)>> {
    let sum = |source: &Source| {
        let mut source = source.clone();
        source.keep(room)?;
        let sum = source.sum(cancel)?;
        Ok((source, sum))
    };
    thread::scope(|scope| {
        let spawn = |source| scope.spawn(move || sum(source));
        let threads: Vec<_> = sources.iter().map(spawn).collect();
        let joined = threads.into_iter().map(ScopedJoinHandle::join);
        joined
            .map(|ended| ended.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    })
}

/// Refuses to empty a table whose files have no row. For a pipe, that is known only once it is read.
///
/// # Errors
/// [`Kind::Refused`] with the way out; errors of reading the files.
pub(crate) fn refuse_empty(target: &Target, plans: &[FilePlan]) -> anyhow::Result<()> {
    for plan in plans {
        if plan.sum.is_none() || has_rows(&plan.source, target)? {
            return Ok(());
        }
    }
    Err(no_row(target, plans))
}

/// The error that refuses to empty a table whose files have no row.
pub(crate) fn no_row(target: &Target, plans: &[FilePlan]) -> anyhow::Error {
    let files: Vec<String> = plans.iter().map(|plan| plan.source.name()).collect();
    let hold = if plans.len() == 1 { "holds" } else { "hold" };
    Kind::Refused.error(format!(
        "{} {hold} no row, and --truncate would empty {}: is it the right file? (--allow-empty empties the table)",
        files.join(", "),
        target.table
    ))
}

/// Whether a file has anything but line ends after its header.
fn has_rows(source: &Source, target: &Target) -> anyhow::Result<bool> {
    let mut rest = sniff::open(source, target)?.0.rest;
    let is_row = |bytes: &[u8]| bytes.iter().any(|byte| !matches!(byte, b'\n' | b'\r'));
    if is_row(&rest.read) {
        return Ok(true);
    }
    let mut buffer = vec![0; LOOK_BYTES];
    loop {
        let count = reading(rest.bytes.read(&mut buffer), Kind::Refused, &rest.name)?;
        if count == 0 || is_row(&buffer[..count]) {
            return Ok(count > 0);
        }
    }
}

/// Refuses a file that was loaded before, unless the options allow it.
///
/// # Errors
/// [`Kind::Refused`] with the ways out.
pub(crate) fn refuse_twice(
    options: &Options,
    source: &Source,
    table: &str,
    before: Option<Before>,
) -> anyhow::Result<()> {
    match before {
        Some(before) if before.complete && options.on_duplicate == OnDuplicate::Reject => {
            Err(Kind::Refused.error(format!(
                "{} was loaded into {table} before, as load {}: --on-duplicate skip leaves it out, --on-duplicate update \
                 replaces its rows, --force loads it in any case",
                source.name(),
                before.load_id
            )))
        }
        _ => Ok(()),
    }
}
