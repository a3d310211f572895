//! Casts that fail where Postgres's do, and round as they do.

use super::scope::{spark_type, unknown};
use crate::model::refusal::Result;
use crate::model::tree::{Function, Scalar};
use crate::model::types::Type;

/// Writes the cast of `value`, the SQL of `of`, to the type of `whole`.
pub(super) fn cast(function: Function, of: &Scalar, value: &str, whole: &Scalar) -> Result<String> {
    let (from, to) = (&of.kind, &whole.kind);
    let target = spark_type(to, whole.at)?;
    let plain = format!("CAST({value} AS {target})");
    Ok(match (from, to) {
        // A NULL can be of any type.
        _ if of.is_null() => plain,
        (from, Type::Numeric(_) | Type::NumericUpTo(_))
            if from.is_integer() || from.is_numeric() =>
        {
            let Function::CastNumeric(digits) = function else {
                return Ok(plain);
            };
            let scale = to.scale().unwrap_or_default();
            let precision = digits.saturating_add(scale).min(dataset::MAX_PRECISION);
            format!("CAST(CAST({value} AS DECIMAL({precision}, {scale})) AS {target})")
        }
        (from, to) if from.is_integer() && to.is_integer() => plain,
        // Spark would cut off the digits after the point instead of rounding.
        (from, to) if from.is_numeric() && to.is_integer() => {
            format!("CAST(round({value}, 0) AS {target})")
        }
        (from, Type::Real | Type::Double) if from.is_integer() || from.scale().is_some() => plain,
        (Type::Real, Type::Double) => plain,
        (Type::Char, Type::Text | Type::Varchar) => format!("rtrim({value})"),
        (
            Type::Text | Type::Varchar | Type::Enum(_) | Type::Uuid | Type::Name | Type::Unknown,
            Type::Text | Type::Varchar,
        ) => value.to_owned(),
        (Type::Numeric(_), Type::Text | Type::Varchar) => plain,
        (from, Type::Text | Type::Varchar)
            if from.is_integer()
                || matches!(from, Type::Boolean | Type::Date | Type::Timestamp) =>
        {
            plain
        }
        (Type::Boolean, to) if to.is_integer() => plain,
        (Type::Date, Type::Timestamp | Type::TimestampTz)
        | (Type::Timestamp, Type::Date | Type::TimestampTz)
        | (Type::TimestampTz, Type::Date | Type::Timestamp) => plain,
        (from, to) if from == to => value.to_owned(),
        (from, to) => {
            return Err(unknown(whole.at, &format!("the cast of {from} to {to}")));
        }
    })
}
