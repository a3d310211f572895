//! Frames into files: CSV, in one file or in a folder for each value of the partition columns.

mod cells;
pub(crate) mod manifest;
mod partition;
pub(crate) mod publish;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use database::Cancel;
use dataset::Model;
use dataset::failure::{Kind, OrFail};
use polars::prelude::{DataFrame, DataType, IntoColumn, SortMultipleOptions, StringChunked};
use rayon::prelude::*;
use tracing::field::Empty;
use xxhash_rust::xxh3::Xxh3;

pub(crate) use cells::{write_date, write_decimal, write_time};

use cells::{Cells, write_text};
use manifest::FileEntry;

/// The name of a partition's file.
const PARTITION_FILE: &str = "part-0.csv";
/// A buffer is written out once it holds this many bytes.
const BUFFER_BYTES: usize = 1 << 20;
/// Rows that one thread encodes at a time for a single file.
const BLOCK_ROWS: usize = 1 << 15;

/// What was written.
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Sums by output column, of the rows as they were encoded.
    pub(crate) sums: BTreeMap<String, i128>,
    pub(crate) files: Vec<FileEntry>,
}

/// A model's output, ordered, ready to be encoded.
struct Rows {
    header: Vec<u8>,
    /// The columns that are written.
    visible: Vec<Cells>,
    /// The columns that are summed, by their name in the output.
    summed: Vec<(String, Cells)>,
    rows: usize,
    cancel: Cancel,
    span: tracing::Span,
    encoded: AtomicU64,
}

impl Rows {
    fn new(model: &Model, frame: &DataFrame, cancel: &Cancel) -> anyhow::Result<Self> {
        let mut header = Vec::new();
        let mut visible = Vec::new();
        for (name, _) in &model.columns {
            if model.hidden.contains(name) {
                continue;
            }
            if !visible.is_empty() {
                header.push(b',');
            }
            write_text(name, &mut header);
            visible.push(Cells::of(frame.column(name)?)?);
        }
        header.push(b'\n');
        let sums = model
            .driving
            .iter()
            .flat_map(|driving| driving.sums.values());
        let summed = sums
            .map(|name| Ok((name.clone(), Cells::of(frame.column(name)?)?)))
            .collect::<anyhow::Result<_>>()?;
        let rows = frame.height();
        Ok(Self {
            header,
            visible,
            summed,
            rows,
            cancel: cancel.clone(),
            span: tracing::info_span!(
                "write",
                model = model.name,
                rows_total = rows as u64,
                rows = Empty
            ),
            encoded: AtomicU64::new(0),
        })
    }

    /// Appends the rows of `range` and returns their sums, in the order of `summed`.
    fn encode(&self, range: Range<usize>, out: &mut Vec<u8>) -> Vec<i128> {
        let mut sums = vec![0; self.summed.len()];
        for row in range.clone() {
            for (index, cells) in self.visible.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                cells.write_field(row, out);
            }
            out.push(b'\n');
            for (sum, (_, cells)) in sums.iter_mut().zip(&self.summed) {
                *sum += cells.unscaled(row).unwrap_or(0);
            }
        }
        let rows = range.len() as u64;
        let encoded = self.encoded.fetch_add(rows, Ordering::Relaxed) + rows;
        self.span.record("rows", encoded);
        sums
    }

    fn written(&self, files: Vec<FileEntry>, sums: &[i128]) -> Written {
        Written {
            rows: files.iter().map(|file| file.rows).sum(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            sums: self
                .summed
                .iter()
                .map(|(name, _)| name.clone())
                .zip(sums.iter().copied())
                .collect(),
            files,
        }
    }
}

/// An open file with its checksum.
struct Output<'a> {
    path: &'a Path,
    file: File,
    hash: Xxh3,
    bytes: u64,
}

impl<'a> Output<'a> {
    fn create(path: &'a Path) -> anyhow::Result<Self> {
        // Two values whose folders the file system holds for one (letter case, on some) must not mix.
        let file = File::create_new(path)
            .or_fail(Kind::Output, || format!("cannot create {}", path.display()))?;
        Ok(Self {
            path,
            file,
            hash: Xxh3::new(),
            bytes: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).or_fail(Kind::Output, || {
            format!("cannot write {}", self.path.display())
        })
    }

    fn entry(self, path: String, rows: usize) -> FileEntry {
        FileEntry {
            path,
            rows: rows as u64,
            bytes: self.bytes,
            xxh3_128: format!("{:032x}", self.hash.digest128()),
        }
    }
}

fn add(total: &mut [i128], sums: &[i128]) {
    for (total, sum) in total.iter_mut().zip(sums) {
        *total += sum;
    }
}

/// Writes all rows into the file `path`, in the model's order.
///
/// # Errors
/// [`Kind::Output`] if the file cannot be written; it is then incomplete and never published.
pub(crate) fn write_single(
    model: &Model,
    frame: DataFrame,
    path: &Path,
    cancel: &Cancel,
) -> anyhow::Result<Written> {
    let frame = sorted(frame, &model.order_by)?;
    let rows = Rows::new(model, &frame, cancel)?;
    let _entered = rows.span.clone().entered();
    let mut output = Output::create(path)?;
    output.write(&rows.header)?;
    let mut sums = vec![0; rows.summed.len()];
    let starts: Vec<usize> = (0..rows.rows).step_by(BLOCK_ROWS).collect();
    // As many blocks at a time as there are threads: bounded memory, and the order is kept.
    for starts in starts.chunks(rayon::current_num_threads()) {
        rows.cancel.check()?;
        let encoded: Vec<(Vec<u8>, Vec<i128>)> = starts
            .par_iter()
            .map(|start| {
                let mut block = Vec::with_capacity(BUFFER_BYTES * 4);
                let sums = rows.encode(*start..rows.rows.min(start + BLOCK_ROWS), &mut block);
                (block, sums)
            })
            .collect();
        for (block, block_sums) in encoded {
            output.write(&block)?;
            add(&mut sums, &block_sums);
        }
    }
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let entry = output.entry(name.unwrap_or_default(), rows.rows);
    Ok(rows.written(vec![entry], &sums))
}

/// Writes the rows of each value of the columns `partition_by` into `folder/column=value/part-0.csv`.
/// At most as many files are open at once as there are threads.
///
/// # Errors
/// [`Kind::Output`] if a file cannot be written; [`Kind::Refused`] for a value that no folder can be named after.
pub(crate) fn write_partitioned(
    model: &Model,
    frame: DataFrame,
    partition_by: &[String],
    folder: &Path,
    cancel: &Cancel,
) -> anyhow::Result<Written> {
    let (frame, key_names) = with_keys(frame, partition_by)?;
    let mut order = key_names.clone();
    order.extend(
        model
            .order_in_partition
            .iter()
            .filter(|name| !partition_by.contains(name))
            .cloned(),
    );
    let frame = sorted(frame, &order)?;
    let keys = partition_by
        .iter()
        .zip(&key_names)
        .map(|(name, key)| Ok((name.clone(), Cells::of(frame.column(key)?)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let rows = Rows::new(model, &frame, cancel)?;
    let _entered = rows.span.clone().entered();
    let partitions = runs(&keys, rows.rows);
    let write =
        |buffer: &mut Vec<u8>, range: &Range<usize>| -> anyhow::Result<(FileEntry, Vec<i128>)> {
            rows.cancel.check()?;
            let partition = partition::folder(&keys, range.start)?;
            let path = folder.join(&partition);
            fs::create_dir_all(&path)
                .or_fail(Kind::Output, || format!("cannot create {}", path.display()))?;
            let path = path.join(PARTITION_FILE);
            let mut output = Output::create(&path)?;
            let mut sums = vec![0; rows.summed.len()];
            buffer.clear();
            buffer.extend_from_slice(&rows.header);
            for start in range.clone().step_by(BLOCK_ROWS) {
                add(
                    &mut sums,
                    &rows.encode(start..range.end.min(start + BLOCK_ROWS), buffer),
                );
                output.write(buffer)?;
                buffer.clear();
            }
            Ok((
                output.entry(format!("{partition}/{PARTITION_FILE}"), range.len()),
                sums,
            ))
        };
    let written: Vec<(FileEntry, Vec<i128>)> = partitions
        .par_iter()
        .map_init(|| Vec::with_capacity(BUFFER_BYTES), write)
        .collect::<anyhow::Result<_>>()?;
    let mut sums = vec![0; rows.summed.len()];
    let mut files = Vec::with_capacity(written.len());
    for (file, file_sums) in written {
        add(&mut sums, &file_sums);
        files.push(file);
    }
    Ok(rows.written(files, &sums))
}

/// The frame, and the names of the columns to group by. An empty text and NULL share a folder, so where
/// a column holds the empty text, a copy with NULL in its place is the key.
fn with_keys(mut frame: DataFrame, columns: &[String]) -> anyhow::Result<(DataFrame, Vec<String>)> {
    let mut names = Vec::with_capacity(columns.len());
    for name in columns {
        let column = frame.column(name)?;
        if column.dtype() != &DataType::String
            || !column.str()?.iter().any(|value| value == Some(""))
        {
            names.push(name.clone());
            continue;
        }
        let key = format!("{name}\0key");
        let text: StringChunked = column
            .str()?
            .iter()
            .map(|value| value.filter(|value| !value.is_empty()))
            .collect();
        frame.with_column(text.with_name(key.as_str().into()).into_column())?;
        names.push(key);
    }
    Ok((frame, names))
}

/// The rows by the columns `by`: NULL last, text by its bytes, equal rows as they stand.
fn sorted(frame: DataFrame, by: &[String]) -> anyhow::Result<DataFrame> {
    if by.is_empty() {
        return Ok(frame);
    }
    let options = SortMultipleOptions::default()
        .with_nulls_last(true)
        .with_maintain_order(true);
    frame
        .sort(by.iter().map(String::as_str), options)
        .context("sorting")
}

/// The ranges of rows whose keys are the same.
fn runs(keys: &[(String, Cells)], rows: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    for row in 1..=rows {
        if row == rows || keys.iter().any(|(_, cells)| !cells.same(row - 1, row)) {
            runs.push(start..row);
            start = row;
        }
    }
    runs
}
