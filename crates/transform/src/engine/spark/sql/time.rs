//! Parts of dates and timestamps, all in UTC.

use super::arithmetic::within_years;
use super::scope::unknown;
use super::types;
use crate::model::format::{self, Part};
use crate::model::refusal::Result;
use crate::model::tree::{Field, Function, Node, Scalar, Value};
use crate::model::types::Type;

/// Writes a call; `kind` is Spark's type of its result.
pub(super) fn call(
    function: Function,
    arguments: &[Scalar],
    values: &[String],
    whole: &Scalar,
    kind: &str,
) -> Result<String> {
    let (of, value) = (&arguments[0], &values[0]);
    let refused = || unknown(whole.at, "it");
    Ok(match function {
        Function::Extract(field) => {
            let part = part(field, &of.kind, value).ok_or_else(refused)?;
            format!("CAST({part} AS {kind})")
        }
        Function::DatePart(Field::Second | Field::Epoch) => return Err(refused()),
        Function::DatePart(field) => {
            let part = part(field, &of.kind, value).ok_or_else(refused)?;
            format!("CAST({part} AS {kind})")
        }
        Function::TruncateTime(unit) => {
            let unit = match unit {
                Field::Year => "YEAR",
                Field::Quarter => "QUARTER",
                Field::Month => "MONTH",
                Field::Week => "WEEK",
                Field::Day => "DAY",
                Field::Hour => "HOUR",
                Field::Minute => "MINUTE",
                Field::Second => "SECOND",
                _ => return Err(refused()),
            };
            let truncated =
                format!("CAST(date_trunc('{unit}', CAST({value} AS TIMESTAMP)) AS {kind})");
            match unit {
                // The Monday may lie before the first day that is carried.
                "WEEK" => within_years(&truncated, kind),
                _ => truncated,
            }
        }
        Function::Move(interval) => {
            let seconds = interval.microseconds.unsigned_abs();
            let sign = if interval.microseconds < 0 { "-" } else { "" };
            let interval = format!(
                "make_interval(0, {}, 0, {}, 0, 0, CAST('{sign}{}.{:06}' AS DECIMAL(18, 6)))",
                interval.months,
                interval.days,
                seconds / 1_000_000,
                seconds % 1_000_000
            );
            within_years(&format!("CAST({value} + {interval} AS {kind})"), kind)
        }
        Function::ToChar => {
            let pattern = arguments.get(1).map(|pattern| &pattern.node);
            let Some(Node::Constant(Value::Text(pattern))) = pattern else {
                return Err(refused());
            };
            let parts = format::parts(pattern).ok_or_else(refused)?;
            let parts = parts.into_iter().map(|part| {
                let pattern = match part {
                    Part::Text(text) => return types::text(text),
                    Part::Year => "yyyy",
                    Part::Month => "MM",
                    Part::Day => "dd",
                    Part::Hour => "HH",
                    Part::Minute => "mm",
                    Part::Second => "ss",
                };
                format!("date_format({value}, '{pattern}')")
            });
            format!("concat({})", parts.collect::<Vec<_>>().join(", "))
        }
        _ => return Err(refused()),
    })
}

/// Writes a field of a date or timestamp as a number.
fn part(field: Field, of: &Type, value: &str) -> Option<String> {
    if !matches!(of, Type::Date | Type::Timestamp | Type::TimestampTz) {
        return None;
    }
    let has_time = *of != Type::Date;
    Some(match field {
        Field::Year => format!("year({value})"),
        Field::IsoYear => format!("extract(YEAROFWEEK FROM {value})"),
        Field::Quarter => format!("quarter({value})"),
        Field::Month => format!("month({value})"),
        Field::Week => format!("weekofyear({value})"),
        Field::Day => format!("day({value})"),
        Field::DayOfWeek => format!("(dayofweek({value}) - 1)"),
        Field::IsoDayOfWeek => format!("(weekday({value}) + 1)"),
        Field::DayOfYear => format!("dayofyear({value})"),
        Field::Hour if has_time => format!("hour({value})"),
        Field::Minute if has_time => format!("minute({value})"),
        Field::Second if has_time => format!("extract(SECOND FROM {value})"),
        // The product has exactly six digits after the point.
        Field::Epoch if has_time => format!(
            "(CAST(unix_micros(CAST({value} AS TIMESTAMP)) AS DECIMAL(20, 0)) * CAST('0.000001' AS DECIMAL(7, 6)))"
        ),
        _ => return None,
    })
}
