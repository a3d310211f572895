//! Reading a published output again: against its manifest, every file, its size, checksum, rows and sums; and,
//! when asked, against what the database makes of the model.

mod comparison;
mod database;
mod parquet;
mod query;
mod records;
mod rows;
mod sums;
mod ties;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ::database::{Cancel, Settings};
use anyhow::Context;
use dataset::failure::{Kind, OrFail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tracing::field::Empty;

use crate::sink::manifest::{self, FileEntry};
pub use database::{AgainstDatabase, Source};
pub(crate) use records::{fields, value};
pub(crate) use rows::Rows;
use rows::cannot_read;
use sums::{Summed, decimal};

/// An output that is what its manifest says.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// Where it lies.
    pub path: PathBuf,
    /// The model that made it.
    pub model: String,
    /// The run that made it.
    pub run: String,
    /// Rows, without headers.
    pub rows: u64,
    /// Files.
    pub files: u64,
    /// Bytes in these files.
    pub bytes: u64,
    /// The sums that were found, by output column.
    pub sums: BTreeMap<String, String>,
    /// Reading and checking against the manifest.
    pub seconds: f64,
    /// The comparison with the database, if it was asked for.
    pub database: Option<AgainstDatabase>,
}

/// What is needed of a manifest's first line.
#[derive(Deserialize)]
struct Run {
    run: String,
    dataset: String,
    model: String,
    /// None in a raw layer, whose tables have each their own.
    #[serde(default)]
    columns: Vec<(String, String)>,
    #[serde(default)]
    partition_by: Vec<String>,
    rows: u64,
    files: u64,
    bytes: u64,
    #[serde(default)]
    sums: BTreeMap<String, String>,
}

/// Verifies the outputs at `path`: a folder of partitions, a single file, or a folder that holds several.
///
/// # Errors
/// [`Kind::Usage`] if there is no output, [`Kind::Check`] naming the first file that is not as its manifest
/// says, and how; [`Kind::Interrupted`].
pub fn verify(path: &Path, cancel: &Cancel) -> anyhow::Result<Vec<Verified>> {
    let outputs = outputs(path)?;
    outputs.iter().map(|output| output.check(cancel)).collect()
}

/// The same, and then compares each output, row by row, with what its model's SELECT gives in Postgres, all in
/// one snapshot. The join falls on the database.
///
/// # Errors
/// As [`verify`]; [`Kind::Check`] naming file, row and column of the first difference; [`Kind::Usage`] if an
/// output is none of the dataset's; and those of the database.
pub fn verify_against_database(
    path: &Path,
    settings: &Settings,
    source: &Source,
    cancel: &Cancel,
) -> anyhow::Result<Vec<Verified>> {
    let outputs = outputs(path)?;
    let models = outputs
        .iter()
        .map(|output| source.model_of(output))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut verified = outputs
        .iter()
        .map(|output| output.check(cancel))
        .collect::<anyhow::Result<Vec<_>>>()?;
    // A statement that was cancelled on the server says so in its own words; ours are clearer.
    let compared = database::compare(settings, source, &outputs, &models, cancel)
        .map_err(|error| cancel.check().err().unwrap_or(error))?;
    for (verified, compared) in verified.iter_mut().zip(compared) {
        verified.database = Some(compared);
    }
    Ok(verified)
}

fn outputs(path: &Path) -> anyhow::Result<Vec<Output>> {
    let mut manifests = manifests(path)?;
    manifests.sort();
    if manifests.is_empty() {
        return Err(Kind::Usage.error(format!(
            "{} is no output of transform: there is no {} in it, nor a manifest beside it",
            path.display(),
            manifest::IN_FOLDER
        )));
    }
    manifests.into_iter().map(Output::read).collect()
}

fn manifests(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let in_folder = path.join(manifest::IN_FOLDER);
    if in_folder.is_file() {
        return Ok(vec![in_folder]);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(manifest::beside(&name));
    if path.is_file() {
        return Ok(Some(beside)
            .filter(|path| path.is_file())
            .into_iter()
            .collect());
    }
    let entries = fs::read_dir(path).or_fail(Kind::Usage, || cannot_read(path))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .filter_map(|path| {
            let in_folder = path.join(manifest::IN_FOLDER);
            let is_beside = path.to_string_lossy().ends_with(manifest::SUFFIX);
            match is_beside {
                true => Some(path),
                false => in_folder.is_file().then_some(in_folder),
            }
        })
        .collect())
}

/// An output as its manifest describes it.
struct Output {
    manifest: PathBuf,
    run: Run,
    /// In the order of the partitions.
    files: Vec<FileEntry>,
}

impl Output {
    fn read(manifest: PathBuf) -> anyhow::Result<Self> {
        let text = fs::read_to_string(&manifest).or_fail(Kind::Check, || cannot_read(&manifest))?;
        let mut lines = text.lines();
        let damaged = || damaged(&manifest);
        let run =
            serde_json::from_str(lines.next().unwrap_or_default()).or_fail(Kind::Check, damaged)?;
        let files = lines
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .or_fail(Kind::Check, damaged)?;
        Ok(Self {
            run,
            files,
            manifest,
        })
    }

    /// Whether it has a folder for each partition; else it is a single file.
    fn is_folder(&self) -> bool {
        self.manifest.ends_with(manifest::IN_FOLDER)
    }

    fn folder(&self) -> &Path {
        self.manifest.parent().unwrap_or(Path::new("."))
    }

    fn path(&self, file: &FileEntry) -> PathBuf {
        self.folder().join(&file.path)
    }

    /// The rows of one of its files, after the header.
    fn open(&self, file: &FileEntry) -> anyhow::Result<Rows> {
        let mut rows = Rows::open(self.path(file))?;
        self.check_names(&mut rows, file)?;
        Ok(rows)
    }

    fn check_names(&self, rows: &mut Rows, file: &FileEntry) -> anyhow::Result<()> {
        if self.run.columns.is_empty() {
            return Ok(());
        }
        let names = self.run.columns.iter().map(|(name, _)| name.as_str());
        rows.check_names(&self.path(file), names)
    }

    fn wrong(&self, what: &str) -> anyhow::Error {
        Kind::Check.error(format!("{}: {what}", self.manifest.display()))
    }

    /// Reads all files and checks them against the manifest.
    fn check(&self, cancel: &Cancel) -> anyhow::Result<Verified> {
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
                        .for_each(|(left, right)| *left += right);
                    anyhow::Ok(left)
                },
            )?;
        let mut found = BTreeMap::new();
        for ((name, column), sum) in summed.0.iter().zip(sums) {
            if sum != column.expected {
                return Err(self.wrong(&format!(
                    "the sum of {name} in its files is {}, but it says {}",
                    decimal(sum, column.scale),
                    decimal(column.expected, column.scale)
                )));
            }
            found.insert(name.clone(), decimal(sum, column.scale));
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
    fn check_file(
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
        let mut rows = Rows::open(path.clone())?;
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
