//! Outputs into files: CSV or Parquet, in one file or in a folder for each value of the partition columns.

mod cells;

pub(crate) mod manifest;
mod order;
pub(crate) mod parquet;
mod partition;
mod partitioned;
pub(crate) mod postgres;
pub(crate) mod publish;
mod row_file;
mod rows;
mod single;
mod sort_keys;

use std::collections::BTreeMap;
use std::path::Path;

use database::Cancel;
use dataset::Model;
use dataset::failure::Kind;
use serde::{Deserialize, Serialize};

pub(crate) use cells::Cells;
pub(crate) use cells::{write_date, write_decimal, write_time};
pub(crate) use partition::{DEFAULT as NULL_FOLDER, escape};
pub(crate) use postgres::TableWriter;
pub(crate) use row_file::OpenFile;
pub(crate) use sort_keys::{KeyRows, SortKeys};

use crate::engine::output::Output;
use manifest::FileEntry;
use partitioned::Partitioned;
use rows::Shape;
use single::SingleFile;

/// A buffer is written out once it holds this many bytes.
const BUFFER_BYTES: usize = 1 << 20;
/// Rows that one thread encodes at a time; each thread has two such blocks.
const BLOCK_ROWS: usize = 1 << 13;

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text with a header, NULL as an empty field
    #[default]
    Csv,
    /// Typed columns, exact decimals, compressed with zstd
    Parquet,
}

impl Format {
    /// The end of a file's name.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// The name of a partition's file.
    fn partition_file(self) -> &'static str {
        match self {
            Self::Csv => "part-0.csv",
            Self::Parquet => "part-0.parquet",
        }
    }
}

/// What was written.
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Sums by output column, of the rows as they were encoded.
    pub(crate) sums: BTreeMap<String, i128>,
    pub(crate) files: Vec<FileEntry>,
}

/// Writes the outputs of one run of a model, which follow each other in the order of the whole. Each is ordered
/// here; there is at least one, and all share their sources but the first.
pub(crate) struct Writer<'a> {
    files: Files<'a>,
    table: Option<TableWriter<'a>>,
}

enum Files<'a> {
    Single(Box<SingleFile<'a>>),
    Partitioned(Box<Partitioned<'a>>),
}

impl<'a> Writer<'a> {
    /// Writes into the file `target`, or into the folder if there are columns to partition by; and into `table` too if
    /// there is one. `expected_rows` is about how many rows there will be.
    pub(crate) fn new(
        model: &'a Model,
        format: Format,
        partition_by: Option<&[String]>,
        target: &Path,
        table: Option<TableWriter<'a>>,
        expected_rows: usize,
        cancel: &'a Cancel,
    ) -> anyhow::Result<Self> {
        let shape = Shape::new(model, format, expected_rows, cancel);
        let files = match partition_by {
            Some(columns) => {
                Files::Partitioned(Box::new(Partitioned::new(shape, columns, target)?))
            }
            None => Files::Single(Box::new(SingleFile::new(shape, target))),
        };
        Ok(Self { files, table })
    }

    /// Orders and writes the rows of `output`.
    ///
    /// # Errors
    /// [`Kind::Output`] if a file cannot be written; it is then incomplete and never
    /// published. [`Kind::Refused`] for a value that no folder can be named after.
    pub(crate) fn append(&mut self, output: Output) -> anyhow::Result<()> {
        let rows = match &mut self.files {
            Files::Single(single) => single.shape.rows(output)?,
            Files::Partitioned(partitioned) => partitioned.shape.rows(output)?,
        };
        if let Some(table) = &mut self.table {
            table.append(&rows)?;
        }
        match &mut self.files {
            Files::Single(single) => single.append(rows),
            Files::Partitioned(partitioned) => partitioned.append(rows),
        }
    }

    /// Ends the last file.
    ///
    /// # Errors
    /// As [`append`](Self::append); [`Kind::Check`] if the table has other rows than the files.
    pub(crate) fn finish(self) -> anyhow::Result<Written> {
        let written = match self.files {
            Files::Single(single) => single.finish()?,
            Files::Partitioned(partitioned) => partitioned.finish()?,
        };
        let in_table = self.table.map(TableWriter::finish).transpose()?;
        match in_table {
            Some(rows) if rows != written.rows => Err(Kind::Check.error(format!(
                "{} rows were written into files, but {rows} into the table",
                written.rows
            ))),
            _ => Ok(written),
        }
    }
}

fn add(total: &mut [i128], sums: &[i128]) {
    for (total, sum) in total.iter_mut().zip(sums) {
        *total += sum;
    }
}
