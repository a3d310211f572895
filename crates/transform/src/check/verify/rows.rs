//! One file of an output: its rows, whatever its format, as records of CSV, and the checksum of its bytes.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};
use xxhash_rust::xxh3::Xxh3;

use super::error::cannot_read;
use super::form::Form;
use super::in_dialect::FromDialect;
use super::parquet::ParquetRows;
use super::records::{Records, fields, value};
use crate::options::Format;

/// A file is read in blocks of this many bytes.
const BLOCK_BYTES: u64 = 1 << 20;

/// The rows of one file. Formats differ in here and nowhere else in `verify`.
pub(crate) enum Rows {
    /// Records of the default dialect behind a header.
    Csv(Box<Records<Blocks>>),
    /// Records of another dialect behind a header.
    InDialect(Box<Records<Blocks>>, Box<FromDialect>),
    /// Typed columns.
    Parquet(ParquetRows),
}

impl Rows {
    /// Opens a file of this form; where that leaves the format open, the end of the file's name tells.
    ///
    /// # Errors
    /// [`Kind::Check`] if it cannot be read.
    pub(crate) fn open(path: PathBuf, form: &Form) -> anyhow::Result<Self> {
        let by_name = match path.extension() {
            Some(extension) if extension == "parquet" => Format::Parquet,
            _ => Format::Csv,
        };
        let records = |path| anyhow::Ok(Box::new(Records::new(Blocks::open(path)?)));
        match form.format.unwrap_or(by_name) {
            Format::Parquet => Ok(Self::Parquet(ParquetRows::open(path)?)),
            Format::Csv if form.dialect.is_default() => Ok(Self::Csv(records(path)?)),
            Format::Csv => {
                let from = Box::new(FromDialect::new(&path, form));
                Ok(Self::InDialect(records(path)?, from))
            }
        }
    }

    /// Reads the names of the columns, which come before the rows, and checks that they are these.
    ///
    /// # Errors
    /// [`Kind::Check`] if they are others, or the file cannot be read.
    pub(crate) fn check_names<'a>(
        &mut self,
        path: &Path,
        names: impl Iterator<Item = &'a str>,
    ) -> anyhow::Result<()> {
        let as_named = match self {
            Self::Parquet(rows) => rows.names().eq(names),
            Self::Csv(records) => {
                let header = records.next()?.unwrap_or_default();
                let found = fields(header).map(value);
                found.eq(names.map(|name| Some(name.as_bytes().into())))
            }
            Self::InDialect(records, from) => {
                let header = records.next()?.unwrap_or_default();
                let found = from.names(header)?;
                found
                    .into_iter()
                    .eq(names.map(|name| Some(name.as_bytes().into())))
            }
        };
        match as_named {
            true => Ok(()),
            false => Err(Kind::Check.error(format!(
                "{}: its columns are not the manifest's",
                path.display()
            ))),
        }
    }

    /// The next row as a record of CSV, without a line feed.
    ///
    /// # Errors
    /// [`Kind::Check`] if the file cannot be read.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<&[u8]>> {
        match self {
            Self::Csv(records) => records.next(),
            Self::InDialect(records, from) => {
                let record = records.next()?;
                record.map(|record| from.row(record)).transpose()
            }
            Self::Parquet(rows) => rows.next(),
        }
    }

    /// Reads what is left and gives the checksum of all.
    ///
    /// # Errors
    /// [`Kind::Check`] if the file cannot be read.
    pub(super) fn checksum(self) -> anyhow::Result<u128> {
        match self {
            Self::Csv(records) | Self::InDialect(records, _) => records.into_blocks().checksum(),
            // Its reader takes parts of the file, in an order of its own.
            Self::Parquet(rows) => Blocks::open(rows.into_path())?.checksum(),
        }
    }
}

/// The bytes of a file, summed up as they pass.
pub(crate) struct Blocks {
    path: PathBuf,
    file: File,
    hash: Xxh3,
    /// Bytes that the file should still have.
    left_bytes: u64,
}

impl Blocks {
    fn open(path: PathBuf) -> anyhow::Result<Self> {
        let open = || {
            let file = File::open(&path)?;
            let left_bytes = file.metadata()?.len();
            std::io::Result::Ok((file, left_bytes))
        };
        let (file, left_bytes) = open().or_fail(Kind::Check, || cannot_read(&path))?;
        Ok(Self {
            path,
            file,
            hash: Xxh3::new(),
            left_bytes,
        })
    }

    /// Reads what is left and gives the checksum of all.
    fn checksum(mut self) -> anyhow::Result<u128> {
        self.try_for_each(|block| block.map(drop))?;
        Ok(self.hash.digest128())
    }
}

impl Iterator for Blocks {
    type Item = anyhow::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        // Many files are small.
        let mut block = Vec::with_capacity(self.left_bytes.min(BLOCK_BYTES) as usize);
        let read = (&self.file).take(BLOCK_BYTES).read_to_end(&mut block);
        match read.or_fail(Kind::Check, || cannot_read(&self.path)) {
            Ok(0) => None,
            Ok(bytes) => {
                self.left_bytes = self.left_bytes.saturating_sub(bytes as u64);
                self.hash.update(&block);
                Some(Ok(block))
            }
            Err(error) => Some(Err(error)),
        }
    }
}
