//! The arguments of a call, as values for each row.

use super::super::array::Array;
use super::super::decimal::Decimal;

/// A value for each row, or one value for all rows.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Evaluated {
    pub(in crate::engine) array: Array,
    /// Whether the array has a single value, which all rows have.
    pub(in crate::engine) is_constant: bool,
}

/// The arguments of a call, for a number of rows.
pub(super) struct Arguments<'a> {
    pub(super) values: &'a [Evaluated],
    pub(super) rows: usize,
}

/// The values of one argument.
pub(super) type Cells<'a, T> = Box<dyn Iterator<Item = Option<T>> + 'a>;

/// A result, or why it cannot be computed.
pub(super) type Result<T> = std::result::Result<T, String>;

macro_rules! cells {
    ($name:ident, $kind:ident, $type:ty) => {
        pub(super) fn $name(&self, at: usize) -> Result<Cells<'_, $type>> {
            let value = &self.values[at];
            match &value.array {
                Array::$kind(values) if value.is_constant => {
                    Ok(Box::new(std::iter::repeat_n(values.get(0), self.rows)))
                }
                Array::$kind(values) => Ok(Box::new(values.iter())),
                _ => Err("an argument is not of the kind that its type has".to_owned()),
            }
        }
    };
}

impl Arguments<'_> {
    cells!(booleans, Boolean, bool);
    cells!(integers, Integers, i64);
    cells!(numerics, Numerics, i128);
    cells!(reals, Reals, f32);
    cells!(doubles, Doubles, f64);
    cells!(texts, Text, &str);
    cells!(dates, Dates, i32);
    cells!(bytes, Bytes, &[u8]);

    /// The numerics of an argument, each with its own scale.
    pub(super) fn decimals(&self, at: usize) -> Result<Cells<'_, Decimal>> {
        let value = &self.values[at];
        match (&value.array, value.is_constant) {
            (Array::Decimals(..), true) => {
                let only = value.array.decimals().next().flatten();
                Ok(Box::new(std::iter::repeat_n(only, self.rows)))
            }
            (Array::Decimals(..), false) => Ok(value.array.decimals()),
            _ => Err("an argument is not of the kind that its type has".to_owned()),
        }
    }

    pub(super) fn array(&self, at: usize) -> &Array {
        &self.values[at].array
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}

/// Computes a function of one argument for each row. NULL gives NULL.
pub(super) fn unary<A, O>(
    values: Cells<'_, A>,
    compute: impl Fn(A) -> Result<O>,
) -> Result<Vec<Option<O>>> {
    values
        .map(|value| value.map(&compute).transpose())
        .collect()
}

/// Computes a function of two arguments for each row. NULL in either gives NULL.
pub(super) fn binary<A, B, O>(
    left: Cells<'_, A>,
    right: Cells<'_, B>,
    compute: impl Fn(A, B) -> Result<O>,
) -> Result<Vec<Option<O>>> {
    left.zip(right)
        .map(|(left, right)| {
            left.zip(right)
                .map(|(left, right)| compute(left, right))
                .transpose()
        })
        .collect()
}
