//! The order of a whole output, whose rows are not all in memory.

use std::cmp::Ordering;

use dataset::Model;
use polars::prelude::{DataFrame, PlSmallStr};

use super::order::{compare_named, in_partition};
use super::rows::{Field, row_numbers};
use crate::engine::output::{Output, Taken};

/// The columns that determine the order of an output's rows: those that name folders, then those that order rows within them.
pub(crate) struct SortKeys {
    /// For each column, whether it names folders.
    columns: Vec<(String, bool)>,
}

impl SortKeys {
    /// The keys of a model that is partitioned by some columns, or written into one file.
    pub(crate) fn of(model: &Model, partition_by: Option<&[String]>) -> Self {
        let columns = match partition_by {
            None => model.order_by.iter().map(|name| (name, false)).collect(),
            Some(partition_by) => {
                let folders = partition_by.iter().map(|name| (name, true));
                let inside = in_partition(model, partition_by).map(|name| (name, false));
                folders.chain(inside).collect::<Vec<_>>()
            }
        };
        let owned = |(name, names_folders): (&String, bool)| (name.clone(), names_folders);
        Self {
            columns: columns.into_iter().map(owned).collect(),
        }
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The keys of an output's rows.
    pub(crate) fn rows(&self, output: Output) -> anyhow::Result<KeyRows> {
        let keys = self
            .columns
            .iter()
            .map(|(name, names_folders)| {
                let mut columns = output.columns.iter();
                let column = columns
                    .find(|column| column.name == *name)
                    .ok_or_else(|| anyhow::anyhow!("no column `{name}`"))?;
                Ok((Field::of(column)?, *names_folders))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(KeyRows {
            keys,
            sources: output.sources,
            rows: output.rows,
        })
    }
}

/// The keys of some rows.
pub(crate) struct KeyRows {
    keys: Vec<(Field, bool)>,
    sources: Vec<Taken>,
    rows: usize,
}

impl KeyRows {
    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// The row of the first source that a row takes.
    pub(crate) fn first_source_row(&self, row: usize) -> Option<usize> {
        self.sources[0].row(row)
    }

    /// Compares a row of these with one of `other`.
    pub(crate) fn compare(&self, a: usize, other: &Self, b: usize) -> Ordering {
        self.keys
            .iter()
            .zip(&other.keys)
            .map(|((left, names_folders), (right, _))| {
                let (a, b) = (
                    self.sources[left.source].row(a),
                    other.sources[right.source].row(b),
                );
                match (names_folders, a, b) {
                    (true, a, b) => compare_named(&left.cells, a, &right.cells, b),
                    (false, Some(a), Some(b)) => left.cells.compare(a, &right.cells, b),
                    (false, a, b) => b.is_some().cmp(&a.is_some()),
                }
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// A frame of only the keys of some rows.
    pub(crate) fn frame(&self, rows: &[usize]) -> anyhow::Result<DataFrame> {
        let columns = (0_usize..)
            .zip(&self.keys)
            .map(|(index, (field, _))| {
                let taken = row_numbers(&self.sources[field.source], rows.iter().copied());
                let name = PlSmallStr::from(index.to_string());
                Ok(field.values.take(&taken)?.with_name(name))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(DataFrame::new(rows.len(), columns)?)
    }

    /// Makes keys of a frame that [`KeyRows::frame`] gave.
    pub(crate) fn like(&self, frame: DataFrame) -> anyhow::Result<Self> {
        let rows = frame.height();
        let columns = frame.into_columns().into_iter().zip(&self.keys);
        Ok(Self {
            keys: columns
                .map(|(values, (_, names_folders))| {
                    Ok((Field::of_values(&values, 0)?, *names_folders))
                })
                .collect::<anyhow::Result<_>>()?,
            sources: vec![Taken::All],
            rows,
        })
    }
}
