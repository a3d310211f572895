//! Gives equal rows equal numbers. Grouping, joins, DISTINCT and set operations build on this.

use std::hash::Hash;

use polars::prelude::{InitHashMaps, PlHashMap};

use super::array::Array;
use super::decimal::Decimal;
use crate::engine::output::MISSING;

/// How many slots there may be for each row, from the lowest to the highest integer, to number integers without hashing.
const SLOTS_PER_ROW: usize = 8;

/// A number for each row: equal rows have the same one, and numbers follow the order in which rows first come.
pub(super) struct Codes {
    /// The number of each row; [`MISSING`] for a row with a NULL, if NULLs are equal to nothing.
    pub(super) of: Vec<u32>,
    /// How many different numbers there are.
    pub(super) count: usize,
}

/// Whether NULL is equal to NULL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// A NULL equals a NULL, as in GROUP BY, DISTINCT and set operations.
    Equal,
    /// A NULL equals nothing, as with `=`.
    Unequal,
}

impl Codes {
    /// Numbers rows by some of their columns; if there are none, all rows are equal.
    pub(super) fn of(columns: &[&Array], rows: usize, nulls: Nulls) -> Self {
        let Some((first, others)) = columns.split_first() else {
            return Self {
                of: vec![0; rows],
                count: rows.min(1),
            };
        };
        let (mut codes, mut count) = of_column(first, nulls);
        for column in others {
            let (more, count_of_more) = of_column(column, nulls);
            let slots = count as u64 * count_of_more as u64;
            let pairs = codes.iter().zip(&more).map(|(&one, &other)| {
                let is_missing = one == MISSING || other == MISSING;
                (!is_missing).then_some(u64::from(one) * count_of_more as u64 + u64::from(other))
            });
            (codes, count) = match slots <= (rows * SLOTS_PER_ROW) as u64 {
                true => {
                    let slots_of_rows = pairs.map(|pair| pair.map(|pair| pair as usize));
                    counted(slots_of_rows, slots as usize, Nulls::Unequal)
                }
                false => numbered(pairs, Nulls::Unequal),
            };
        }
        Self { of: codes, count }
    }

    /// The first of these columns in which rows of the same number have numerics with different digits after the point. Then it is
    /// open which row stands for all of them.
    pub(super) fn shown_apart(&self, columns: &[&Array]) -> Option<usize> {
        columns.iter().position(|column| {
            let Array::Decimals(_, scales) = column else {
                return false;
            };
            let mut scale_of = vec![None; self.count];
            let rows = self.of.iter().zip(scales.iter());
            let mut known = rows.filter_map(|(&code, scale)| Some((code, scale?)));
            known.any(|(code, scale)| {
                code != MISSING && *scale_of[code as usize].get_or_insert(scale) != scale
            })
        })
    }

    /// The first row of each number.
    pub(super) fn first_rows(&self) -> Vec<u32> {
        let mut first = vec![MISSING; self.count];
        for (row, &code) in self.of.iter().enumerate() {
            if code != MISSING && first[code as usize] == MISSING {
                first[code as usize] = row as u32;
            }
        }
        first
    }
}

fn of_column(column: &Array, nulls: Nulls) -> (Vec<u32>, usize) {
    match column {
        Array::Boolean(values) => numbered(values.iter(), nulls),
        Array::Integers(values) => {
            let present = || values.iter().flatten();
            let lowest = present().min().unwrap_or(0);
            let span = present().max().unwrap_or(0).checked_sub(lowest);
            match span.and_then(|span| usize::try_from(span).ok()) {
                Some(span) if span <= values.len() * SLOTS_PER_ROW => {
                    let slots = values.iter().map(|value| Some((value? - lowest) as usize));
                    counted(slots, span + 1, nulls)
                }
                _ => numbered(values.iter(), nulls),
            }
        }
        Array::Numerics(values) => numbered(values.iter(), nulls),
        Array::Decimals(..) => {
            let key = |value: Decimal| {
                let short = value.shortened();
                (short.digits, short.scale)
            };
            numbered(column.decimals().map(|value| value.map(key)), nulls)
        }
        Array::Reals(values) => numbered(
            values
                .iter()
                .map(|value| value.map(|value| float_key(value.into()))),
            nulls,
        ),
        Array::Doubles(values) => numbered(values.iter().map(|value| value.map(float_key)), nulls),
        Array::Text(values) => numbered(values.iter(), nulls),
        Array::Dates(values) => numbered(values.iter(), nulls),
        Array::Bytes(values) => numbered(values.iter(), nulls),
    }
}

/// A key that is equal for floats that Postgres takes for equal: both zeros, and all NaNs.
fn float_key(value: f64) -> u64 {
    match value {
        _ if value.is_nan() => f64::NAN.to_bits(),
        // This is the zero of either sign.
        0.0 => 0,
        value => value.to_bits(),
    }
}

fn numbered<K: Hash + Eq>(
    keys: impl Iterator<Item = Option<K>>,
    nulls: Nulls,
) -> (Vec<u32>, usize) {
    let mut known: PlHashMap<K, u32> = PlHashMap::new();
    let mut null = None;
    let mut next = 0;
    let mut new = || {
        next += 1;
        next - 1
    };
    let codes: Vec<u32> = keys
        .map(|key| match key {
            Some(key) => *known.entry(key).or_insert_with(&mut new),
            None if nulls == Nulls::Equal => *null.get_or_insert_with(&mut new),
            None => MISSING,
        })
        .collect();
    (codes, next as usize)
}

/// Numbers rows whose keys are small integers, without hashing them.
fn counted(
    slots: impl Iterator<Item = Option<usize>>,
    count: usize,
    nulls: Nulls,
) -> (Vec<u32>, usize) {
    // The last slot is for NULL.
    let mut known = vec![MISSING; count + 1];
    let mut next = 0;
    let codes: Vec<u32> = slots
        .map(|slot| {
            let slot = match slot {
                Some(slot) => slot,
                None if nulls == Nulls::Equal => count,
                None => return MISSING,
            };
            if known[slot] == MISSING {
                known[slot] = next;
                next += 1;
            }
            known[slot]
        })
        .collect();
    (codes, next as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nulls_are_equal_or_equal_to_nothing() {
        let column = Array::of_integers(vec![Some(5), None, Some(5), None, Some(i64::MAX)]);
        let equal = Codes::of(&[&column], 5, Nulls::Equal);
        assert_eq!((equal.of, equal.count), (vec![0, 1, 0, 1, 2], 3));
        let unequal = Codes::of(&[&column], 5, Nulls::Unequal);
        assert_eq!(
            (unequal.of, unequal.count),
            (vec![0, MISSING, 0, MISSING, 1], 2)
        );
    }

    #[test]
    fn zeros_are_one_and_so_are_values_that_are_not_numbers() {
        let column =
            Array::of_doubles(vec![Some(0.0), Some(-0.0), Some(f64::NAN), Some(-f64::NAN)]);
        assert_eq!(Codes::of(&[&column], 4, Nulls::Equal).of, [0, 0, 1, 1]);
    }

    #[test]
    fn equal_numerics_are_shown_apart_where_their_scales_differ() {
        let value = |digits, scale| Some(Decimal { digits, scale });
        let alike = Array::of_decimals(vec![value(15, 1), value(10, 1), None, value(15, 1)]);
        let apart = Array::of_decimals(vec![value(15, 1), value(10, 1), None, value(150, 2)]);
        for (column, expected) in [(&alike, None), (&apart, Some(1))] {
            let other = Array::of_integers(vec![Some(1), Some(1), Some(1), Some(1)]);
            let columns = [&other, column];
            let codes = Codes::of(&columns, 4, Nulls::Equal);
            assert_eq!((codes.count, codes.shown_apart(&columns)), (3, expected));
        }
    }

    proptest! {
        #[test]
        fn rows_have_the_same_number_just_if_they_are_equal(
            rows in prop::collection::vec((prop::option::of(-3..3_i64), prop::option::of("[ab]{0,2}")), 0..40),
        ) {
            let (numbers, texts): (Vec<_>, Vec<_>) = rows.iter().cloned().unzip();
            let columns = [Array::of_integers(numbers), Array::of_texts(texts)];
            let codes = Codes::of(&[&columns[0], &columns[1]], rows.len(), Nulls::Equal);
            for (one, code) in rows.iter().zip(&codes.of) {
                for (other, of) in rows.iter().zip(&codes.of) {
                    prop_assert_eq!(one == other, code == of);
                }
            }
            prop_assert_eq!(codes.first_rows().len(), codes.count);
        }
    }
}
