//! Tables on disk: the raw layer, with a folder of Parquet files for each table, as the tables were read.
//!
//! Tables that don't fit in memory go there, and all tables if they are to be kept ([`layer`]).

pub(crate) mod layer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use dataset::failure::{Kind, OrFail};
use dataset::{Column, TableSchema};
use polars::prelude::{DataFrame, SerReader};
use polars_io::parquet::read::ParquetReader;

use crate::memory::Budget;
use crate::sink::parquet::{Compression, ParquetFile, ParquetOptions, ROW_GROUP_ROWS};
use storage::file::OpenFile;
use storage::manifest::FileEntry;

/// How many rows a file has: at most some hundred megabytes, which suits a cluster's workers.
const FILE_ROWS: usize = 8 * ROW_GROUP_ROWS;

/// Several parts are written at the same time, so each uses one thread.
const OPTIONS: ParquetOptions = ParquetOptions {
    compression: Compression::Zstd,
    row_group_rows: ROW_GROUP_ROWS,
    parallel: false,
};

/// A table that was read, in memory or on disk. Clones share the rows.
#[derive(Clone)]
pub(crate) enum Table {
    Frame(DataFrame),
    Staged(StagedTable),
}

impl Table {
    /// How many rows the table has.
    pub(crate) fn rows(&self) -> u64 {
        match self {
            Self::Frame(frame) => frame.height() as u64,
            Self::Staged(staged) => staged.rows(),
        }
    }

    /// How many bytes the table takes in memory, or would take.
    pub(crate) fn memory_bytes(&self) -> u64 {
        match self {
            Self::Frame(frame) => frame.estimated_size() as u64,
            Self::Staged(staged) => staged.memory_bytes,
        }
    }

    /// Loads the whole table into memory.
    pub(crate) fn load(&self) -> anyhow::Result<DataFrame> {
        match self {
            Self::Frame(frame) => Ok(frame.clone()),
            Self::Staged(staged) => staged.load(),
        }
    }
}

/// A table on disk.
#[derive(Debug, Clone)]
pub(crate) struct StagedTable {
    pub(crate) schema: TableSchema,
    /// The folder that the files' paths are relative to.
    root: PathBuf,
    /// A cluster's name for that folder, if the folder is not on this machine.
    far: Option<String>,
    /// The table's files, in the order of its rows.
    pub(crate) files: Vec<FileEntry>,
    /// How many bytes all rows take as frames.
    pub(crate) memory_bytes: u64,
}

impl StagedTable {
    /// How many rows the table has.
    pub(crate) fn rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }

    /// How many bytes one row takes as a frame, roughly.
    pub(crate) fn row_bytes(&self) -> u64 {
        self.memory_bytes / self.rows().max(1) + 1
    }

    /// The paths of the table's files on this machine.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.files.iter().map(|file| self.root.join(&file.path))
    }

    /// The paths of the table's files for a cluster, if they are not on this machine.
    pub(crate) fn far_paths(&self) -> Option<Vec<String>> {
        let far = self.far.as_ref()?;
        let files = self.files.iter();
        Some(files.map(|file| format!("{far}/{}", file.path)).collect())
    }

    /// The names of the table's columns.
    pub(crate) fn columns(&self) -> Vec<String> {
        let columns = self.schema.columns.iter();
        columns.map(|column| column.name.clone()).collect()
    }

    /// The rows, with only the columns named, in order, in blocks of at most a row group.
    pub(crate) fn chunks(
        &self,
        columns: Vec<String>,
    ) -> impl Iterator<Item = anyhow::Result<DataFrame>> + '_ {
        let blocks = self.files.iter().flat_map(|file| {
            let rows = file.rows as usize;
            let starts = (0..rows).step_by(ROW_GROUP_ROWS);
            starts.map(move |start| (file, start, ROW_GROUP_ROWS.min(rows - start)))
        });
        blocks.map(move |(file, start, rows)| {
            read_rows(
                &self.root.join(&file.path),
                Some(columns.clone()),
                start,
                rows,
            )
        })
    }

    /// Loads the whole table into memory.
    fn load(&self) -> anyhow::Result<DataFrame> {
        let mut frame = crate::frame_types::empty_frame(&self.schema.columns)?;
        for chunk in self.chunks(self.columns()) {
            frame.vstack_mut_owned(chunk?)?;
        }
        Ok(frame)
    }
}

/// Reads `rows` rows of a Parquet file, starting at row `start`.
///
/// # Errors
/// [`Kind::Refused`] naming the file if it is missing or not Parquet.
pub(crate) fn read_rows(
    path: &Path,
    columns: Option<Vec<String>>,
    start: usize,
    rows: usize,
) -> anyhow::Result<DataFrame> {
    let place = || format!("cannot read {}", path.display());
    let file = File::open(path).or_fail(Kind::Refused, place)?;
    let frame = ParquetReader::new(file)
        .with_columns(columns)
        .with_slice(Some((start, rows)))
        .finish()
        .or_fail(Kind::Refused, place)?;
    if frame.height() != rows && rows != usize::MAX {
        return Err(Kind::Refused.error(format!(
            "{}: it has fewer rows than its manifest says",
            place()
        )));
    }
    Ok(frame)
}

/// Decides whether a table stays in memory or goes to disk, and where.
pub(crate) struct Spill {
    /// The folder that holds a folder for each table.
    root: PathBuf,
    table: String,
    budget: Budget,
    /// How many bytes of this table are in memory.
    held_bytes: AtomicU64,
    /// Whether the table goes to disk: from the start, or from when memory runs out.
    to_disk: std::sync::atomic::AtomicBool,
}

impl Spill {
    /// Prepares for one table; with `always`, it goes to disk however small it is.
    pub(crate) fn new(root: &Path, table: &str, budget: &Budget, always: bool) -> Self {
        Self {
            root: root.to_owned(),
            table: table.to_owned(),
            budget: budget.clone(),
            held_bytes: AtomicU64::new(0),
            to_disk: always.into(),
        }
    }

    fn is_to_disk(&self) -> bool {
        self.to_disk.load(Ordering::Relaxed)
    }

    /// Counts bytes that stay in memory. Once there are too many, the table goes to disk.
    fn hold(&self, bytes: u64) {
        self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        if !self.budget.take(bytes) && !self.to_disk.swap(true, Ordering::Relaxed) {
            tracing::info!(table = self.table, "larger than --memory: staged on disk");
        }
    }

    /// Makes a table of all its partitions.
    pub(crate) fn into_table(
        self,
        columns: &[Column],
        partitions: Vec<Part>,
    ) -> anyhow::Result<Table> {
        if !self.is_to_disk() {
            let mut frame = crate::frame_types::empty_frame(columns)?;
            for block in partitions.into_iter().flat_map(|part| part.blocks) {
                frame.vstack_mut_owned(block)?;
            }
            return Ok(Table::Frame(frame));
        }
        let mut files = Vec::new();
        let mut memory_bytes = 0;
        for mut part in partitions {
            part.write_out(&self)?;
            if let Some(writer) = part.writer {
                memory_bytes += writer.memory_bytes;
                files.extend(writer.finish()?);
            }
        }
        self.budget.give_back(self.held_bytes.into_inner());
        Ok(Table::Staged(StagedTable {
            schema: TableSchema {
                name: self.table,
                columns: columns.to_vec(),
                unread: Vec::new(),
            },
            root: self.root,
            far: None,
            files,
            memory_bytes,
        }))
    }
}

/// A part of a table, which is read over one connection.
pub(crate) struct Part {
    number: usize,
    blocks: Vec<DataFrame>,
    writer: Option<PartWriter>,
}

impl Part {
    /// Makes the part of this number, empty.
    pub(crate) fn new(number: usize) -> Self {
        Self {
            number,
            blocks: Vec::new(),
            writer: None,
        }
    }

    /// Takes rows over: into memory, or onto disk together with those that are in memory.
    pub(crate) fn push(&mut self, block: DataFrame, spill: &Spill) -> anyhow::Result<()> {
        if !spill.is_to_disk() {
            spill.hold(block.estimated_size() as u64);
        }
        self.blocks.push(block);
        match spill.is_to_disk() {
            true => self.write_out(spill),
            false => Ok(()),
        }
    }

    fn write_out(&mut self, spill: &Spill) -> anyhow::Result<()> {
        for block in self.blocks.drain(..) {
            let writer = match &mut self.writer {
                Some(writer) => writer,
                none => none.insert(PartWriter::new(spill, self.number)?),
            };
            writer.append(block)?;
        }
        Ok(())
    }
}

/// The files of a part.
struct PartWriter {
    root: PathBuf,
    /// The beginning of the files' paths, `table/part-3-`, to which each file adds its number.
    prefix: String,
    current: Option<(ParquetFile, usize)>,
    files: Vec<FileEntry>,
    memory_bytes: u64,
}

impl PartWriter {
    fn new(spill: &Spill, number: usize) -> anyhow::Result<Self> {
        let folder = spill.root.join(&spill.table);
        std::fs::create_dir_all(&folder).or_fail(Kind::Output, || {
            format!("cannot create {}", folder.display())
        })?;
        Ok(Self {
            root: spill.root.clone(),
            prefix: format!("{}/part-{number}-", spill.table),
            current: None,
            files: Vec::new(),
            memory_bytes: 0,
        })
    }

    fn path(&self) -> String {
        format!("{}{}.parquet", self.prefix, self.files.len())
    }

    fn append(&mut self, block: DataFrame) -> anyhow::Result<()> {
        self.memory_bytes += block.estimated_size() as u64;
        let mut block = block;
        while block.height() > 0 {
            if self.current.is_none() {
                let file = OpenFile::create(&self.root.join(self.path()).into())?;
                let schema = block.schema().as_ref().clone();
                let file = ParquetFile::new(file, &schema, OPTIONS);
                self.current = Some((file, 0));
            }
            let (file, rows) = self.current.as_mut().context("a file is open")?;
            let taken = block.height().min(FILE_ROWS - *rows);
            file.append(block.slice(0, taken))?;
            *rows += taken;
            block = block.slice(taken as i64, usize::MAX);
            if *rows == FILE_ROWS {
                self.end_file()?;
            }
        }
        Ok(())
    }

    fn end_file(&mut self) -> anyhow::Result<()> {
        if let Some((file, rows)) = self.current.take() {
            let entry = file.finish()?.finish(self.path(), rows)?;
            self.files.push(entry);
        }
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<Vec<FileEntry>> {
        self.end_file()?;
        Ok(self.files)
    }
}
