//! From a key to the row that has it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use polars::prelude::Int64Chunked;

use crate::engine::output::MISSING;

/// Slots that a table of all values between the lowest and the highest key may have for each key.
const SLOTS_PER_KEY: usize = 8;

/// The rows of a table by a key that is unique in it.
pub(super) enum Lookup {
    /// Keys that lie close together: the row of each value from `lowest` on, or [`MISSING`].
    Dense {
        lowest: i64,
        rows: Vec<u32>,
    },
    Sparse(HashMap<i64, u32>),
}

impl Lookup {
    /// The lookup of a column; NULL is not a key. `None` if two rows have the same key.
    pub(super) fn of(keys: &Int64Chunked) -> Option<Self> {
        let present = || {
            (0_u32..)
                .zip(keys.iter())
                .filter_map(|(row, key)| Some((row, key?)))
        };
        let lowest = present().map(|(_, key)| key).min().unwrap_or(0);
        let highest = present().map(|(_, key)| key).max().unwrap_or(0);
        let slots = highest
            .checked_sub(lowest)
            .and_then(|slots| usize::try_from(slots).ok());
        if let Some(slots) = slots
            && slots <= keys.len() * SLOTS_PER_KEY
        {
            let mut rows = vec![MISSING; slots + 1];
            for (row, key) in present() {
                let slot = &mut rows[(key - lowest) as usize];
                if *slot != MISSING {
                    return None;
                }
                *slot = row;
            }
            return Some(Self::Dense { lowest, rows });
        }
        let mut rows = HashMap::with_capacity(keys.len());
        for (row, key) in present() {
            match rows.entry(key) {
                Entry::Occupied(_) => return None,
                Entry::Vacant(slot) => slot.insert(row),
            };
        }
        Some(Self::Sparse(rows))
    }

    /// The row with this key, or [`MISSING`].
    pub(super) fn row(&self, key: Option<i64>) -> u32 {
        let Some(key) = key else { return MISSING };
        match self {
            Self::Dense { lowest, rows } => {
                // A key below the lowest becomes one above the highest.
                let slot = key.wrapping_sub(*lowest) as u64;
                usize::try_from(slot)
                    .ok()
                    .and_then(|slot| rows.get(slot))
                    .copied()
                    .unwrap_or(MISSING)
            }
            Self::Sparse(rows) => rows.get(&key).copied().unwrap_or(MISSING),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{NewChunkedArray, PlSmallStr};
    use proptest::prelude::*;

    fn lookup(keys: &[Option<i64>]) -> Option<Lookup> {
        let keys = Int64Chunked::from_iter_options(PlSmallStr::EMPTY, keys.iter().copied());
        Lookup::of(&keys)
    }

    #[test]
    fn a_key_twice_is_none_and_null_is_no_key() {
        for far in [3, i64::MAX] {
            assert!(lookup(&[Some(1), Some(far), Some(1)]).is_none());
            let found = lookup(&[None, Some(1), None, Some(far)]).expect("unique");
            assert_eq!((found.row(Some(1)), found.row(Some(far))), (1, 3));
            assert_eq!((found.row(None), found.row(Some(2))), (MISSING, MISSING));
        }
        assert_eq!(lookup(&[]).expect("empty").row(Some(0)), MISSING);
        assert_eq!(lookup(&[None]).expect("empty").row(Some(0)), MISSING);
    }

    proptest! {
        #[test]
        fn every_key_is_found_and_no_other(
            keys in prop::collection::hash_set(prop_oneof![-50..50_i64, any::<i64>()], 0..60),
            others in prop::collection::vec(prop_oneof![-60..60_i64, any::<i64>()], 0..60),
        ) {
            let keys: Vec<_> = keys.into_iter().collect();
            let some: Vec<_> = keys.iter().copied().map(Some).collect();
            let lookup = lookup(&some).expect("unique");
            for key in keys.iter().chain(&others) {
                let row = keys.iter().position(|known| known == key).map_or(MISSING, |row| row as u32);
                prop_assert_eq!(lookup.row(Some(*key)), row);
            }
        }
    }
}
