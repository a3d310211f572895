//! Rows while a model runs: columns by position, of which only the needed ones are there.

use polars::prelude::{IdxCa, PlSmallStr};

use super::array::Array;
use crate::engine::output::MISSING;

/// Rows, of which only the needed columns are there.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    pub(super) height: usize,
    columns: Vec<Option<Array>>,
}

impl Rows {
    /// Makes rows of these columns.
    pub(super) fn new(height: usize, columns: Vec<Option<Array>>) -> Self {
        Self { height, columns }
    }

    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The column at a position.
    ///
    /// # Errors
    /// If the column was not needed.
    pub(super) fn column(&self, at: usize) -> anyhow::Result<&Array> {
        match self.columns.get(at) {
            Some(Some(column)) => Ok(column),
            _ => anyhow::bail!("column {at} was not computed"),
        }
    }

    /// All columns.
    ///
    /// # Errors
    /// If a column was not needed.
    pub(super) fn all(&self) -> anyhow::Result<Vec<&Array>> {
        (0..self.width()).map(|at| self.column(at)).collect()
    }

    /// Drops the columns that are not needed.
    pub(super) fn only(&self, needed: &[bool]) -> Self {
        let columns = self.columns.iter().zip(needed);
        Self {
            height: self.height,
            columns: columns
                .map(|(column, needed)| column.clone().filter(|_| *needed))
                .collect(),
        }
    }

    /// Takes the columns at these positions.
    pub(super) fn reordered(&self, places: &[usize]) -> Self {
        let columns = places.iter().map(|&place| self.columns[place].clone());
        Self::new(self.height, columns.collect())
    }

    /// How many bytes a row takes in memory, roughly.
    pub(super) fn row_bytes(&self) -> u64 {
        self.columns.iter().flatten().map(Array::row_bytes).sum()
    }

    /// Takes these rows, in this order; all columns are NULL for [`MISSING`].
    pub(super) fn take(&self, rows: &[u32]) -> anyhow::Result<Self> {
        let height = rows.len();
        let is_whole = height == self.height && rows.iter().zip(0..).all(|(row, at)| *row == at);
        if is_whole {
            return Ok(self.clone());
        }
        let places = match rows.contains(&MISSING) {
            true => IdxCa::from_iter(rows.iter().map(|&row| (row != MISSING).then_some(row))),
            false => IdxCa::from_vec(PlSmallStr::EMPTY, rows.to_vec()),
        };
        let take = |column: &Option<Array>| {
            column
                .as_ref()
                .map(|column| column.take(&places))
                .transpose()
        };
        Ok(Self {
            height,
            columns: self
                .columns
                .iter()
                .map(take)
                .collect::<anyhow::Result<_>>()?,
        })
    }

    /// Appends the columns of other rows, which must be equally many.
    pub(super) fn beside(mut self, other: Self) -> Self {
        self.columns.extend(other.columns);
        self
    }

    /// Appends other rows after these.
    pub(super) fn above(&self, other: &Self) -> anyhow::Result<Self> {
        let both = self.columns.iter().zip(&other.columns);
        let columns = both.map(|pair| match pair {
            (Some(one), Some(other)) => one.with(other).map(Some),
            _ => Ok(None),
        });
        Ok(Self {
            height: self.height + other.height,
            columns: columns.collect::<anyhow::Result<_>>()?,
        })
    }
}
