//! Turns the rows of a Parquet file into records of CSV, a row group at a time.

use std::fs::File;
use std::io::Seek;

use dataset::failure::{Kind, OrFail};
use polars::prelude::{DataFrame, SerReader};
use polars_io::parquet::read::ParquetReader;
use storage::place::Place;

use super::error::cannot_read;
use crate::sink::Cells;
use crate::sink::parquet::ROW_GROUP_ROWS;

/// The rows of a Parquet file.
pub(crate) struct ParquetRows {
    place: Place,
    /// The file, or a copy of the object in a bucket.
    file: File,
    names: Vec<String>,
    rows: usize,
    /// How many rows were read, including the current row group.
    read: usize,
    /// The columns of the current row group.
    columns: Vec<Cells>,
    next: usize,
    record: Vec<u8>,
}

impl ParquetRows {
    pub(super) fn open(place: Place) -> anyhow::Result<Self> {
        let open = || -> anyhow::Result<_> {
            let file = place.on_disk()?;
            let mut reader = ParquetReader::new(file.try_clone()?);
            let schema = reader.schema()?;
            let names = schema.iter_names().map(ToString::to_string).collect();
            Ok((file, names, reader.num_rows()?))
        };
        let (file, names, rows) = open().or_fail(Kind::Check, || cannot_read(&place))?;
        Ok(Self {
            place,
            file,
            names,
            rows,
            read: 0,
            columns: Vec::new(),
            next: 0,
            record: Vec::new(),
        })
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The file, rewound to its beginning, and its place.
    pub(super) fn into_file(mut self) -> anyhow::Result<(Place, File)> {
        let rewound = self.file.rewind();
        rewound.or_fail(Kind::Check, || cannot_read(&self.place))?;
        Ok((self.place, self.file))
    }

    /// Gives the next row as a record of CSV, without a line feed.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<&[u8]>> {
        if self
            .columns
            .first()
            .is_none_or(|column| self.next == column.len())
        {
            if self.read >= self.rows {
                return Ok(None);
            }
            self.read_group()?;
        }
        self.record.clear();
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                self.record.push(b',');
            }
            column.write_field(self.next, &mut self.record);
        }
        self.next += 1;
        Ok(Some(&self.record))
    }

    fn read_group(&mut self) -> anyhow::Result<()> {
        let rows = ROW_GROUP_ROWS.min(self.rows - self.read);
        let read = || -> anyhow::Result<DataFrame> {
            let reader = ParquetReader::new(self.file.try_clone()?);
            Ok(reader.with_slice(Some((self.read, rows))).finish()?)
        };
        let frame = read().or_fail(Kind::Check, || cannot_read(&self.place))?;
        anyhow::ensure!(frame.height() == rows, "{}", cannot_read(&self.place));
        self.columns = frame
            .columns()
            .iter()
            .map(Cells::of)
            .collect::<anyhow::Result<_>>()?;
        self.read += rows;
        self.next = 0;
        Ok(())
    }
}
