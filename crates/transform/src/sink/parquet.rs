//! Parquet files: zstd, statistics, row groups of a fixed number of rows, so that the bytes depend on the rows
//! alone and not on the blocks they came in.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use dataset::failure::{Kind, OrFail};
use polars::prelude::{DataFrame, Schema};
use polars_io::parquet::write::{BatchedWriter, ParquetCompression, ParquetWriter};

use storage::file::OpenFile;

/// Rows of a row group. At a hundred bytes a row, some ten megabytes: what a writer holds in memory, and what a
/// reader takes at once.
pub(crate) const ROW_GROUP_ROWS: usize = 1 << 17;

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParquetOptions {
    pub(crate) compression: Compression,
    /// The bytes of a file depend on it.
    pub(crate) row_group_rows: usize,
    /// Whether columns are encoded on all processors. Not from a thread of a pool whose work is many such files:
    /// while it waits it would begin the next one on its own stack, and in that the next.
    pub(crate) parallel: bool,
}

/// How pages are compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Compression {
    /// What is kept.
    Zstd,
    /// What is read again at once.
    Lz4,
}

/// Files of fewer rows are not compressed: a zstd context for each page of each column costs more time than all else,
/// and most of a small file is its description.
const WORTH_COMPRESSING_ROWS: usize = 1 << 10;

/// A Parquet file under construction.
pub(crate) struct ParquetFile {
    file: OpenFile,
    schema: Schema,
    options: ParquetOptions,
    /// Made for the first row group.
    writer: Option<BatchedWriter<Pages>>,
    /// What the writer made and the file has not yet.
    pages: Pages,
    /// Rows that don't fill a row group yet.
    waiting: DataFrame,
}

/// Bytes that the writer and its file share.
#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl Pages {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pages.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ParquetFile {
    /// Writes rows of `schema` into `file`.
    pub(crate) fn new(file: OpenFile, schema: &Schema, options: ParquetOptions) -> Self {
        Self {
            file,
            schema: schema.clone(),
            options,
            writer: None,
            pages: Pages::default(),
            waiting: DataFrame::empty_with_schema(schema),
        }
    }

    /// Appends rows.
    ///
    /// # Errors
    /// [`Kind::Output`] if the file cannot be written.
    pub(crate) fn append(&mut self, frame: DataFrame) -> anyhow::Result<()> {
        if self.waiting.height() == 0 {
            self.waiting = frame;
        } else {
            self.waiting.vstack_mut_owned(frame)?;
        }
        while self.waiting.height() >= self.options.row_group_rows {
            let group = self.waiting.slice(0, self.options.row_group_rows);
            self.waiting = self
                .waiting
                .slice(self.options.row_group_rows as i64, usize::MAX);
            self.write(group)?;
        }
        Ok(())
    }

    fn write(&mut self, mut group: DataFrame) -> anyhow::Result<()> {
        // A row group for each chunk, otherwise.
        group.rechunk_mut();
        self.writer(group.height())?.write_batch(&group)?;
        self.file.append(&self.pages.take())
    }

    /// The writer, made for a first row group of `rows` rows.
    fn writer(&mut self, rows: usize) -> anyhow::Result<&mut BatchedWriter<Pages>> {
        if self.writer.is_none() {
            let compression = match self.options.compression {
                Compression::Zstd if rows < WORTH_COMPRESSING_ROWS => {
                    ParquetCompression::Uncompressed
                }
                Compression::Zstd => ParquetCompression::Zstd(None),
                Compression::Lz4 => ParquetCompression::Lz4Raw,
            };
            let writer = ParquetWriter::new(self.pages.clone())
                .with_compression(compression)
                .set_parallel(self.options.parallel)
                .batched(&self.schema)?;
            self.writer = Some(writer);
        }
        self.writer.as_mut().context("just made")
    }

    /// Writes what waits, and the end of the file.
    pub(crate) fn finish(mut self) -> anyhow::Result<OpenFile> {
        let rest = std::mem::take(&mut self.waiting);
        if rest.height() > 0 {
            self.write(rest)?;
        }
        self.writer(0)?
            .finish()
            .or_fail(Kind::Internal, || "ending a Parquet file")?;
        self.file.append(&self.pages.take())?;
        Ok(self.file)
    }
}
