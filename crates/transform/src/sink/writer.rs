//! Writes the outputs of a model's run into files and, if that is asked for, a table.

use std::path::Path;

use database::Cancel;
use dataset::Model;
use dataset::failure::Kind;

use super::checks::Checks;
use super::partitioned::Partitioned;
use super::postgres::copy::TableWriter;
use super::rows::Shape;
use super::single::SingleFile;
use super::written::Written;
use crate::engine::output::Output;
use crate::options::Options;
use storage::place::Place;

/// Writes the outputs of one run of a model, which must come in the order of the whole. Each is ordered here. There is at least
/// one, and all share their sources except the first.
pub(crate) struct Writer<'a> {
    checks: Checks<'a>,
    files: Files<'a>,
    table: Option<TableWriter<'a>>,
}

enum Files<'a> {
    Single(Box<SingleFile<'a>>),
    Partitioned(Box<Partitioned<'a>>),
    /// There are no files: the rows are only checked.
    None(Box<Shape<'a>>),
}

impl<'a> Writer<'a> {
    /// Writes into the file `target`, or into that folder if there are columns to partition by, and into `table` if there is one.
    /// If the model is a check of another one, nothing is written. `expected_rows` is roughly how many rows there will be;
    /// `scratch` is a folder for what checks cannot keep in memory.
    pub(crate) fn new(
        model: &'a Model,
        options: &'a Options,
        target: &Place,
        table: Option<TableWriter<'a>>,
        expected_rows: usize,
        scratch: &Path,
        cancel: &'a Cancel,
    ) -> anyhow::Result<Self> {
        let checks = Checks::of(model, options, scratch)?;
        let shape = Shape::new(model, options, expected_rows, cancel);
        let files = match options.layout.partition_by(model) {
            Some(columns) => {
                Files::Partitioned(Box::new(Partitioned::new(shape, columns, target)?))
            }
            None if model.checked_model.is_some() => Files::None(Box::new(shape)),
            None => Files::Single(Box::new(SingleFile::new(shape, target))),
        };
        Ok(Self {
            checks,
            files,
            table,
        })
    }

    /// Orders and writes the rows of `output`.
    ///
    /// # Errors
    /// [`Kind::Output`] if a file cannot be written; it is then incomplete and never published. [`Kind::Refused`] for a value after
    /// which no folder can be named.
    pub(crate) fn append(&mut self, output: Output) -> anyhow::Result<()> {
        let rows = match &mut self.files {
            Files::Single(single) => single.shape.rows(output)?,
            Files::Partitioned(partitioned) => partitioned.shape.rows(output)?,
            Files::None(shape) => shape.rows(output)?,
        };
        self.checks.look(&rows)?;
        if let Some(table) = &mut self.table {
            table.append(&rows)?;
        }
        match &mut self.files {
            Files::Single(single) => single.append(rows),
            Files::Partitioned(partitioned) => partitioned.append(rows),
            Files::None(_) => Ok(()),
        }
    }

    /// Ends the last file.
    ///
    /// # Errors
    /// As [`append`](Self::append); [`Kind::Check`] if the table has other rows than the files.
    pub(crate) fn finish(self) -> anyhow::Result<Written> {
        let mut written = match self.files {
            Files::Single(single) => single.finish()?,
            Files::Partitioned(partitioned) => partitioned.finish()?,
            Files::None(shape) => shape.written(Vec::new(), &vec![0; shape.summed()]),
        };
        written.checks = self.checks.outcomes()?;
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
