//! Sorts rows by keys.

use std::cmp::Ordering;

use polars_arrow::array::{
    Array as _, BinaryViewArray, BooleanArray, PrimitiveArray, Utf8ViewArray,
};
use rayon::slice::ParallelSliceMut;

use super::array::Array;
use super::decimal::Decimal;

/// The keys that rows are ordered by. Text is ordered by its bytes; NaN comes after all numbers.
pub(super) struct Keys(Vec<Key>);

struct Key {
    values: Flat,
    descending: bool,
    nulls_first: bool,
}

/// Values in one piece of memory.
enum Flat {
    Boolean(BooleanArray),
    Integers(PrimitiveArray<i64>),
    Numerics(PrimitiveArray<i128>),
    Decimals(PrimitiveArray<i128>, PrimitiveArray<i32>),
    Reals(PrimitiveArray<f32>),
    Doubles(PrimitiveArray<f64>),
    Text(Utf8ViewArray),
    Dates(PrimitiveArray<i32>),
    Bytes(BinaryViewArray),
}

impl Keys {
    /// An order without keys: all rows are equal.
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a key that orders the rows which the keys before it don't tell apart.
    pub(super) fn push(&mut self, array: &Array, descending: bool, nulls_first: bool) {
        let values = match array.rechunked() {
            Array::Boolean(values) => Flat::Boolean(values.downcast_as_array().clone()),
            Array::Integers(values) => Flat::Integers(values.downcast_as_array().clone()),
            Array::Numerics(values) => Flat::Numerics(values.downcast_as_array().clone()),
            Array::Decimals(digits, scales) => Flat::Decimals(
                digits.downcast_as_array().clone(),
                scales.downcast_as_array().clone(),
            ),
            Array::Reals(values) => Flat::Reals(values.downcast_as_array().clone()),
            Array::Doubles(values) => Flat::Doubles(values.downcast_as_array().clone()),
            Array::Text(values) => Flat::Text(values.downcast_as_array().clone()),
            Array::Dates(values) => Flat::Dates(values.downcast_as_array().clone()),
            Array::Bytes(values) => Flat::Bytes(values.downcast_as_array().clone()),
        };
        self.0.push(Key {
            values,
            descending,
            nulls_first,
        });
    }

    /// Compares two rows.
    pub(super) fn compare(&self, one: usize, other: usize) -> Ordering {
        let orders = self.0.iter().map(|key| key.compare(one, other));
        orders.fold(Ordering::Equal, Ordering::then)
    }

    /// Sorts rows; equal ones keep their order.
    pub(super) fn sort(&self, rows: &mut [u32]) {
        rows.par_sort_by(|one, other| self.compare(*one as usize, *other as usize));
    }
}

impl Key {
    fn compare(&self, one: usize, other: usize) -> Ordering {
        let order = match (self.values.is_null(one), self.values.is_null(other)) {
            (true, true) => return Ordering::Equal,
            (false, false) => self.values.compare(one, other),
            (is_null, _) => {
                return match is_null == self.nulls_first {
                    true => Ordering::Less,
                    false => Ordering::Greater,
                };
            }
        };
        match self.descending {
            true => order.reverse(),
            false => order,
        }
    }
}

impl Flat {
    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Boolean(values) => values.is_null(row),
            Self::Integers(values) => values.is_null(row),
            Self::Numerics(values) | Self::Decimals(values, _) => values.is_null(row),
            Self::Reals(values) => values.is_null(row),
            Self::Doubles(values) => values.is_null(row),
            Self::Text(values) => values.is_null(row),
            Self::Dates(values) => values.is_null(row),
            Self::Bytes(values) => values.is_null(row),
        }
    }

    fn compare(&self, one: usize, other: usize) -> Ordering {
        match self {
            Self::Boolean(values) => values.value(one).cmp(&values.value(other)),
            Self::Integers(values) => values.value(one).cmp(&values.value(other)),
            Self::Numerics(values) => values.value(one).cmp(&values.value(other)),
            Self::Decimals(digits, scales) => {
                let of = |row: usize| Decimal {
                    digits: digits.value(row),
                    scale: scales.value(row) as u32,
                };
                of(one).compare(of(other))
            }
            Self::Reals(values) => floats(values.value(one).into(), values.value(other).into()),
            Self::Doubles(values) => floats(values.value(one), values.value(other)),
            Self::Text(values) => values.value(one).cmp(values.value(other)),
            Self::Dates(values) => values.value(one).cmp(&values.value(other)),
            Self::Bytes(values) => values.value(one).cmp(values.value(other)),
        }
    }
}

/// Compares floats as Postgres does: all NaNs are equal, and greater than any number.
pub(super) fn floats(one: f64, other: f64) -> Ordering {
    one.partial_cmp(&other)
        .unwrap_or_else(|| one.is_nan().cmp(&other.is_nan()))
}
