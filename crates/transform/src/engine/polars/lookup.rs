//! Finds the row that has a key of one or several columns.

use anyhow::Context;
use polars::prelude::{InitHashMaps, Int64Chunked, NewChunkedArray, PlHashSet, PlSmallStr};

use super::dictionary::{Dictionary, Key};
use crate::engine::output::MISSING;

/// Finds rows of a table by a key. A key with a NULL in it matches nothing.
pub(super) struct Lookup {
    first: Dictionary,
    /// For each further column a dictionary of its values, and one that leads from a pair (the row found by the columns before it,
    /// the row found by this column) to the row that has both.
    others: Vec<(Dictionary, Dictionary)>,
    /// The first row of each key that several rows have.
    repeated: PlHashSet<u32>,
}

impl Lookup {
    /// Indexes a table by these columns.
    ///
    /// # Errors
    /// If there are no columns.
    pub(super) fn of(columns: &[Key]) -> anyhow::Result<Self> {
        let (first, others) = columns.split_first().context("a key has a column")?;
        let (first, mut rows) = Dictionary::of(first);
        let mut further = Vec::with_capacity(others.len());
        for column in others {
            let (values, more) = Dictionary::of(column);
            let (pairs, of_pairs) = Dictionary::of(&paired(&rows, &more));
            further.push((values, pairs));
            rows = of_pairs;
        }
        let mut repeated = PlHashSet::new();
        let later = (0_u32..)
            .zip(&rows)
            .filter(|(row, first)| **first != MISSING && *first != row);
        repeated.extend(later.map(|(_, first)| *first));
        Ok(Self {
            first,
            others: further,
            repeated,
        })
    }

    /// Whether no two rows have the same key.
    pub(super) fn is_unique(&self) -> bool {
        self.repeated.is_empty()
    }

    /// Whether several rows have the same key as a row that was found.
    pub(super) fn is_repeated(&self, row: u32) -> bool {
        self.repeated.contains(&row)
    }

    /// The row with each of these keys, or [`MISSING`].
    ///
    /// # Errors
    /// If the keys are of another kind than the table's.
    pub(super) fn rows(&self, columns: &[Key]) -> anyhow::Result<Vec<u32>> {
        let (first, others) = columns.split_first().context("a key has a column")?;
        let mut rows = self.first.rows(first)?;
        for (column, (values, pairs)) in others.iter().zip(&self.others) {
            rows = pairs.rows(&paired(&rows, &values.rows(column)?))?;
        }
        Ok(rows)
    }
}

/// Makes one number of each pair of rows; NULL where either is [`MISSING`].
fn paired(one: &[u32], other: &[u32]) -> Key {
    let pairs = one.iter().zip(other).map(|(&one, &other)| {
        let is_missing = one == MISSING || other == MISSING;
        (!is_missing).then_some((u64::from(one) << 32 | u64::from(other)) as i64)
    });
    Key::Integers(Int64Chunked::from_iter_options(PlSmallStr::EMPTY, pairs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns(rows: &[[Option<i64>; 3]]) -> Vec<Key> {
        let column = |at: usize| {
            let values = rows.iter().map(|row| row[at]);
            Key::Integers(Int64Chunked::from_iter_options(PlSmallStr::EMPTY, values))
        };
        vec![column(0), column(1), column(2)]
    }

    fn some() -> impl Strategy<Value = Vec<[Option<i64>; 3]>> {
        let value = || prop::option::weighted(0.9, prop_oneof![Just(i64::MAX), 0..4_i64]);
        prop::collection::vec([value(), value(), value()], 0..30)
    }

    proptest! {
        #[test]
        fn a_row_is_found_just_by_all_columns_of_its_key(known in some(), asked in some()) {
            let lookup = Lookup::of(&columns(&known)).unwrap();
            let with = |key: &[Option<i64>; 3]| -> Vec<u32> {
                let is_it = |row: &u32| known[*row as usize] == *key && !key.contains(&None);
                (0..known.len() as u32).filter(is_it).collect()
            };
            let found = lookup.rows(&columns(&asked)).unwrap();
            for (key, row) in asked.iter().zip(found) {
                prop_assert_eq!(row, with(key).first().copied().unwrap_or(MISSING));
                prop_assert_eq!(lookup.is_repeated(row), with(key).len() > 1);
            }
            prop_assert_eq!(lookup.is_unique(), known.iter().all(|key| with(key).len() < 2));
        }
    }
}
