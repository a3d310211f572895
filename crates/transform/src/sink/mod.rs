//! Outputs into files: CSV, in one file or in a folder for each value of the partition columns.

mod cells;
pub(crate) mod manifest;
mod order;
mod partition;
pub(crate) mod publish;
mod rows;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use database::Cancel;
use dataset::Model;
use dataset::failure::{Kind, OrFail};
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3;

pub(crate) use cells::{write_date, write_decimal, write_time};
pub(crate) use partition::{DEFAULT as NULL_FOLDER, escape};

use crate::output::Output;
use manifest::FileEntry;
use rows::Rows;

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

impl Rows {
    fn written(&self, files: Vec<FileEntry>, sums: &[i128]) -> Written {
        let names = self.summed.iter().map(|(name, _)| name.clone());
        Written {
            rows: files.iter().map(|file| file.rows).sum(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            sums: names.zip(sums.iter().copied()).collect(),
            files,
        }
    }
}

/// An open file with its checksum.
struct OpenFile<'a> {
    path: &'a Path,
    file: File,
    hash: Xxh3,
    bytes: u64,
}

impl<'a> OpenFile<'a> {
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
    output: Output,
    path: &Path,
    cancel: &Cancel,
) -> anyhow::Result<Written> {
    let fields = rows::fields(&output)?;
    let keys = order::keys(&fields, &model.order_by)?;
    let rows = Rows::new(model, fields, output, cancel)?;
    let _entered = rows.span.clone().entered();
    let order = rows.order(&keys);
    let mut file = OpenFile::create(path)?;
    file.write(&rows.header)?;
    let mut sums = vec![0; rows.summed.len()];
    let blocks = rows.rows.div_ceil(BLOCK_ROWS);
    let encode = |index: usize, mut buffer: Vec<u8>| {
        let start = index * BLOCK_ROWS;
        let range = start..rows.rows.min(start + BLOCK_ROWS);
        let sums = match &order {
            None => rows.encode(range, &mut buffer),
            Some(order) => rows.encode(positions(&order[range]), &mut buffer),
        };
        (buffer, sums)
    };
    in_order(blocks, encode, |(buffer, block_sums)| {
        rows.cancel.check()?;
        file.write(&buffer)?;
        add(&mut sums, &block_sums);
        Ok(buffer)
    })?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let entry = file.entry(name.unwrap_or_default(), rows.rows);
    Ok(rows.written(vec![entry], &sums))
}

/// Makes `count` blocks on as many threads as there are processors, and gives them to `take` in their order,
/// on this thread, while the next ones are made. A buffer that was taken is used again; there are so many
/// that each thread has one at work and one waiting for its turn.
fn in_order<T: Send>(
    count: usize,
    make: impl Fn(usize, Vec<u8>) -> T + Sync,
    mut take: impl FnMut(T) -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<()> {
    let threads = rayon::current_num_threads();
    let (give_buffer, buffers) = channel();
    for _ in 0..2 * threads {
        give_buffer.send(Vec::new())?;
    }
    let (buffers, next) = (Mutex::new(buffers), AtomicUsize::new(0));
    let (sender, made) = channel();
    thread::scope(|scope| {
        // Dropped at the end, so that no thread waits for them after a failure.
        let (give_buffer, made) = (give_buffer, made);
        for _ in 0..threads {
            let (buffers, next, make, sender) = (&buffers, &next, &make, sender.clone());
            scope.spawn(move || {
                loop {
                    // The buffer comes first: so the block whose turn it is always has one.
                    let buffer = buffers
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .recv();
                    let Ok(mut buffer) = buffer else { return };
                    buffer.clear();
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count || sender.send((index, make(index, buffer))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        for turn in 0..count {
            let block = loop {
                if let Some(block) = early.remove(&turn) {
                    break block;
                }
                let (index, block) = made.recv().context("a thread that encodes rows ended")?;
                early.insert(index, block);
            };
            let buffer = take(block)?;
            // Nobody needs it if all blocks are made.
            let _ = give_buffer.send(buffer);
        }
        Ok(())
    })
}

fn positions(order: &[u32]) -> impl ExactSizeIterator<Item = usize> {
    order.iter().map(|row| *row as usize)
}

/// Writes the rows of each value of the columns `partition_by` into `folder/column=value/part-0.csv`.
/// At most as many files are open at once as there are threads.
///
/// # Errors
/// [`Kind::Output`] if a file cannot be written; [`Kind::Refused`] for a value that no folder can be named after.
pub(crate) fn write_partitioned(
    model: &Model,
    output: Output,
    partition_by: &[String],
    folder: &Path,
    cancel: &Cancel,
) -> anyhow::Result<Written> {
    let fields = rows::fields(&output)?;
    let keys = order::keys(&fields, partition_by)?;
    let in_partition = model.order_in_partition.iter();
    let order_keys = order::keys(
        &fields,
        in_partition.filter(|name| !partition_by.contains(name)),
    )?;
    let rows = Rows::new(model, fields, output, cancel)?;
    let _entered = rows.span.clone().entered();
    let (mut order, ranges) = rows.groups(&keys);
    let mut partitions = Vec::with_capacity(ranges.len());
    let mut rest = order.as_mut_slice();
    for range in ranges {
        let (partition, after) = rest.split_at_mut(range.len());
        partitions.push(partition);
        rest = after;
    }
    let write =
        |buffer: &mut Vec<u8>, partition: &mut [u32]| -> anyhow::Result<(FileEntry, Vec<i128>)> {
            rows.cancel.check()?;
            rows.sort(&order_keys, partition);
            let first = partition[0] as usize;
            let name = partition::folder(keys.iter().map(|(name, field)| {
                let row = rows.taken(field.source).row(first);
                (name.as_str(), &*field.cells, row)
            }))?;
            let path = folder.join(&name);
            fs::create_dir_all(&path)
                .or_fail(Kind::Output, || format!("cannot create {}", path.display()))?;
            let path = path.join(PARTITION_FILE);
            let mut file = OpenFile::create(&path)?;
            let mut sums = vec![0; rows.summed.len()];
            buffer.clear();
            buffer.extend_from_slice(&rows.header);
            for block in partition.chunks(BLOCK_ROWS) {
                add(&mut sums, &rows.encode(positions(block), buffer));
                file.write(buffer)?;
                buffer.clear();
            }
            Ok((
                file.entry(format!("{name}/{PARTITION_FILE}"), partition.len()),
                sums,
            ))
        };
    let written: Vec<(FileEntry, Vec<i128>)> = partitions
        .into_par_iter()
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
