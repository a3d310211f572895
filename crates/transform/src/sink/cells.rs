//! The cells of a column, and how they are written in CSV.
//!
//! NULL is an empty field and the empty text is `""`. Text is quoted only if necessary, and nothing is trimmed or replaced. A float
//! is written as the shortest text that reads back as the same float.

use std::cmp::Ordering;

use dataset::calendar::Date;
use polars::prelude::{Column, DataType, TimeUnit};
use polars_arrow::array::{Array, BinaryViewArray, BooleanArray, PrimitiveArray, Utf8ViewArray};
use values::text;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The values of a column, in one piece of memory.
pub(crate) enum Cells {
    Boolean(BooleanArray),
    SmallInt(PrimitiveArray<i16>),
    Integer(PrimitiveArray<i32>),
    BigInt(PrimitiveArray<i64>),
    Real(PrimitiveArray<f32>),
    Double(PrimitiveArray<f64>),
    Decimal {
        unscaled: PrimitiveArray<i128>,
        scale: usize,
    },
    Text(Utf8ViewArray),
    Bytes(BinaryViewArray),
    /// Dates, as days since 1970-01-01.
    Date(PrimitiveArray<i32>),
    /// Times, as nanoseconds since midnight.
    Time(PrimitiveArray<i64>),
    /// Timestamps, as microseconds since 1970-01-01.
    Timestamp {
        microseconds: PrimitiveArray<i64>,
        utc: bool,
        days: DayTexts,
    },
}

impl Cells {
    /// Takes the cells of a column, whose type is any that the engine declares.
    pub(crate) fn of(column: &Column) -> anyhow::Result<Self> {
        let series = column.as_materialized_series().rechunk();
        let physical = series.to_physical_repr();
        Ok(match series.dtype() {
            DataType::Boolean => Self::Boolean(series.bool()?.downcast_as_array().clone()),
            DataType::Int16 => Self::SmallInt(series.i16()?.downcast_as_array().clone()),
            DataType::Int32 => Self::Integer(series.i32()?.downcast_as_array().clone()),
            DataType::Int64 => Self::BigInt(series.i64()?.downcast_as_array().clone()),
            DataType::Float32 => Self::Real(series.f32()?.downcast_as_array().clone()),
            DataType::Float64 => Self::Double(series.f64()?.downcast_as_array().clone()),
            DataType::Decimal(_, scale) => Self::Decimal {
                unscaled: physical.i128()?.downcast_as_array().clone(),
                scale: *scale,
            },
            DataType::String => Self::Text(series.str()?.downcast_as_array().clone()),
            DataType::Binary => Self::Bytes(series.binary()?.downcast_as_array().clone()),
            DataType::Date => Self::Date(physical.i32()?.downcast_as_array().clone()),
            DataType::Time => Self::Time(physical.i64()?.downcast_as_array().clone()),
            DataType::Datetime(TimeUnit::Microseconds, zone) => {
                let microseconds = physical.i64()?.downcast_as_array().clone();
                Self::Timestamp {
                    utc: zone.is_some(),
                    days: DayTexts::of(&microseconds),
                    microseconds,
                }
            }
            other => anyhow::bail!(
                "column `{}` is {other}, which no declared type is",
                series.name()
            ),
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Boolean(array) => array,
            Self::SmallInt(array) => array,
            Self::Integer(array) | Self::Date(array) => array,
            Self::BigInt(array) | Self::Time(array) => array,
            Self::Timestamp { microseconds, .. } => microseconds,
            Self::Real(array) => array,
            Self::Double(array) => array,
            Self::Decimal { unscaled, .. } => unscaled,
            Self::Text(array) => array,
            Self::Bytes(array) => array,
        }
    }

    /// Whether the cell is NULL.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.array()
            .validity()
            .is_some_and(|validity| !validity.get_bit(row))
    }

    /// How many cells there are.
    pub(crate) fn len(&self) -> usize {
        self.array().len()
    }

    /// Whether the cell is the empty text.
    pub(crate) fn is_empty_text(&self, row: usize) -> bool {
        matches!(self, Self::Text(array) if array.value(row).is_empty())
    }

    /// Compares a cell of this column with one of `other`, which must have the same type: NULL is last, text and bytes are compared
    /// by their bytes, NaN comes after all numbers.
    pub(crate) fn compare(&self, a: usize, other: &Self, b: usize) -> Ordering {
        match (self.is_null(a), other.is_null(b)) {
            (false, false) => {}
            (a, b) => return a.cmp(&b),
        }
        match (self, other) {
            (Self::Boolean(left), Self::Boolean(right)) => left.value(a).cmp(&right.value(b)),
            (Self::SmallInt(left), Self::SmallInt(right)) => left.value(a).cmp(&right.value(b)),
            (Self::Integer(left), Self::Integer(right)) | (Self::Date(left), Self::Date(right)) => {
                left.value(a).cmp(&right.value(b))
            }
            (Self::BigInt(left), Self::BigInt(right))
            | (Self::Time(left), Self::Time(right))
            | (
                Self::Timestamp {
                    microseconds: left, ..
                },
                Self::Timestamp {
                    microseconds: right,
                    ..
                },
            ) => left.value(a).cmp(&right.value(b)),
            (Self::Real(left), Self::Real(right)) => {
                compare_floats(left.value(a).into(), right.value(b).into())
            }
            (Self::Double(left), Self::Double(right)) => {
                compare_floats(left.value(a), right.value(b))
            }
            (
                Self::Decimal { unscaled: left, .. },
                Self::Decimal {
                    unscaled: right, ..
                },
            ) => left.value(a).cmp(&right.value(b)),
            (Self::Text(left), Self::Text(right)) => {
                left.value(a).as_bytes().cmp(right.value(b).as_bytes())
            }
            (Self::Bytes(left), Self::Bytes(right)) => left.value(a).cmp(right.value(b)),
            // The columns always have the same name and declared type.
            _ => Ordering::Equal,
        }
    }

    /// The cell as an integer at its column's scale, for sums; `None` for NULL and for other types.
    pub(crate) fn unscaled(&self, row: usize) -> Option<i128> {
        if self.is_null(row) {
            return None;
        }
        match self {
            Self::SmallInt(array) => Some(array.value(row).into()),
            Self::Integer(array) => Some(array.value(row).into()),
            Self::BigInt(array) => Some(array.value(row).into()),
            Self::Decimal { unscaled, .. } => Some(unscaled.value(row)),
            _ => None,
        }
    }

    /// Appends the cell as a CSV field.
    pub(crate) fn write_field(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Text(array) if !self.is_null(row) => text::csv_field(array.value(row), out),
            _ => self.write_plain(row, out),
        }
    }

    /// Appends the cell without quotes; NULL appends nothing.
    pub(crate) fn write_plain(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            return;
        }
        match self {
            Self::Boolean(array) => {
                out.extend_from_slice(if array.value(row) { b"true" } else { b"false" })
            }
            Self::SmallInt(array) => text::integer(array.value(row), out),
            Self::Integer(array) => text::integer(array.value(row), out),
            Self::BigInt(array) => text::integer(array.value(row), out),
            Self::Real(array) => text::real(array.value(row), out),
            Self::Double(array) => text::double(array.value(row), out),
            Self::Decimal { unscaled, scale } => text::decimal(unscaled.value(row), *scale, out),
            Self::Text(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Self::Bytes(array) => text::bytea(array.value(row), out),
            Self::Date(array) => text::date(Date::from_days(array.value(row)), out),
            Self::Time(array) => text::time(array.value(row) / 1000, out),
            Self::Timestamp {
                microseconds,
                utc,
                days,
            } => {
                let microseconds = microseconds.value(row);
                days.write(microseconds.div_euclid(DAY) as i32, out);
                out.push(b'T');
                text::time(microseconds.rem_euclid(DAY), out);
                if *utc {
                    out.push(b'Z');
                }
            }
        }
    }
}

/// Compares floats as Postgres does: 0 equals -0, NaN equals NaN and comes last.
fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// The texts of all days from the first to the last of a column, unless there are too many: looking a text up takes a tenth of the
/// time of making it.
pub(crate) struct DayTexts {
    first: i32,
    texts: Vec<[u8; 10]>,
}

impl DayTexts {
    /// How many days are worth it: a hundred years.
    const MOST: i64 = 36_525;

    fn of(microseconds: &PrimitiveArray<i64>) -> Self {
        let present = || microseconds.non_null_values_iter();
        let day = |microseconds: Option<i64>| microseconds.unwrap_or(0).div_euclid(DAY);
        let (first, last) = (day(present().min()), day(present().max()));
        // If there are few values, in a small table or far apart, making texts is faster than filling the list.
        let worth = last - first < Self::MOST.min(microseconds.len() as i64);
        let texts = match worth {
            false => 0..0,
            true => first as i32..last as i32 + 1,
        };
        Self {
            first: first as i32,
            texts: texts
                .map(|day| {
                    let mut text = Vec::with_capacity(10);
                    text::date(Date::from_days(day), &mut text);
                    text.try_into().unwrap_or_default()
                })
                .collect(),
        }
    }

    fn write(&self, day: i32, out: &mut Vec<u8>) {
        match self
            .texts
            .get((i64::from(day) - i64::from(self.first)) as usize)
        {
            Some(text) => out.extend_from_slice(text),
            None => text::date(Date::from_days(day), out),
        }
    }
}
