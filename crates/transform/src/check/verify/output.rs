//! An output as its manifest describes it, read again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use database::Cancel;
use dataset::failure::{Kind, OrFail};
use rayon::prelude::*;
use storage::manifest::{self, FileEntry};
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
    pub(super) manifest: PathBuf,
    pub(super) run: Run,
    form: Form,
    /// The files, in the order of the partitions.
    pub(super) files: Vec<FileEntry>,
}

impl Output {
    pub(super) fn read(manifest: PathBuf) -> anyhow::Result<Self> {
        let text = fs::read_to_string(&manifest).or_fail(Kind::Check, || cannot_read(&manifest))?;
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

    /// Whether the output has a folder for each partition; else it is a single file.
    pub(super) fn is_folder(&self) -> bool {
        self.manifest.ends_with(manifest::IN_FOLDER)
    }

    pub(super) fn is_json_lines(&self) -> bool {
        self.run.format == Some(Format::JsonLines)
    }

    pub(super) fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("."))
    }

    pub(super) fn path(&self, file: &FileEntry) -> PathBuf {
        self.folder().join(&file.path)
    }

    /// The rows of one of its files, after the header.
    pub(super) fn open(&self, file: &FileEntry) -> anyhow::Result<Rows> {
        let mut rows = Rows::open(self.path(file), &self.form)?;
        self.check_names(&mut rows, file)?;
        Ok(rows)
    }

    pub(super) fn check_names(&self, rows: &mut Rows, file: &FileEntry) -> anyhow::Result<()> {
        if self.run.columns.is_empty() {
            return Ok(());
        }
        let names = self.run.columns.iter().map(|(name, _)| name.as_str());
        rows.check_names(&self.path(file), names)
    }

    pub(super) fn wrong(&self, what: &str) -> anyhow::Error {
        Kind::Check.error(format!("{}: {what}", self.manifest.display()))
    }

    /// Reads all files and checks them against the manifest.
    pub(super) fn check(&self, cancel: &Cancel) -> anyhow::Result<Verified> {
        let began = Instant::now();
        let Self { run, files, .. } = self;
        if self.is_folder() {
            check_listing(self.folder(), files)?;
        }
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
        let sums = files
            .par_iter()
            .map(|file| {
                cancel.check()?;
                let sums = self.check_file(file, &summed, cancel)?;
                span.record(
                    "rows",
                    done.fetch_add(file.rows, Ordering::Relaxed) + file.rows,
                );
                Ok(sums)
            })
            .try_reduce(
                || summed.zero(),
                |mut left, right| {
                    left.iter_mut()
                        .zip(right)
                        .for_each(|(left, right)| *left = left.wrapping_add(right));
                    anyhow::Ok(left)
                },
            )?;
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
                true => self.folder().to_owned(),
                false => self.path(files.first().with_context(damaged)?),
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

    /// Reads one file and gives its sums.
    pub(super) fn check_file(
        &self,
        file: &FileEntry,
        summed: &Summed,
        cancel: &Cancel,
    ) -> anyhow::Result<Vec<i128>> {
        let path = self.path(file);
        let wrong = |what: String| Kind::Check.error(format!("{}: {what}", path.display()));
        let bytes = fs::metadata(&path)
            .or_fail(Kind::Check, || cannot_read(&path))?
            .len();
        if bytes != file.bytes {
            return Err(wrong(format!(
                "it has {bytes} bytes, the manifest says {}",
                file.bytes
            )));
        }
        let mut rows = Rows::open(path.clone(), &self.form)?;
        let mut read = || {
            self.check_names(&mut rows, file)?;
            let (mut count, mut sums) = (0, summed.zero());
            while let Some(record) = rows.next()? {
                count += 1;
                summed
                    .add(record, &mut sums)
                    .map_err(|name| wrong(format!("row {count} has no amount in {name}")))?;
                if count % CHECK_EVERY_ROWS == 0 {
                    cancel.check()?;
                }
            }
            anyhow::Ok((count, sums))
        };
        let read = read();
        // Where a byte was changed, that is the news; what it led to is not.
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

/// Between two looks whether the run was interrupted, within one file.
const CHECK_EVERY_ROWS: u64 = 1 << 16;

fn damaged(manifest: &Path) -> String {
    format!("{} is damaged", manifest.display())
}

/// Whether the folder holds the files of its manifest and no others.
fn check_listing(folder: &Path, files: &[FileEntry]) -> anyhow::Result<()> {
    let own = [manifest::IN_FOLDER, manifest::SUCCESS];
    if !folder.join(manifest::SUCCESS).is_file() {
        return Err(Kind::Check.error(format!(
            "{} has no {}: it is not whole",
            folder.display(),
            manifest::SUCCESS
        )));
    }
    let listed: BTreeSet<PathBuf> = files.iter().map(|file| folder.join(&file.path)).collect();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).or_fail(Kind::Check, || cannot_read(&folder))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let is_own = entry
                .file_name()
                .to_str()
                .is_some_and(|name| own.contains(&name));
            if path.is_dir() {
                folders.push(path);
            } else if !is_own && !listed.contains(&path) {
                return Err(Kind::Check.error(format!("{} is not in the manifest", path.display())));
            }
        }
    }
    Ok(())
}
