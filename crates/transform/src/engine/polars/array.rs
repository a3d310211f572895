//! Columns while a model runs: values of one kind, possibly NULL, without a name.

use dataset::ColumnType;
use polars::prelude::{
    BinaryChunked, BooleanChunked, ChunkAgg, ChunkTake, ChunkedArray, DataType, Float32Chunked,
    Float64Chunked, IdxCa, Int32Chunked, Int64Chunked, Int128Type, IntoSeries, NewChunkedArray,
    PlSmallStr, Series, StringChunked, TimeUnit, TimeZone,
};

use super::decimal::Decimal;
use crate::frame_types::data_type;
use crate::model::tree::{Function, Value};
use crate::model::types::{Held, Type};

/// Numerics, as integers without their point.
pub(super) type NumericChunked = ChunkedArray<Int128Type>;

/// The values of a column.
#[derive(Debug, Clone)]
pub(super) enum Array {
    Boolean(BooleanChunked),
    Integers(Int64Chunked),
    Numerics(NumericChunked),
    /// Numerics as integers without their point, and the scale of each.
    Decimals(NumericChunked, Int32Chunked),
    Reals(Float32Chunked),
    Doubles(Float64Chunked),
    Text(StringChunked),
    Dates(Int32Chunked),
    Bytes(BinaryChunked),
}

/// Runs the same code for each kind of array; for decimals, on their digits.
macro_rules! each {
    ($array:expr, $values:ident => $run:expr) => {
        match $array {
            Array::Boolean($values) => $run,
            Array::Integers($values) => $run,
            Array::Numerics($values) => $run,
            Array::Decimals($values, _) => $run,
            Array::Reals($values) => $run,
            Array::Doubles($values) => $run,
            Array::Text($values) => $run,
            Array::Dates($values) => $run,
            Array::Bytes($values) => $run,
        }
    };
}

/// Runs the same code for each kind of array, and makes the result an array of the same kind.
macro_rules! like {
    ($array:expr, $values:ident => $run:expr) => {
        match $array {
            Array::Boolean($values) => Array::Boolean($run),
            Array::Integers($values) => Array::Integers($run),
            Array::Numerics($values) => Array::Numerics($run),
            Array::Decimals(digits, scales) => {
                let digits = {
                    let $values = digits;
                    $run
                };
                let $values = scales;
                Array::Decimals(digits, $run)
            }
            Array::Reals($values) => Array::Reals($run),
            Array::Doubles($values) => Array::Doubles($run),
            Array::Text($values) => Array::Text($run),
            Array::Dates($values) => Array::Dates($run),
            Array::Bytes($values) => Array::Bytes($run),
        }
    };
}

const NAME: PlSmallStr = PlSmallStr::EMPTY;
const NANOSECONDS: i64 = 1000;

impl Array {
    /// Takes over the column of a table.
    pub(super) fn of(series: &Series) -> anyhow::Result<Self> {
        let physical = series.to_physical_repr();
        Ok(match series.dtype() {
            DataType::Boolean => Self::Boolean(series.bool()?.clone()),
            DataType::Int64 => Self::Integers(series.i64()?.clone()),
            DataType::Float32 => Self::Reals(series.f32()?.clone()),
            DataType::Float64 => Self::Doubles(series.f64()?.clone()),
            DataType::Decimal(..) => Self::Numerics(physical.i128()?.clone()),
            DataType::String => Self::Text(series.str()?.clone()),
            DataType::Date => Self::Dates(physical.i32()?.clone()),
            DataType::Time => {
                let microseconds = |nanoseconds: Option<i64>| Some(nanoseconds? / NANOSECONDS);
                let times = physical.i64()?.iter().map(microseconds);
                Self::Integers(Int64Chunked::from_iter_options(NAME, times))
            }
            DataType::Datetime(TimeUnit::Microseconds, _) => {
                Self::Integers(physical.i64()?.clone())
            }
            DataType::Binary => Self::Bytes(series.binary()?.clone()),
            other => anyhow::bail!("column `{}` was read as {other}", series.name()),
        })
    }

    /// Makes the column of an output, of the type that is declared. `None` if a value doesn't fit.
    pub(super) fn declared(&self, kind: &Type, declared: ColumnType) -> Option<Series> {
        let series = match (self, declared) {
            (Self::Integers(values), ColumnType::Time) => {
                let times = values
                    .iter()
                    .map(|microseconds| Some(microseconds? * NANOSECONDS));
                Int64Chunked::from_iter_options(NAME, times)
                    .into_time()
                    .into_series()
            }
            (Self::Integers(values), ColumnType::Timestamp) => values
                .clone()
                .into_datetime(TimeUnit::Microseconds, None)
                .into_series(),
            (Self::Integers(values), ColumnType::TimestampTz) => {
                let zone = Some(TimeZone::UTC);
                values
                    .clone()
                    .into_datetime(TimeUnit::Microseconds, zone)
                    .into_series()
            }
            (Self::Integers(values), ColumnType::Numeric { .. }) => {
                let wide = values.iter().map(|value| value.map(i128::from));
                Self::Numerics(NumericChunked::from_iter_options(NAME, wide))
                    .declared(&Type::Numeric(0), declared)?
            }
            (Self::Integers(values), _) => {
                let (low, high) = match declared {
                    ColumnType::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
                    ColumnType::Integer => (i64::from(i32::MIN), i64::from(i32::MAX)),
                    _ => (i64::MIN, i64::MAX),
                };
                let is_within = values.min().is_none_or(|least| least >= low)
                    && values.max().is_none_or(|most| most <= high);
                let series = values.clone().into_series();
                is_within.then(|| series.strict_cast(&data_type(declared)).ok())??
            }
            (Self::Numerics(values), ColumnType::Numeric { precision, scale }) => {
                let factor = 10_i128.checked_pow(u32::from(scale.checked_sub(kind.scale()?)?))?;
                let limit = 10_i128.checked_pow(u32::from(precision))?;
                let mut fits = true;
                let scaled = values.iter().map(|value| {
                    let scaled = value?
                        .checked_mul(factor)
                        .filter(|scaled| scaled.abs() < limit);
                    fits &= scaled.is_some();
                    scaled
                });
                let scaled = NumericChunked::from_iter_options(NAME, scaled);
                fits.then(|| {
                    scaled
                        .into_decimal_unchecked(precision.into(), scale.into())
                        .into_series()
                })?
            }
            (
                Self::Numerics(values),
                ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt,
            ) => {
                let mut fits = true;
                let narrow = values.iter().map(|value| {
                    let narrow = i64::try_from(value?).ok();
                    fits &= narrow.is_some();
                    narrow
                });
                let narrow = Self::Integers(Int64Chunked::from_iter_options(NAME, narrow));
                fits.then(|| narrow.declared(&Type::BigInt, declared))??
            }
            (Self::Decimals(..), ColumnType::Text) => {
                let texts = self.decimals().map(|value| value.map(Decimal::text));
                StringChunked::from_iter_options(NAME, texts).into_series()
            }
            (Self::Decimals(..), _) => {
                let scale = match declared {
                    ColumnType::Numeric { scale, .. } => scale,
                    _ => 0,
                };
                let mut fits = true;
                let exact = self.decimals().map(|value| {
                    let value = value?.shortened();
                    let digits = (value.scale <= scale.into())
                        .then(|| value.to_scale(Function::Round, scale.into()).ok());
                    fits &= digits.flatten().is_some();
                    digits.flatten()
                });
                let exact = Self::Numerics(NumericChunked::from_iter_options(NAME, exact));
                fits.then(|| exact.declared(&Type::Numeric(scale), declared))??
            }
            (Self::Dates(values), ColumnType::Date) => values.clone().into_date().into_series(),
            (Self::Text(values), declared) if values.null_count() == values.len() => {
                Series::full_null(NAME, values.len(), &data_type(declared))
            }
            (array, _) => each!(array, values => values.clone().into_series()),
        };
        (*series.dtype() == data_type(declared)).then_some(series)
    }

    /// An array of one value.
    pub(super) fn constant(value: &Value, kind: &Type) -> Self {
        match (value, kind.held()) {
            (Value::Boolean(value), _) => {
                Self::Boolean(BooleanChunked::from_slice(NAME, &[*value]))
            }
            (Value::Integer(value), _) => Self::Integers(Int64Chunked::from_slice(NAME, &[*value])),
            (Value::Numeric(value), _) => {
                Self::Numerics(NumericChunked::from_slice(NAME, &[*value]))
            }
            (Value::Real(value), _) => Self::Reals(Float32Chunked::from_slice(NAME, &[*value])),
            (Value::Double(value), _) => Self::Doubles(Float64Chunked::from_slice(NAME, &[*value])),
            (Value::Text(value), _) => {
                Self::Text(StringChunked::from_slice(NAME, &[value.as_str()]))
            }
            (Value::Date(value), _) => Self::Dates(Int32Chunked::from_slice(NAME, &[*value])),
            (Value::Null, held) => Self::nulls(held, 1),
        }
    }

    /// An array of `count` NULLs.
    pub(super) fn nulls(held: Held, count: usize) -> Self {
        use polars::prelude::ChunkFullNull;
        match held {
            Held::Boolean => Self::Boolean(BooleanChunked::full_null(NAME, count)),
            Held::Integers => Self::Integers(Int64Chunked::full_null(NAME, count)),
            Held::Numerics => Self::Numerics(NumericChunked::full_null(NAME, count)),
            Held::Decimals => Self::Decimals(
                NumericChunked::full_null(NAME, count),
                Int32Chunked::full_null(NAME, count),
            ),
            Held::Reals => Self::Reals(Float32Chunked::full_null(NAME, count)),
            Held::Doubles => Self::Doubles(Float64Chunked::full_null(NAME, count)),
            Held::Text => Self::Text(StringChunked::full_null(NAME, count)),
            Held::Dates => Self::Dates(Int32Chunked::full_null(NAME, count)),
            Held::Bytes => Self::Bytes(BinaryChunked::full_null(NAME, count)),
        }
    }

    pub(super) fn of_booleans(values: Vec<Option<bool>>) -> Self {
        Self::Boolean(BooleanChunked::from_iter_options(NAME, values.into_iter()))
    }

    pub(super) fn of_integers(values: Vec<Option<i64>>) -> Self {
        Self::Integers(Int64Chunked::from_iter_options(NAME, values.into_iter()))
    }

    pub(super) fn of_numerics(values: Vec<Option<i128>>) -> Self {
        Self::Numerics(NumericChunked::from_iter_options(NAME, values.into_iter()))
    }

    pub(super) fn of_decimals(values: Vec<Option<Decimal>>) -> Self {
        let digits = values.iter().map(|value| value.map(|value| value.digits));
        let scales = values
            .iter()
            .map(|value| value.map(|value| value.scale as i32));
        Self::Decimals(
            NumericChunked::from_iter_options(NAME, digits),
            Int32Chunked::from_iter_options(NAME, scales),
        )
    }

    pub(super) fn of_reals(values: Vec<Option<f32>>) -> Self {
        Self::Reals(Float32Chunked::from_iter_options(NAME, values.into_iter()))
    }

    pub(super) fn of_doubles(values: Vec<Option<f64>>) -> Self {
        Self::Doubles(Float64Chunked::from_iter_options(NAME, values.into_iter()))
    }

    pub(super) fn of_texts(values: Vec<Option<String>>) -> Self {
        Self::Text(StringChunked::from_iter_options(NAME, values.into_iter()))
    }

    pub(super) fn of_dates(values: Vec<Option<i32>>) -> Self {
        Self::Dates(Int32Chunked::from_iter_options(NAME, values.into_iter()))
    }

    /// The values of an array of decimals; for any other array, nothing.
    pub(super) fn decimals(&self) -> Box<dyn Iterator<Item = Option<Decimal>> + '_> {
        match self {
            Self::Decimals(digits, scales) => {
                Box::new(digits.iter().zip(scales.iter()).map(|(digits, scale)| {
                    Some(Decimal {
                        digits: digits?,
                        scale: scale? as u32,
                    })
                }))
            }
            _ => Box::new(std::iter::empty()),
        }
    }

    pub(super) fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    /// How many bytes one row takes in memory, roughly. Text is not counted if it is shared with the table that it was read from.
    pub(super) fn row_bytes(&self) -> u64 {
        match self {
            Self::Boolean(_) => 1,
            Self::Reals(_) | Self::Dates(_) => 5,
            Self::Integers(_) | Self::Doubles(_) => 9,
            Self::Numerics(_) | Self::Text(_) | Self::Bytes(_) => 17,
            Self::Decimals(..) => 22,
        }
    }

    /// Tells for each row whether it is not NULL.
    pub(super) fn validity(&self) -> BooleanChunked {
        each!(self, values => values.is_not_null())
    }

    /// Takes these rows, in this order; NULL where there is no row.
    ///
    /// # Errors
    /// If there is no row of such a number.
    pub(super) fn take(&self, rows: &IdxCa) -> anyhow::Result<Self> {
        Ok(like!(self, values => values.take(rows)?))
    }

    /// Appends the values of another array.
    pub(super) fn with(&self, other: &Self) -> anyhow::Result<Self> {
        macro_rules! appended {
            ($($kind:ident),*) => {
                match (self, other) {
                    $((Self::$kind(one), Self::$kind(other)) => {
                        let mut whole = one.clone();
                        whole.append(other)?;
                        Self::$kind(whole.rechunk().into_owned())
                    })*
                    (Self::Decimals(digits, scales), Self::Decimals(more, more_scales)) => {
                        let (mut digits, mut scales) = (digits.clone(), scales.clone());
                        digits.append(more)?;
                        scales.append(more_scales)?;
                        Self::Decimals(digits.rechunk().into_owned(), scales.rechunk().into_owned())
                    }
                    _ => anyhow::bail!("columns of different kinds are put together"),
                }
            };
        }
        Ok(appended!(
            Boolean, Integers, Numerics, Reals, Doubles, Text, Dates, Bytes
        ))
    }

    /// The values in one piece of memory.
    pub(super) fn rechunked(&self) -> Self {
        like!(self, values => values.rechunk().into_owned())
    }
}
