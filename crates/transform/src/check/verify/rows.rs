//! Reads one file of an output: its rows as records of CSV, whatever the format, and the checksum of its bytes.

use std::io::{self, Read};

use dataset::failure::{Kind, OrFail};
use storage::compress::{Compression, Decompressed};
use storage::place::{Opened, Place};
use xxhash_rust::xxh3::Xxh3;

use super::error::cannot_read;
use super::form::Form;
use super::in_dialect::FromDialect;
use super::json_lines::FromJsonLines;
use super::parquet::ParquetRows;
use super::records::{Records, fields, value};
use crate::options::Format;

/// Files are read in blocks of at most this many bytes.
const BLOCK_BYTES: u64 = 1 << 20;
/// Compressed contents are assumed to be this many times as long when decompressed.
const USUAL_RATIO: u64 = 8;

/// The rows of one file. Only this type knows how formats differ within `verify`.
pub(crate) enum Rows {
    /// Records of the default dialect after a header.
    Csv(Box<Records<Blocks>>),
    /// Records of another dialect after a header.
    InDialect(Box<Records<Blocks>>, Box<FromDialect>),
    /// JSON Lines, an object on each line.
    JsonLines(Box<Records<Blocks>>, Box<FromJsonLines>),
    /// Parquet, with typed columns.
    Parquet(ParquetRows),
}

impl Rows {
    /// Opens a file of this form. If the form leaves the format open, the file's name tells it.
    ///
    /// # Errors
    /// [`Kind::Check`] if it cannot be read.
    pub(crate) fn open(place: Place, form: &Form) -> anyhow::Result<Self> {
        let by_name = match place.name().ends_with(".parquet") {
            true => Format::Parquet,
            false => Format::Csv,
        };
        let format = form.format.unwrap_or(by_name);
        if format == Format::Parquet {
            return Ok(Self::Parquet(ParquetRows::open(place)?));
        }
        let blocks = Blocks::open(place.clone(), form.compression)?;
        Ok(match format {
            Format::JsonLines => {
                let from = FromJsonLines::new(&place, form);
                Self::JsonLines(Box::new(Records::lines(blocks)), Box::new(from))
            }
            _ if form.dialect.is_default() => Self::Csv(Box::new(Records::new(blocks))),
            _ => {
                let from = FromDialect::new(&place, form);
                Self::InDialect(Box::new(Records::new(blocks)), Box::new(from))
            }
        })
    }

    /// Reads the names of the columns, which come before the rows, and compares them with `names`.
    ///
    /// # Errors
    /// [`Kind::Check`] if they differ, or if the file cannot be read.
    pub(crate) fn check_names<'a>(
        &mut self,
        place: &Place,
        names: impl Iterator<Item = &'a str>,
    ) -> anyhow::Result<()> {
        let as_named = match self {
            Self::Parquet(rows) => rows.names().eq(names),
            // Each object has the names again.
            Self::JsonLines(_, from) => from.names().eq(names),
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
            false => Err(Kind::Check.error(format!("{place}: its columns are not the manifest's"))),
        }
    }

    /// Gives the next row as a record of CSV, without a line feed.
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
            Self::JsonLines(records, from) => {
                let line = records.next()?;
                line.map(|line| from.row(line)).transpose()
            }
            Self::Parquet(rows) => rows.next(),
        }
    }

    /// Reads the rest of the file and gives the checksum of all of it.
    ///
    /// # Errors
    /// [`Kind::Check`] if the file cannot be read.
    pub(super) fn checksum(self) -> anyhow::Result<u128> {
        match self {
            Self::Csv(records) | Self::InDialect(records, _) | Self::JsonLines(records, _) => {
                records.into_blocks().checksum()
            }
            // The Parquet reader takes parts of the file in its own order, so the checksum needs another pass.
            Self::Parquet(rows) => {
                let (place, file) = rows.into_file()?;
                Blocks::of(place, Opened::File(file), None)?.checksum()
            }
        }
    }
}

/// The bytes of a file, decompressed.
pub(crate) struct Blocks {
    place: Place,
    bytes: Decompressed<Summed>,
    /// The size of the next block.
    block_bytes: u64,
}

impl Blocks {
    fn open(place: Place, compression: Option<Compression>) -> anyhow::Result<Self> {
        let file = place.open();
        let file = file.or_fail(Kind::Check, || cannot_read(&place))?;
        Self::of(place, file, compression)
    }

    fn of(place: Place, file: Opened, compression: Option<Compression>) -> anyhow::Result<Self> {
        let open = || {
            let file_bytes = file.size_bytes()?;
            let hash = Xxh3::new();
            let bytes = Decompressed::new(Summed { file, hash }, compression)?;
            io::Result::Ok((bytes, file_bytes))
        };
        let (bytes, file_bytes) = open().or_fail(Kind::Check, || cannot_read(&place))?;
        Ok(Self {
            place,
            bytes,
            // Many files are small, and need no large block.
            block_bytes: match compression {
                None => file_bytes.clamp(1, BLOCK_BYTES),
                Some(_) => (file_bytes * USUAL_RATIO).clamp(1, BLOCK_BYTES),
            },
        })
    }

    /// Reads the rest of the stored bytes, and gives the checksum of all of them.
    fn checksum(self) -> anyhow::Result<u128> {
        let Self {
            place,
            bytes,
            block_bytes,
        } = self;
        let mut summed = bytes.into_inner();
        let mut buffer = vec![0; block_bytes as usize];
        while summed
            .read(&mut buffer)
            .or_fail(Kind::Check, || cannot_read(&place))?
            > 0
        {}
        Ok(summed.hash.digest128())
    }
}

impl Iterator for Blocks {
    type Item = anyhow::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut block = Vec::with_capacity(self.block_bytes as usize);
        let read = (&mut self.bytes)
            .take(self.block_bytes)
            .read_to_end(&mut block);
        match read.or_fail(Kind::Check, || cannot_read(&self.place)) {
            Ok(0) => None,
            Ok(_) => Some(Ok(block)),
            Err(error) => Some(Err(error)),
        }
    }
}

/// A file whose checksum is computed as it is read.
pub(crate) struct Summed {
    file: Opened,
    hash: Xxh3,
}

impl Read for Summed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}
