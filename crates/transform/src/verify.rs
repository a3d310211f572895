//! Reading a published output again, against its manifest: every file, its size, checksum, rows and sums.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::Context;
use csv_core::{ReadRecordResult, Reader};
use database::Cancel;
use dataset::failure::{Kind, OrFail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tracing::field::Empty;
use xxhash_rust::xxh3::xxh3_128;

use crate::sink::manifest::{self, FileEntry};

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
    /// Reading and checking.
    pub seconds: f64,
}

/// What is needed of a manifest's first line.
#[derive(Deserialize)]
struct Run {
    run: String,
    model: String,
    columns: Vec<(String, String)>,
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
    let mut manifests = manifests(path)?;
    manifests.sort();
    if manifests.is_empty() {
        return Err(Kind::Usage.error(format!(
            "{} is no output of transform: there is no {} in it, nor a manifest beside it",
            path.display(),
            manifest::IN_FOLDER
        )));
    }
    manifests
        .iter()
        .map(|manifest| verify_one(manifest, cancel))
        .collect()
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

fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}

fn verify_one(manifest: &Path, cancel: &Cancel) -> anyhow::Result<Verified> {
    let began = Instant::now();
    let wrong = |what: String| Kind::Check.error(format!("{}: {what}", manifest.display()));
    let text = fs::read_to_string(manifest).or_fail(Kind::Check, || cannot_read(manifest))?;
    let mut lines = text.lines();
    let damaged = || format!("{} is damaged", manifest.display());
    let run: Run =
        serde_json::from_str(lines.next().unwrap_or_default()).or_fail(Kind::Check, damaged)?;
    let files: Vec<FileEntry> = lines
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .or_fail(Kind::Check, damaged)?;
    let in_folder = manifest.ends_with(manifest::IN_FOLDER);
    let folder = manifest.parent().unwrap_or(Path::new("."));
    if in_folder {
        check_listing(folder, &files)?;
    }
    let sum_of = |amount: fn(&FileEntry) -> u64| files.iter().map(amount).sum::<u64>();
    let of_files = [
        files.len() as u64,
        sum_of(|file| file.rows),
        sum_of(|file| file.bytes),
    ];
    if of_files != [run.files, run.rows, run.bytes] {
        return Err(wrong(format!(
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
    let summed = Summed::of(&run).with_context(damaged)?;
    let sums = files
        .par_iter()
        .map(|file| {
            cancel.check()?;
            let sums = verify_file(&folder.join(&file.path), file, &run.columns, &summed)?;
            span.record(
                "rows",
                done.fetch_add(file.rows, Ordering::Relaxed) + file.rows,
            );
            Ok(sums)
        })
        .try_reduce(
            || vec![0; summed.0.len()],
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
            return Err(wrong(format!(
                "the sum of {name} in its files is {}, but it says {}",
                decimal(sum, column.scale),
                decimal(column.expected, column.scale)
            )));
        }
        found.insert(name.clone(), decimal(sum, column.scale));
    }
    Ok(Verified {
        path: match in_folder {
            true => folder.to_owned(),
            false => folder.join(&files.first().with_context(damaged)?.path),
        },
        model: run.model,
        run: run.run,
        rows: run.rows,
        files: run.files,
        bytes: run.bytes,
        sums: found,
        seconds: began.elapsed().as_secs_f64(),
    })
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

/// The columns to sum, with what their sums must be.
struct Summed(Vec<(String, SummedColumn)>);

struct SummedColumn {
    /// Its place among the columns.
    index: usize,
    scale: usize,
    expected: i128,
}

impl Summed {
    /// `None` if the manifest contradicts itself.
    fn of(run: &Run) -> Option<Self> {
        let columns = run.sums.iter().map(|(name, sum)| {
            let index = run.columns.iter().position(|(column, _)| column == name)?;
            let scale = sum
                .split_once('.')
                .map_or(0, |(_, fraction)| fraction.len());
            let column = SummedColumn {
                index,
                scale,
                expected: unscaled(sum.as_bytes(), scale)?,
            };
            Some((name.clone(), column))
        });
        columns.collect::<Option<_>>().map(Self)
    }
}

/// A decimal as an integer at `scale`; `None` if it is none.
fn unscaled(text: &[u8], scale: usize) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let point = digits
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(digits.len());
    let (whole, fraction) = (
        &digits[..point],
        digits.get(point + 1..).unwrap_or_default(),
    );
    if digits.is_empty() || fraction.len() != scale {
        return None;
    }
    whole
        .iter()
        .chain(fraction)
        .try_fold(0_i128, |value, byte| {
            let digit = (*byte as char).to_digit(10)?;
            value.checked_mul(10)?.checked_add(sign * i128::from(digit))
        })
}

fn decimal(unscaled: i128, scale: usize) -> String {
    let mut text = Vec::new();
    crate::sink::write_decimal(unscaled, scale, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads one file and gives its sums.
fn verify_file(
    path: &Path,
    entry: &FileEntry,
    columns: &[(String, String)],
    summed: &Summed,
) -> anyhow::Result<Vec<i128>> {
    let wrong = |what: String| Kind::Check.error(format!("{}: {what}", path.display()));
    let bytes = fs::read(path).or_fail(Kind::Check, || cannot_read(path))?;
    if bytes.len() as u64 != entry.bytes {
        return Err(wrong(format!(
            "it has {} bytes, the manifest says {}",
            bytes.len(),
            entry.bytes
        )));
    }
    if xxh3_128(&bytes) != entry.xxh3_128 {
        return Err(wrong(
            "its checksum is not the manifest's: it was changed".to_owned(),
        ));
    }
    let mut records = Records::new(&bytes);
    let mut sums = vec![0; summed.0.len()];
    let mut rows = 0;
    let names: Vec<&[u8]> = columns.iter().map(|(name, _)| name.as_bytes()).collect();
    match records.next() {
        Some(header) if header == names => {}
        _ => return Err(wrong("its header is not the manifest's".to_owned())),
    }
    while let Some(record) = records.next() {
        rows += 1;
        for (sum, (name, column)) in sums.iter_mut().zip(&summed.0) {
            let field = record.get(column.index).copied().unwrap_or_default();
            // NULL counts as nothing.
            if !field.is_empty() {
                *sum += unscaled(field, column.scale)
                    .ok_or_else(|| wrong(format!("row {rows} has no amount in {name}")))?;
            }
        }
    }
    if rows != entry.rows {
        return Err(wrong(format!(
            "it has {rows} rows, the manifest says {}",
            entry.rows
        )));
    }
    Ok(sums)
}

/// The records of a CSV text.
struct Records<'a> {
    reader: Reader,
    rest: &'a [u8],
    fields: Vec<u8>,
    ends: Vec<usize>,
}

impl<'a> Records<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(),
            rest: text,
            fields: vec![0; 4096],
            ends: vec![0; 64],
        }
    }

    /// The fields of the next record.
    fn next(&mut self) -> Option<Vec<&[u8]>> {
        let (mut written, mut count) = (0, 0);
        loop {
            let (result, read, wrote, ended) = self.reader.read_record(
                self.rest,
                &mut self.fields[written..],
                &mut self.ends[count..],
            );
            self.rest = &self.rest[read..];
            written += wrote;
            count += ended;
            match result {
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                // The text is whole: what follows is its end.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::End => return None,
                ReadRecordResult::Record => break,
            }
        }
        let starts = std::iter::once(0).chain(self.ends[..count].iter().copied());
        let ranges = starts.zip(&self.ends[..count]);
        Some(
            ranges
                .map(|(start, end)| &self.fields[start..*end])
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn records_hold_line_breaks_quotes_and_any_number_of_fields() {
        let long = "x".repeat(10_000);
        let text = format!(
            "a,b\n\"x\ny\",\"\"\n,\"q\"\"q\"\n{long}{}\n",
            ",".repeat(200)
        );
        let mut records = Records::new(text.as_bytes());
        let mut next = || {
            let record = records.next()?;
            Some(
                record
                    .iter()
                    .map(|field| String::from_utf8_lossy(field).into_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(next().unwrap(), ["a", "b"]);
        assert_eq!(next().unwrap(), ["x\ny", ""]);
        assert_eq!(next().unwrap(), ["", "q\"q"]);
        assert_eq!(
            next().map(|record| (record.len(), record[0].len())),
            Some((201, 10_000))
        );
        assert!(next().is_none());
    }

    #[test]
    fn what_is_no_decimal_of_the_scale_is_none() {
        for text in ["", "-", "1", "1.2", "1.234", "x.00", "1,00", "--1.00"] {
            assert_eq!(unscaled(text.as_bytes(), 2), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn decimals_are_read_as_they_are_written(value in -i128::MAX / 2..i128::MAX / 2, scale in 0_usize..38) {
            prop_assert_eq!(unscaled(decimal(value, scale).as_bytes(), scale), Some(value));
        }
    }
}
