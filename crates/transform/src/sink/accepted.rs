//! The values that checks accept, in the form in which cells are written.

use std::collections::{HashMap, HashSet};

use dataset::calendar::{Date, POSTGRES_EPOCH_DAYS};
use dataset::failure::Kind;
use dataset::{ColumnType, Model, Rule};
use values::rule::Fault;
use values::text::{self, Case};
use values::value::Value;
use values::{binary, datetime, number};

/// The texts of the accepted values, by column.
pub(super) type Accepted = HashMap<String, HashSet<Vec<u8>>>;

/// Checks that the values accepted by a model's checks are values of their columns, as far as the columns' types are known.
///
/// # Errors
/// [`Kind::Usage`] naming the check, the column and the value.
pub(crate) fn check(model: &Model) -> anyhow::Result<()> {
    let mut checks = model.checks.iter();
    checks.try_for_each(|check| of(model, &check.rule).map(drop))
}

/// The values that a rule of a model accepts; none for a rule of another kind.
///
/// # Errors
/// As [`check`].
pub(super) fn of(model: &Model, rule: &Rule) -> anyhow::Result<Accepted> {
    let mut accepted = Accepted::new();
    let Rule::AcceptedValues(values) = rule else {
        return Ok(accepted);
    };
    for (column, texts) in values {
        let Some((_, kind)) = model.columns.iter().find(|(name, _)| name == column) else {
            continue;
        };
        let texts = texts.iter().map(|value| {
            written(*kind, value).map_err(|why| {
                Kind::Usage.error(format!(
                    "dataset.toml, model `{}`: accepted_values of column `{column}`, which is {kind}: {why}",
                    model.name
                ))
            })
        });
        accepted.insert(column.clone(), texts.collect::<anyhow::Result<_>>()?);
    }
    Ok(accepted)
}

/// A value in the form in which cells of this type are written.
fn written(kind: ColumnType, value: &str) -> Result<Vec<u8>, String> {
    let parsed = match kind {
        ColumnType::Boolean => number::boolean(value),
        ColumnType::SmallInt => number::whole(value, "smallint").map(Value::SmallInt),
        ColumnType::Integer => number::whole(value, "integer").map(Value::Integer),
        ColumnType::BigInt => number::whole(value, "bigint").map(Value::BigInt),
        ColumnType::Real => number::real(value, b'.'),
        ColumnType::Double => number::double(value, b'.'),
        ColumnType::Numeric { precision, scale } => number::numeric(value, b'.', precision, scale),
        ColumnType::Text => Ok(Value::Text(value.into())),
        ColumnType::Date => datetime::date(value, &[]),
        ColumnType::Time => datetime::time(value),
        ColumnType::Timestamp => datetime::timestamp(value, &[]),
        ColumnType::TimestampTz => datetime::timestamp_tz(value, &[]),
        ColumnType::Uuid => binary::uuid(value),
        ColumnType::Bytes => binary::bytea(value),
        ColumnType::Json | ColumnType::JsonBinary => {
            return Err("equal values of it may be written in several ways; give its text with ->> in the SELECT".to_owned());
        }
    };
    let parsed = parsed.map_err(|Fault { message, .. }| format!("`{value}` {message}"))?;
    let mut out = Vec::new();
    match parsed {
        Value::Real(value) => text::real(value, &mut out),
        Value::Double(value) => text::double(value, &mut out),
        Value::Timestamp(microseconds) => {
            let days = microseconds.div_euclid(DAY) as i32 + POSTGRES_EPOCH_DAYS;
            text::date(Date::from_days(days), &mut out);
            out.push(b'T');
            text::time(microseconds.rem_euclid(DAY), &mut out);
            if kind == ColumnType::TimestampTz {
                out.push(b'Z');
            }
        }
        Value::Uuid(value) => text::uuid(value, Case::Lower, &mut out),
        other => out.extend_from_slice(other.shown().as_bytes()),
    }
    Ok(out)
}

const DAY: i64 = dataset::calendar::DAY_MICROSECONDS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_the_cells_of_their_columns() {
        let numeric = ColumnType::Numeric {
            precision: 5,
            scale: 2,
        };
        for (kind, value, expected) in [
            (numeric, "1", "1.00"),
            (numeric, "-1.5", "-1.50"),
            (ColumnType::Boolean, "t", "true"),
            (ColumnType::BigInt, " 7", "7"),
            (ColumnType::Double, "1e2", "100"),
            (ColumnType::Date, "2024-02-29", "2024-02-29"),
            (
                ColumnType::Timestamp,
                "2024-02-29 10:00",
                "2024-02-29T10:00:00",
            ),
            (
                ColumnType::TimestampTz,
                "2024-02-29T10:00:00+01:00",
                "2024-02-29T09:00:00Z",
            ),
            (
                ColumnType::Uuid,
                "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            ),
        ] {
            let written = written(kind, value).expect(value);
            assert_eq!(String::from_utf8_lossy(&written), expected, "{kind}");
        }
        for (kind, value) in [
            (numeric, "1.005"),
            (ColumnType::Integer, "x"),
            (ColumnType::Date, "2023-02-29"),
            (ColumnType::Json, "{}"),
        ] {
            assert!(written(kind, value).is_err(), "{kind}");
        }
    }
}
