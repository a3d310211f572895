//! Writes constants, each with its type, so that none can be taken for the number of a column.

use dataset::calendar::{DAY_MICROSECONDS, Date};

use super::types;
use crate::model::tree::Value;
use crate::model::types::Type;

/// Writes a constant of a type; `None` if Spark has no such constant.
pub(super) fn of(value: &Value, kind: &Type) -> Option<String> {
    let spark = types::of(kind)?;
    let cast = |text: &str| Some(format!("CAST({} AS {spark})", types::text(text)));
    match (value, kind) {
        (Value::Null, _) => Some(format!("CAST(NULL AS {spark})")),
        (Value::Boolean(value), _) => Some(value.to_string()),
        (Value::Integer(value), Type::Timestamp) => cast(&timestamp(*value)),
        (Value::Integer(value), Type::TimestampTz) => cast(&(timestamp(*value) + "Z")),
        (Value::Integer(value), _) => cast(&value.to_string()),
        (Value::Numeric(unscaled), kind) => {
            let mut text = String::new();
            values::text::decimal(*unscaled, kind.scale()?.into(), &mut text);
            cast(&text)
        }
        // The shortest text of a float is read back as the same float.
        (Value::Real(value), _) => cast(&value.to_string().replace("inf", "Infinity")),
        (Value::Double(value), _) => cast(&value.to_string().replace("inf", "Infinity")),
        (Value::Text(value), _) if spark == "STRING" => Some(types::text(value)),
        (Value::Text(_), _) => None,
        (Value::Date(days), _) => {
            let mut text = String::new();
            values::text::date(Date::from_days(*days), &mut text);
            cast(&text)
        }
    }
}

fn timestamp(microseconds: i64) -> String {
    let mut text = String::new();
    let days = microseconds.div_euclid(DAY_MICROSECONDS) as i32;
    values::text::date(Date::from_days(days), &mut text);
    text.push(' ');
    values::text::time(microseconds.rem_euclid(DAY_MICROSECONDS), &mut text);
    text
}
