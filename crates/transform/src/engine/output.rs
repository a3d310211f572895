//! A model's output by reference: columns of sources, and for each row of the output the row of each source that it takes. A value
//! that a million rows share is stored once, until the sink writes it.

use polars::prelude::{Column, DataFrame};

/// Stands for no row, as when an outer join finds none. All columns are NULL there.
pub(crate) const MISSING: u32 = u32::MAX;

/// A model's output.
pub(crate) struct Output {
    /// How many rows the output has.
    pub(crate) rows: usize,
    /// The columns as declared, including hidden ones.
    pub(crate) columns: Vec<OutputColumn>,
    /// For each source, the rows that the output's rows take, in order.
    pub(crate) sources: Vec<Taken>,
}

/// A column of an output, by reference.
pub(crate) struct OutputColumn {
    pub(crate) name: String,
    /// The values of the source, in the declared type.
    pub(crate) values: Column,
    /// The number of the source that the values belong to.
    pub(crate) source: usize,
}

/// The rows of a source that the output takes.
pub(crate) enum Taken {
    /// All rows of the source, in order.
    All,
    /// For each row of the output the number of a row of the source, or [`MISSING`].
    Rows(Vec<u32>),
}

impl Taken {
    /// The source's row for a row of the output; `None` if it has none.
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
    /// Makes an output of a frame whose rows are all taken.
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
