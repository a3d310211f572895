//! One file of an output: CSV or Parquet, written block by block, with its checksum.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};
use xxhash_rust::xxh3::Xxh3;

use super::Format;
use super::manifest::FileEntry;
use super::parquet::{Compression, ParquetFile, ParquetOptions, ROW_GROUP_ROWS};
use super::rows::{Block, Rows};

/// An open file with its checksum.
pub(crate) struct OpenFile {
    path: PathBuf,
    file: File,
    hash: Xxh3,
    bytes: u64,
}

impl OpenFile {
    /// Creates the file, which must not exist: two values whose folders the file system holds for one (letter
    /// case, on some) must not mix.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create_new(path)
            .or_fail(Kind::Output, || format!("cannot create {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            hash: Xxh3::new(),
            bytes: 0,
        })
    }

    /// Appends `bytes`.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.write_all(bytes).or_fail(Kind::Output, || {
            format!("cannot write {}", self.path.display())
        })
    }

    /// What the manifest says of the file, whose contents end here.
    pub(crate) fn entry(self, path: String, rows: usize) -> FileEntry {
        FileEntry {
            path,
            rows: rows as u64,
            bytes: self.bytes,
            xxh3_128: self.hash.digest128(),
        }
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file of rows under construction.
pub(super) struct RowFile {
    body: Body,
    rows: usize,
}

enum Body {
    Csv(Box<OpenFile>),
    Parquet(Box<ParquetFile>),
}

impl RowFile {
    /// Creates a file for rows such as `rows`, each block of which is encoded on all processors if it is the only
    /// file (`parallel`). What is to stand before the rows goes into `buffer`, which is the first block's.
    pub(super) fn create(
        path: &Path,
        format: Format,
        rows: &Rows,
        parallel: bool,
        buffer: &mut Vec<u8>,
    ) -> anyhow::Result<Self> {
        let file = OpenFile::create(path)?;
        let body = match format {
            Format::Csv => {
                buffer.extend_from_slice(&rows.header());
                Body::Csv(Box::new(file))
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
        Ok(Self { body, rows: 0 })
    }

    /// Appends a block of `rows` rows and returns its buffer, emptied.
    pub(super) fn append(&mut self, block: Block, rows: usize) -> anyhow::Result<Vec<u8>> {
        self.rows += rows;
        match (&mut self.body, block) {
            (Body::Csv(file), Block::Text(mut text)) => {
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
            Body::Csv(file) => *file,
            Body::Parquet(file) => file.finish()?,
        };
        Ok(file.entry(name, self.rows))
    }
}
