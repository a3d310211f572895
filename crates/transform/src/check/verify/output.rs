//! Reads an output again, and compares it with its manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context;
use database::Cancel;
use dataset::failure::{Failure, Kind, OrFail};
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use storage::manifest::{self, FileEntry};
use storage::place::Place;
use tracing::field::Empty;

use super::error::cannot_read;
use super::first_line::Run;
use super::form::Form;
use super::rows::Rows;
use super::sums::Summed;
use super::verified::Verified;
use crate::options::Format;

/// An output as its manifest describes it.
pub(super) struct Output {
    pub(super) manifest: Place,
    pub(super) run: Run,
    form: Form,
    /// The files, in the order of the partitions.
    pub(super) files: Vec<FileEntry>,
}

impl Output {
    pub(super) fn read(manifest: Place) -> anyhow::Result<Self> {
        let text = manifest
            .read_to_string()
            .or_fail(Kind::Check, || cannot_read(&manifest))?;
        let mut lines = text.lines();
        let damaged = || damaged(&manifest);
        let run: Run =
            serde_json::from_str(lines.next().unwrap_or_default()).or_fail(Kind::Check, damaged)?;
        let form = Form::of_run(&run).ok_or_else(|| Kind::Check.error(damaged()))?;
        let files = lines
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .or_fail(Kind::Check, damaged)?;
        Ok(Self {
            run,
            form,
            files,
            manifest,
        })
    }

    /// Whether the output has a folder for each partition; otherwise it is a single file.
    pub(super) fn is_folder(&self) -> bool {
        self.manifest.name() == manifest::IN_FOLDER
    }

    pub(super) fn is_json_lines(&self) -> bool {
        self.run.format == Some(Format::JsonLines)
    }

    pub(super) fn folder(&self) -> Place {
        self.manifest.above()
    }

    pub(super) fn place(&self, file: &FileEntry) -> Place {
        self.folder().join(&file.path)
    }

    /// Opens one of the output's files at its first row, after the header.
    pub(super) fn open(&self, file: &FileEntry) -> anyhow::Result<Rows> {
        let mut rows = Rows::open(self.place(file), &self.form)?;
        self.check_names(&mut rows, file)?;
        Ok(rows)
    }

    pub(super) fn check_names(&self, rows: &mut Rows, file: &FileEntry) -> anyhow::Result<()> {
        if self.run.columns.is_empty() {
            return Ok(());
        }
        let names = self.run.columns.iter().map(|(name, _)| name.as_str());
        rows.check_names(&self.place(file), names)
    }

    pub(super) fn wrong(&self, what: &str) -> anyhow::Error {
        Kind::Check.error(format!("{}: {what}", self.manifest))
    }

    /// Reads all files and compares them with the manifest.
    pub(super) fn check(&self, cancel: &Cancel) -> anyhow::Result<Verified> {
        let began = Instant::now();
        let Self { run, files, .. } = self;
        let listed = match self.is_folder() {
            true => check_listing(&self.folder(), files)?,
            false => BTreeMap::new(),
        };
        let sum_of = |amount: fn(&FileEntry) -> u64| files.iter().map(amount).sum::<u64>();
        let of_files = [
            files.len() as u64,
            sum_of(|file| file.rows),
            sum_of(|file| file.bytes),
        ];
        if of_files != [run.files, run.rows, run.bytes] {
            return Err(self.wrong(&format!(
                "its files have {} rows in {} bytes of {} files, but it says {} rows in {} bytes of {} files",
                of_files[1], of_files[2], of_files[0], run.rows, run.bytes, run.files
            )));
        }

        let span = tracing::info_span!(
            "verify",
            model = run.model,
            rows_total = run.rows,
            rows = Empty
        );
        let done = AtomicU64::new(0);
        let damaged = || damaged(&self.manifest);
        let summed = Summed::of(run).with_context(damaged)?;
        let problems = Mutex::new(Vec::new());
        let note = |error: anyhow::Error| {
            if Failure::kind_of(&error) != Some(Kind::Check) {
                return Err(error);
            }
            let mut problems = problems.lock().unwrap_or_else(PoisonError::into_inner);
            problems.push(format!("{error:#}"));
            // Whoever knows of so many need not wait for the rest.
            match problems.len() < TOLD {
                true => Ok(summed.zero()),
                false => Err(error),
            }
        };
        let check = || {
            let checked = files.par_iter().map(|file| {
                cancel.check()?;
                let bytes = listed.get(&file.path).copied();
                let sums = self.check_file(file, bytes, &summed, cancel);
                let sums = sums.or_else(note)?;
                let before = done.fetch_add(file.rows, Ordering::Relaxed);
                span.record("rows", before + file.rows);
                Ok(sums)
            });
            let add = |mut left: Vec<i128>, right: Vec<i128>| {
                let sums = left.iter_mut().zip(right);
                sums.for_each(|(left, right)| *left = left.wrapping_add(right));
                anyhow::Ok(left)
            };
            checked.try_reduce(|| summed.zero(), add)
        };
        let sums = match self.manifest.is_bucket() {
            false => check(),
            // With files in a bucket, waiting takes longer than the work, so many are read at once.
            true => {
                let threads = ThreadPoolBuilder::new().num_threads(FILES_AT_ONCE);
                threads.build()?.install(check)
            }
        };
        cancel.check()?;
        let mut problems = problems
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        problems.sort_unstable();
        told(&problems)?;
        let sums = sums?;
        let mut found = BTreeMap::new();
        for ((name, column), sum) in summed.0.iter().zip(sums) {
            if sum != column.expected {
                return Err(self.wrong(&format!(
                    "the sum of {name} in its files is {}, but it says {}",
                    column.amount(sum),
                    column.amount(column.expected)
                )));
            }
            found.insert(name.clone(), column.amount(sum).to_string());
        }
        Ok(Verified {
            path: match self.is_folder() {
                true => self.folder(),
                false => self.place(files.first().with_context(damaged)?),
            },
            model: run.model.clone(),
            run: run.run.clone(),
            rows: run.rows,
            files: run.files,
            bytes: run.bytes,
            sums: found,
            seconds: began.elapsed().as_secs_f64(),
            database: None,
        })
    }

    /// Reads one file, checks it, and gives its sums. `bytes` is its size, if that is known.
    pub(super) fn check_file(
        &self,
        file: &FileEntry,
        bytes: Option<u64>,
        summed: &Summed,
        cancel: &Cancel,
    ) -> anyhow::Result<Vec<i128>> {
        let place = self.place(file);
        let wrong = |what: String| Kind::Check.error(format!("{place}: {what}"));
        let bytes = bytes.map_or_else(|| place.size_bytes(), Ok);
        if let Err(error) = &bytes
            && error.kind() == ErrorKind::NotFound
        {
            return Err(wrong(MISSING.to_owned()));
        }
        let bytes = bytes.or_fail(Kind::Check, || cannot_read(&place))?;
        if bytes != file.bytes {
            return Err(wrong(format!(
                "it has {bytes} bytes, the manifest says {}",
                file.bytes
            )));
        }
        let mut rows = Rows::open(place.clone(), &self.form)?;
        let read = self.check_names(&mut rows, file);
        let read = read.and_then(|()| summed.of_rows(&mut rows, &place, cancel));
        // A changed byte is reported before anything that it has led to.
        if rows.checksum()? != file.xxh3_128 {
            return Err(wrong(
                "its checksum is not the manifest's: it was changed".to_owned(),
            ));
        }
        let (count, sums) = read?;
        if count != file.rows {
            return Err(wrong(format!(
                "it has {count} rows, the manifest says {}",
                file.rows
            )));
        }
        Ok(sums)
    }
}

/// How many files are read from a bucket at once.
const FILES_AT_ONCE: usize = 32;

fn damaged(manifest: &Place) -> String {
    format!("{manifest} is damaged")
}

/// What is wrong with a file that is not there.
const MISSING: &str = "the manifest lists it, but it is not there";

/// How many problems of an output are told.
const TOLD: usize = 20;

/// Tells the first problems, one on each line.
///
/// # Errors
/// [`Kind::Check`] if there is a problem.
fn told(problems: &[String]) -> anyhow::Result<()> {
    let (first, more) = problems.split_at(problems.len().min(TOLD));
    let more = match more.len() {
        0 => String::new(),
        more => format!("\n  and {more} more"),
    };
    match first {
        [] => Ok(()),
        [one] => Err(Kind::Check.error(one.clone())),
        _ => Err(Kind::Check.error(format!(
            "{} files differ from the manifest:\n  {}{more}",
            problems.len(),
            first.join("\n  ")
        ))),
    }
}

/// Checks that the folder holds exactly the files of its manifest, and gives their sizes by path.
fn check_listing(folder: &Place, files: &[FileEntry]) -> anyhow::Result<BTreeMap<String, u64>> {
    let own = [manifest::IN_FOLDER, manifest::SUCCESS, manifest::RUN];
    let found = folder
        .files()
        .or_fail(Kind::Check, || cannot_read(folder))?;
    if !found.iter().any(|file| file.path == manifest::SUCCESS) {
        return Err(Kind::Check.error(format!(
            "{folder} has no {}: it is not whole",
            manifest::SUCCESS
        )));
    }
    let listed: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let mut problems = Vec::new();
    for file in &found {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        if !own.contains(&name) && !listed.contains(file.path.as_str()) {
            problems.push(format!(
                "{} is not in the manifest",
                folder.join(&file.path)
            ));
        }
    }
    let there: BTreeSet<&str> = found.iter().map(|file| file.path.as_str()).collect();
    let missing = listed.difference(&there);
    problems.extend(missing.map(|path| format!("{}: {MISSING}", folder.join(path))));
    told(&problems)?;
    Ok(found
        .into_iter()
        .map(|file| (file.path, file.bytes))
        .collect())
}
