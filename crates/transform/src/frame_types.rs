//! The types in which Polars holds columns.

use dataset::{Column, ColumnType};
use polars::prelude::{DataFrame, DataType, Series, TimeUnit, TimeZone};

/// The Polars type for a table's column. In a model all integers have 64 bits: sums and products of narrower ones would wrap around
/// where Postgres uses a wider type or reports an error.
pub(crate) fn carried_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::SmallInt | ColumnType::Integer => DataType::Int64,
        kind => data_type(kind),
    }
}

/// The Polars type of a declared column of a model's output.
pub(crate) fn data_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::SmallInt => DataType::Int16,
        ColumnType::Integer => DataType::Int32,
        ColumnType::BigInt => DataType::Int64,
        ColumnType::Real => DataType::Float32,
        ColumnType::Double => DataType::Float64,
        ColumnType::Numeric { precision, scale } => {
            DataType::Decimal(precision.into(), scale.into())
        }
        ColumnType::Text | ColumnType::Uuid | ColumnType::Json | ColumnType::JsonBinary => {
            DataType::String
        }
        ColumnType::Date => DataType::Date,
        ColumnType::Time => DataType::Time,
        ColumnType::Timestamp => DataType::Datetime(TimeUnit::Microseconds, None),
        ColumnType::TimestampTz => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
        ColumnType::Bytes => DataType::Binary,
    }
}

/// Makes a frame of these columns without rows.
pub(crate) fn empty_frame(columns: &[Column]) -> anyhow::Result<DataFrame> {
    let columns = columns
        .iter()
        .map(|column| {
            Series::new_empty(column.name.as_str().into(), &carried_type(column.kind)).into()
        })
        .collect();
    Ok(DataFrame::new(0, columns)?)
}
