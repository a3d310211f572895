//! Finds the first row that has a value: directly if integers lie close together, otherwise through a hash.

use std::hash::BuildHasher;

use anyhow::Context;
use polars::prelude::{
    BinaryChunked, BooleanChunked, Column, DataType, InitHashMaps, Int64Chunked, NewChunkedArray,
    PlHashMap, PlRandomState, PlSmallStr,
};
use polars_arrow::array::{Array as _, BinaryViewArray};

use super::array::{Array, NumericChunked};
use crate::engine::output::MISSING;

/// How many slots there may be for each key, from the lowest to the highest key, to find rows without hashing.
const SLOTS_PER_KEY: usize = 8;

/// The values of a column by which rows are looked up. Equal values have equal bits, with the exceptions that are noted.
pub(super) enum Key {
    Integers(Int64Chunked),
    /// Numerics as integers without their point, and their scale: 1.0 equals 1.00.
    Numerics(NumericChunked, u32),
    Bytes(BinaryChunked),
    /// Texts of `char(n)`, compared without the blanks at their end.
    Padded(BinaryChunked),
}

impl Key {
    /// Takes the values of a table's column; `is_padded` says that they are of `char(n)`.
    ///
    /// # Errors
    /// If rows cannot be looked up by values of this type.
    pub(super) fn of(column: &Column, is_padded: bool) -> anyhow::Result<Self> {
        let integers = |values: &mut dyn Iterator<Item = Option<i64>>| {
            Int64Chunked::from_iter_options(PlSmallStr::EMPTY, values)
        };
        Ok(
            match (Array::of(column.as_materialized_series())?, column.dtype()) {
                (Array::Integers(values), _) => Self::Integers(values),
                (Array::Boolean(values), _) => {
                    let values: &BooleanChunked = &values;
                    Self::Integers(integers(
                        &mut values.iter().map(|value| value.map(i64::from)),
                    ))
                }
                (Array::Dates(values), _) => Self::Integers(integers(
                    &mut values.iter().map(|value| value.map(i64::from)),
                )),
                (Array::Numerics(values), DataType::Decimal(_, scale)) => {
                    Self::Numerics(values, u32::try_from(*scale).context("a scale")?)
                }
                (Array::Text(values), _) if is_padded => Self::Padded(values.as_binary()),
                (Array::Text(values), _) => Self::Bytes(values.as_binary()),
                (Array::Bytes(values), _) => Self::Bytes(values),
                (_, kind) => anyhow::bail!("rows are not looked up by values of {kind}"),
            },
        )
    }
}

/// Finds the first row of each value of a column.
pub(super) enum Dictionary {
    /// For integers that lie close together: the row of each from `lowest` on, or [`MISSING`].
    Dense {
        lowest: i64,
        rows: Vec<u32>,
    },
    Sparse(PlHashMap<i64, u32>),
    Numerics(PlHashMap<i128, u32>, u32),
    Bytes(Slots),
}

impl Dictionary {
    /// Makes the dictionary of a column. Also gives, for each row, the first row with an equal value, or [`MISSING`] for NULL.
    pub(super) fn of(keys: &Key) -> (Self, Vec<u32>) {
        match keys {
            Key::Integers(keys) => Self::of_integers(keys),
            Key::Numerics(keys, scale) => {
                let (rows, first) = hashed(keys.iter(), keys.len());
                (Self::Numerics(rows, *scale), first)
            }
            Key::Bytes(keys) => {
                let (slots, first) = Slots::of(keys, <[u8]>::as_ref);
                (Self::Bytes(slots), first)
            }
            Key::Padded(keys) => {
                let (slots, first) = Slots::of(keys, unpadded);
                (Self::Bytes(slots), first)
            }
        }
    }

    fn of_integers(keys: &Int64Chunked) -> (Self, Vec<u32>) {
        let present = || keys.iter().flatten();
        let lowest = present().min().unwrap_or(0);
        let highest = present().max().unwrap_or(0);
        let slots = highest
            .checked_sub(lowest)
            .and_then(|slots| usize::try_from(slots).ok());
        match slots {
            Some(slots) if slots <= keys.len() * SLOTS_PER_KEY => {
                let mut rows = vec![MISSING; slots + 1];
                let first = (0..).zip(keys.iter()).map(|(row, key)| match key {
                    Some(key) => *first_of(&mut rows[(key - lowest) as usize], row),
                    None => MISSING,
                });
                let first = first.collect();
                (Self::Dense { lowest, rows }, first)
            }
            _ => {
                let (rows, first) = hashed(keys.iter(), keys.len());
                (Self::Sparse(rows), first)
            }
        }
    }

    /// The first row with each of these values, or [`MISSING`].
    ///
    /// # Errors
    /// If the values are of another kind than the dictionary's.
    pub(super) fn rows(&self, keys: &Key) -> anyhow::Result<Vec<u32>> {
        let or_missing = |row: Option<u32>| row.unwrap_or(MISSING);
        Ok(match (self, keys) {
            (Self::Dense { lowest, rows }, Key::Integers(keys)) => {
                let row = |key: i64| {
                    // A key below the lowest wraps around to a slot that doesn't exist.
                    let slot = usize::try_from(key.wrapping_sub(*lowest) as u64).ok()?;
                    rows.get(slot).copied()
                };
                keys.iter()
                    .map(|key| or_missing(key.and_then(row)))
                    .collect()
            }
            (Self::Sparse(rows), Key::Integers(keys)) => {
                let row = |key: i64| rows.get(&key).copied();
                keys.iter()
                    .map(|key| or_missing(key.and_then(row)))
                    .collect()
            }
            (Self::Numerics(rows, scale), Key::Numerics(keys, own)) => {
                let row = |key: i128| rows.get(&at_scale(key, *own, *scale)?).copied();
                keys.iter()
                    .map(|key| or_missing(key.and_then(row)))
                    .collect()
            }
            (Self::Bytes(slots), Key::Bytes(keys)) => {
                let row = |key: Option<&[u8]>| key.map_or(MISSING, |key| slots.row(key));
                keys.iter().map(row).collect()
            }
            (Self::Bytes(slots), Key::Padded(keys)) => {
                let row = |key: Option<&[u8]>| key.map_or(MISSING, |key| slots.row(unpadded(key)));
                keys.iter().map(row).collect()
            }
            _ => anyhow::bail!("a key is looked up among values of another kind"),
        })
    }
}

fn first_of(slot: &mut u32, row: u32) -> &u32 {
    if *slot == MISSING {
        *slot = row;
    }
    slot
}

fn hashed<K: std::hash::Hash + Eq>(
    keys: impl Iterator<Item = Option<K>>,
    count: usize,
) -> (PlHashMap<K, u32>, Vec<u32>) {
    let mut rows = PlHashMap::with_capacity(count);
    let first = (0..).zip(keys).map(|(row, key)| match key {
        Some(key) => *rows.entry(key).or_insert(row),
        None => MISSING,
    });
    let first = first.collect();
    (rows, first)
}

/// The digits of a numeric at another scale; `None` if it cannot be written at that scale, so that no value there equals it.
fn at_scale(digits: i128, from: u32, to: u32) -> Option<i128> {
    let factor = 10_i128.checked_pow(from.abs_diff(to));
    match (from <= to, factor) {
        (true, Some(factor)) => digits.checked_mul(factor),
        (false, Some(factor)) => (digits % factor == 0).then(|| digits / factor),
        (_, None) => (digits == 0).then_some(0),
    }
}

fn unpadded(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|byte| **byte == b' ');
    &text[..text.len() - blanks.count()]
}

/// A hash table of rows by the bytes of their keys. The bytes stay in their column; none are copied.
pub(super) struct Slots {
    keys: BinaryViewArray,
    compared: fn(&[u8]) -> &[u8],
    /// Rows, each in the first free slot at or after the one of its hash. More than half of the slots are [`MISSING`].
    slots: Vec<u32>,
    hasher: PlRandomState,
}

impl Slots {
    fn of(keys: &BinaryChunked, compared: fn(&[u8]) -> &[u8]) -> (Self, Vec<u32>) {
        let keys = keys.rechunk().downcast_as_array().clone();
        let mut slots = Self {
            slots: vec![MISSING; (2 * keys.len() + 1).next_power_of_two()],
            keys,
            compared,
            hasher: PlRandomState::default(),
        };
        let mut first = Vec::with_capacity(slots.keys.len());
        for row in 0..slots.keys.len() {
            first.push(match slots.keys.is_null(row) {
                true => MISSING,
                false => {
                    let slot = slots.slot(slots.key(row as u32));
                    *first_of(&mut slots.slots[slot], row as u32)
                }
            });
        }
        (slots, first)
    }

    fn key(&self, row: u32) -> &[u8] {
        (self.compared)(self.keys.value(row as usize))
    }

    /// The slot of the row with this key, or the free slot where it would go.
    fn slot(&self, key: &[u8]) -> usize {
        let last = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(key) as usize & last;
        while self.slots[slot] != MISSING && self.key(self.slots[slot]) != key {
            slot = (slot + 1) & last;
        }
        slot
    }

    fn row(&self, key: &[u8]) -> u32 {
        self.slots[self.slot(key)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn integers(keys: &[Option<i64>]) -> Key {
        let keys = keys.iter().copied();
        Key::Integers(Int64Chunked::from_iter_options(PlSmallStr::EMPTY, keys))
    }

    fn texts(keys: &[Option<&str>]) -> BinaryChunked {
        let keys = keys.iter().map(|key| key.map(str::as_bytes));
        BinaryChunked::from_iter_options(PlSmallStr::EMPTY, keys)
    }

    fn numerics(keys: &[i128], scale: u32) -> Key {
        let keys = keys.iter().copied().map(Some);
        Key::Numerics(
            NumericChunked::from_iter_options(PlSmallStr::EMPTY, keys),
            scale,
        )
    }

    #[test]
    fn a_value_is_found_at_its_first_row_and_null_nowhere() {
        for far in [3, i64::MAX] {
            let (known, first) = Dictionary::of(&integers(&[None, Some(1), Some(far), Some(1)]));
            assert_eq!(first, [MISSING, 1, 2, 1]);
            let rows = known.rows(&integers(&[Some(far), None, Some(1), Some(2)]));
            assert_eq!(rows.unwrap(), [2, MISSING, 1, MISSING]);
        }
        let (known, _) = Dictionary::of(&integers(&[None]));
        assert_eq!(
            known.rows(&integers(&[Some(0), None])).unwrap(),
            [MISSING; 2]
        );
    }

    #[test]
    fn blanks_at_the_end_count_just_where_text_is_not_padded() {
        let keys = [
            Some("a  "),
            Some(""),
            None,
            Some("a"),
            Some("  "),
            Some(" a"),
        ];
        let (exact, first) = Dictionary::of(&Key::Bytes(texts(&keys)));
        assert_eq!(first, [0, 1, MISSING, 3, 4, 5]);
        let (padded, first) = Dictionary::of(&Key::Padded(texts(&keys)));
        assert_eq!(first, [0, 1, MISSING, 0, 1, 5]);
        let asked = || texts(&[Some("a "), Some(""), Some("a"), None, Some("a\t")]);
        let rows = |of: &Dictionary, keys: Key| of.rows(&keys).unwrap();
        assert_eq!(
            rows(&exact, Key::Bytes(asked())),
            [MISSING, 1, 3, MISSING, MISSING]
        );
        assert_eq!(
            rows(&padded, Key::Padded(asked())),
            [0, 1, 0, MISSING, MISSING]
        );
        assert_eq!(
            rows(&padded, Key::Bytes(asked())),
            [MISSING, 1, 0, MISSING, MISSING]
        );
        assert!(exact.rows(&integers(&[Some(1)])).is_err());
    }

    #[test]
    fn numerics_are_equal_whatever_their_scale() {
        let (known, first) = Dictionary::of(&numerics(&[10, 15, i128::MAX, 10], 1));
        assert_eq!(first, [0, 1, 2, 0]);
        let rows = |keys: &[i128], scale| known.rows(&numerics(keys, scale)).unwrap();
        assert_eq!(rows(&[100, 150, 155], 2), [0, 1, MISSING]);
        assert_eq!(rows(&[1, i128::MAX], 0), [0, MISSING]);
        assert_eq!(rows(&[0, 10_i128.pow(38)], 38), [MISSING, 0]);
    }

    proptest! {
        #[test]
        fn every_value_is_found_and_no_other(
            keys in prop::collection::vec(prop::option::of(prop_oneof![-50..50_i64, any::<i64>()]), 0..60),
            others in prop::collection::vec(prop_oneof![-60..60_i64, any::<i64>()], 0..60),
        ) {
            let (known, first) = Dictionary::of(&integers(&keys));
            let words: Vec<Option<String>> = keys.iter().map(|key| key.map(|key| key.to_string())).collect();
            let (by_bytes, first_by_bytes) =
                Dictionary::of(&Key::Bytes(texts(&words.iter().map(Option::as_deref).collect::<Vec<_>>())));
            let row = |key: i64| keys.iter().position(|known| *known == Some(key)).map_or(MISSING, |row| row as u32);
            let expected: Vec<u32> = keys.iter().map(|key| key.map_or(MISSING, row)).collect();
            prop_assert_eq!(&first, &expected);
            prop_assert_eq!(first_by_bytes, expected);
            let asked: Vec<i64> = keys.iter().flatten().chain(&others).copied().collect();
            let expected: Vec<u32> = asked.iter().map(|key| row(*key)).collect();
            let some: Vec<_> = asked.iter().copied().map(Some).collect();
            prop_assert_eq!(&known.rows(&integers(&some)).unwrap(), &expected);
            let words: Vec<String> = asked.iter().map(i64::to_string).collect();
            let words: Vec<_> = words.iter().map(|word| Some(word.as_str())).collect();
            prop_assert_eq!(by_bytes.rows(&Key::Bytes(texts(&words))).unwrap(), expected);
        }
    }
}
