//! Parquet files, with zstd, statistics, and row groups of a fixed number of rows. So the bytes depend only on the rows, and not on
//! the blocks in which they came.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use dataset::failure::{Kind, OrFail};
use polars::prelude::{DataFrame, Schema};
use polars_io::parquet::write::{BatchedWriter, ParquetCompression, ParquetWriter};

use storage::file::OpenFile;

/// How many rows a row group has. At a hundred bytes a row this is some ten megabytes, which a writer holds in memory and a reader
/// takes at once.
pub(crate) const ROW_GROUP_ROWS: usize = 1 << 17;

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParquetOptions {
    pub(crate) compression: Compression,
    /// How many rows a row group has; the bytes of a file depend on it.
    pub(crate) row_group_rows: usize,
    /// Whether columns are encoded on all processors. This must not be set on a thread of a pool that writes many such files: while
    /// it waits it would begin the next file on its own stack, and within that the next.
    pub(crate) parallel: bool,
}

/// How pages are compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Compression {
    /// Zstd, for files that are kept.
    Zstd,
    /// LZ4, for files that are soon read again.
    Lz4,
}

/// Files with fewer rows are not compressed. A zstd context for each page of each column would take more time than everything else,
/// and most of a small file is metadata.
const WORTH_COMPRESSING_ROWS: usize = 1 << 10;

/// A Parquet file under construction.
pub(crate) struct ParquetFile {
    file: OpenFile,
    schema: Schema,
    options: ParquetOptions,
    /// The writer, made for the first row group.
    writer: Option<BatchedWriter<Pages>>,
    /// The bytes that the writer has made and that are not in the file yet.
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
    /// Starts to write rows of `schema` into `file`.
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
        // Otherwise each chunk would become a row group.
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

    /// Writes the rows that wait, and the end of the file.
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
