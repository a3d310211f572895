//! One file of an output, text or Parquet, written block by block.

use storage::compress::CompressedFile;
use storage::file::OpenFile;
use storage::manifest::FileEntry;

use super::parquet::{Compression, ParquetFile, ParquetOptions, ROW_GROUP_ROWS};
use super::rows::{Block, Rows};
use crate::options::{Format, Options};

/// A file of rows under construction.
pub(super) struct RowFile {
    body: Body,
    rows: usize,
}

enum Body {
    Text(Box<OpenFile>),
    Compressed(Box<CompressedFile>),
    Parquet(Box<ParquetFile>),
}

impl RowFile {
    /// Makes an empty file one for rows such as `rows`. With `parallel`, for a single file, each block is encoded on all
    /// processors. What comes before the rows goes into `buffer`, that of the first block.
    pub(super) fn new(
        file: OpenFile,
        options: &Options,
        rows: &Rows,
        parallel: bool,
        buffer: &mut Vec<u8>,
    ) -> Self {
        let body = match options.format {
            Format::Csv | Format::JsonLines => {
                buffer.extend_from_slice(rows.header());
                match options.compression {
                    None => Body::Text(Box::new(file)),
                    Some(compression) => {
                        Body::Compressed(Box::new(CompressedFile::new(file, compression)))
                    }
                }
            }
            Format::Parquet => {
                let options = ParquetOptions {
                    compression: Compression::Zstd,
                    row_group_rows: ROW_GROUP_ROWS,
                    parallel,
                };
                Body::Parquet(Box::new(ParquetFile::new(file, &rows.schema(), options)))
            }
        };
        Self { body, rows: 0 }
    }

    /// Appends a block of `rows` rows and gives back its buffer, emptied.
    pub(super) fn append(&mut self, block: Block, rows: usize) -> anyhow::Result<Vec<u8>> {
        self.rows += rows;
        match (&mut self.body, block) {
            (Body::Text(file), Block::Text(mut text)) => {
                file.append(&text)?;
                text.clear();
                Ok(text)
            }
            (Body::Compressed(file), Block::Text(mut text)) => {
                file.append(&text)?;
                text.clear();
                Ok(text)
            }
            (Body::Parquet(file), Block::Frame(frame, buffer)) => {
                file.append(frame)?;
                Ok(buffer)
            }
            _ => anyhow::bail!("a block of another format"),
        }
    }

    /// Ends the file; `name` is its path in the manifest.
    pub(super) fn finish(self, name: String) -> anyhow::Result<FileEntry> {
        let file = match self.body {
            Body::Text(file) => *file,
            Body::Compressed(file) => file.finish()?,
            Body::Parquet(file) => file.finish()?,
        };
        file.finish(name, self.rows)
    }
}
