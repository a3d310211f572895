//! Parquet files: zstd, statistics, row groups of a fixed number of rows, so that the bytes depend on the rows
//! alone and not on the blocks they came in.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use dataset::failure::{Kind, OrFail};
use polars::prelude::{DataFrame, Schema};
use polars_io::parquet::write::{BatchedWriter, ParquetCompression, ParquetWriter};

use super::file::OpenFile;

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

/// A Parquet file under construction.
pub(crate) struct ParquetFile {
    file: OpenFile,
    writer: BatchedWriter<Pages>,
    /// What the writer made and the file has not yet.
    pages: Pages,
    row_group_rows: usize,
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
    pub(crate) fn new(
        file: OpenFile,
        schema: &Schema,
        options: ParquetOptions,
    ) -> anyhow::Result<Self> {
        let pages = Pages::default();
        let writer = ParquetWriter::new(pages.clone())
            .with_compression(match options.compression {
                Compression::Zstd => ParquetCompression::Zstd(None),
                Compression::Lz4 => ParquetCompression::Lz4Raw,
            })
            .set_parallel(options.parallel)
            .batched(schema)?;
        Ok(Self {
            file,
            writer,
            pages,
            row_group_rows: options.row_group_rows,
            waiting: DataFrame::empty_with_schema(schema),
        })
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
        while self.waiting.height() >= self.row_group_rows {
            let group = self.waiting.slice(0, self.row_group_rows);
            self.waiting = self.waiting.slice(self.row_group_rows as i64, usize::MAX);
            self.write(group)?;
        }
        Ok(())
    }

    fn write(&mut self, mut group: DataFrame) -> anyhow::Result<()> {
        // A row group for each chunk, otherwise.
        group.rechunk_mut();
        self.writer.write_batch(&group)?;
        self.file.append(&self.pages.take())
    }

    /// Writes what waits, and the end of the file.
    pub(crate) fn finish(mut self) -> anyhow::Result<OpenFile> {
        if self.waiting.height() > 0 {
            let rest = std::mem::take(&mut self.waiting);
            self.write(rest)?;
        }
        self.writer
            .finish()
            .or_fail(Kind::Internal, || "ending a Parquet file")?;
        self.file.append(&self.pages.take())?;
        Ok(self.file)
    }
}
