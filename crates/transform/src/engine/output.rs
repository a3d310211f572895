//! A model's output by reference: columns of sources, and which row of its source each row of the output takes.
//! A value that a million rows share is there once, until the sink writes it.

use polars::prelude::{Column, DataFrame};

/// Stands for "no row": an outer join that found none. All columns are NULL there.
pub(crate) const MISSING: u32 = u32::MAX;

/// A model's output.
pub(crate) struct Output {
    /// How many rows it has.
    pub(crate) rows: usize,
    /// The columns as declared, hidden ones included.
    pub(crate) columns: Vec<OutputColumn>,
    /// For each source, the rows that the output's rows take, in their order.
    pub(crate) sources: Vec<Taken>,
}

/// A column of an output, by reference.
pub(crate) struct OutputColumn {
    pub(crate) name: String,
    /// The source's values, of the declared type.
    pub(crate) values: Column,
    /// Which of the sources they belong to.
    pub(crate) source: usize,
}

/// Which rows of a source the output takes.
pub(crate) enum Taken {
    /// Takes all rows of the source, as they stand.
    All,
    /// Takes this row of the source for each row of the output, or none where it is [`MISSING`].
    Rows(Vec<u32>),
}

impl Taken {
    /// The source's row for a row of the output.
    pub(crate) fn row(&self, row: usize) -> Option<usize> {
        match self {
            Self::All => Some(row),
            Self::Rows(rows) => {
                let row = rows[row];
                (row != MISSING).then_some(row as usize)
            }
        }
    }
}

impl Output {
    /// The output of a model that ran whole.
    pub(crate) fn of(frame: DataFrame) -> Self {
        let rows = frame.height();
        let columns = frame.into_columns();
        Self {
            rows,
            columns: columns
                .into_iter()
                .map(|values| OutputColumn {
                    name: values.name().to_string(),
                    values,
                    source: 0,
                })
                .collect(),
            sources: vec![Taken::All],
        }
    }
}
