//! Parses literals like Postgres's input functions, in the forms that are unambiguous.

use dataset::calendar::{CARRIED_DAYS, DAY_MICROSECONDS, Date};

use super::tree::Value;
use super::types::Type;

/// The limit of Postgres's offsets from UTC (`MAX_TZDISP_HOUR`), in microseconds.
const LARGEST_OFFSET: i64 = 16 * 3_600_000_000;

/// Parses a number in SQL. Its type is the smallest of `integer`, `bigint` and `numeric` that holds it.
///
/// # Errors
/// Why the number isn't accepted.
pub(crate) fn number(text: &str, is_negative: bool) -> Result<(Value, Type), String> {
    let (unscaled, scale) = decimal(text)?;
    let unscaled = if is_negative { -unscaled } else { unscaled };
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        if i32::try_from(unscaled).is_ok() {
            return Ok((Value::Integer(unscaled as i64), Type::Integer));
        }
        if let Ok(value) = i64::try_from(unscaled) {
            return Ok((Value::Integer(value), Type::BigInt));
        }
    }
    Ok((Value::Numeric(unscaled), Type::Numeric(scale)))
}

/// Parses a quoted literal as a value of a type. Also gives the type, in which a numeric has the scale of its digits.
///
/// # Errors
/// Why the literal isn't accepted.
pub(crate) fn quoted(text: &str, kind: &Type) -> Result<(Value, Type), String> {
    let trimmed = text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c']);
    let refused = || format!("'{text}' is not read as {kind}");
    let value = match kind {
        Type::Boolean => match trimmed.to_ascii_lowercase().as_str() {
            "t" | "true" | "yes" | "on" | "1" => Value::Boolean(true),
            "f" | "false" | "no" | "off" | "0" => Value::Boolean(false),
            _ => return Err(refused()),
        },
        Type::SmallInt | Type::Integer | Type::BigInt => {
            let value = trimmed.parse().map_err(|_| refused())?;
            if !holds(kind, value) {
                return Err(refused());
            }
            Value::Integer(value)
        }
        kind if kind.is_numeric() => {
            let (sign, digits) = match trimmed.strip_prefix('-') {
                Some(digits) => (-1, digits),
                None => (1, trimmed),
            };
            let (unscaled, scale) = decimal(digits).map_err(|_| refused())?;
            return Ok((Value::Numeric(sign * unscaled), Type::Numeric(scale)));
        }
        Type::Real => {
            let value: f32 = float(trimmed).ok_or_else(refused)?;
            Value::Real(value)
        }
        Type::Double => Value::Double(float(trimmed).ok_or_else(refused)?),
        Type::Date => Value::Date(date(trimmed).ok_or_else(refused)?),
        Type::Time => Value::Integer(time(trimmed).ok_or_else(refused)?),
        Type::Timestamp => Value::Integer(timestamp(trimmed).ok_or_else(refused)?),
        Type::TimestampTz => Value::Integer(timestamp_tz(trimmed).ok_or_else(refused)?),
        Type::Uuid => Value::Text(uuid(trimmed).ok_or_else(refused)?),
        Type::Enum(of) => match of.labels.iter().any(|label| label == text) {
            true => Value::Text(text.to_owned()),
            false => return Err(format!("'{text}' is not a label of {}", of.name)),
        },
        kind if kind.is_text() || matches!(kind, Type::Char | Type::Unknown | Type::Any) => {
            Value::Text(text.to_owned())
        }
        _ => return Err(refused()),
    };
    Ok((value, kind.clone()))
}

/// Whether a type of integers can hold this value.
pub(crate) fn holds(kind: &Type, value: i64) -> bool {
    match kind {
        Type::SmallInt => i16::try_from(value).is_ok(),
        Type::Integer => i32::try_from(value).is_ok(),
        _ => true,
    }
}

/// The digits of an unsigned decimal, and how many of them come after the point.
fn decimal(text: &str) -> Result<(i128, u8), String> {
    let refused = || format!("`{text}` is not a number that can be kept exactly");
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| refused())?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refused());
    }
    let unscaled: i128 = digits.parse().map_err(|_| refused())?;
    let scale = fraction.len() as i32 - exponent;
    let unscaled = match u32::try_from(-scale) {
        Ok(more) => 10_i128
            .checked_pow(more)
            .and_then(|factor| unscaled.checked_mul(factor)),
        Err(_) => Some(unscaled),
    };
    let unscaled = unscaled.filter(|unscaled| unscaled.unsigned_abs() < 10_u128.pow(38));
    let scale = u8::try_from(scale.max(0)).ok().filter(|scale| *scale <= 38);
    unscaled.zip(scale).ok_or_else(refused)
}

fn float<F: std::str::FromStr + Into<f64> + Copy>(text: &str) -> Option<F> {
    let is_plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    let named = matches!(text, "NaN" | "Infinity" | "-Infinity");
    let is_number = text.bytes().all(is_plain) && text.bytes().any(|byte| byte.is_ascii_digit());
    if !(named || is_number) {
        return None;
    }
    let value: F = text.parse().ok()?;
    let wide: f64 = value.into();
    // Postgres reports a value that is too large or too small, instead of making it infinity or zero.
    let is_zero = text
        .split(['e', 'E'])
        .next()?
        .bytes()
        .all(|byte| !(b'1'..=b'9').contains(&byte));
    let is_out_of_range = !named && (wide.is_infinite() || wide == 0.0 && !is_zero);
    (!is_out_of_range).then_some(value)
}

/// Parses a date, `YYYY-MM-DD`, into days since 1970.
fn date(text: &str) -> Option<i32> {
    let is_plain = text.len() == 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
    let days = text.parse::<Date>().ok().filter(|_| is_plain)?.days();
    CARRIED_DAYS.contains(&days).then_some(days)
}

/// Parses a time, `HH:MM` or `HH:MM:SS` with up to six digits after a point, into microseconds.
pub(super) fn time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<&str> = clock.split(':').collect();
    let two_digits =
        |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(two_digits) {
        return None;
    }
    if !fraction.bytes().all(|byte| byte.is_ascii_digit())
        || fraction.len() > 6
        || (parts.len() == 2 && text.contains('.'))
    {
        return None;
    }
    let number = |at: usize| {
        parts
            .get(at)
            .map_or(Some(0), |part| part.parse::<i64>().ok())
    };
    let (hours, minutes, seconds) = (number(0)?, number(1)?, number(2)?);
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + micros)
}

/// Parses a date, or a date and a time with a blank or `T` between them, into microseconds since 1970.
fn timestamp(text: &str) -> Option<i64> {
    let (day, clock) = match text.split_once([' ', 'T']) {
        Some((day, clock)) => (day, time(clock)?),
        None => (text, 0),
    };
    Some(i64::from(date(day)?) * DAY_MICROSECONDS + clock)
}

/// Parses a timestamp or date in UTC, or a timestamp followed by `Z` or an offset such as `+HH`, `+HH:MM`, `-HH`, `-HH:MM`.
fn timestamp_tz(text: &str) -> Option<i64> {
    if let Some(utc) = text.strip_suffix('Z') {
        return timestamp(utc).filter(|_| utc.len() > 10);
    }
    let behind = text.get(11..).unwrap_or_default();
    let zone = behind.rfind(['+', '-']).map(|at| at + 11);
    let Some(zone) = zone else {
        return timestamp(text);
    };
    let (local, offset) = text.split_at(zone);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let hours_minutes = match offset.len() {
        3 => format!("{}:00", &offset[1..]),
        6 => offset[1..].to_owned(),
        _ => return None,
    };
    let offset = time(&hours_minutes).filter(|offset| *offset < LARGEST_OFFSET)?;
    let moment = timestamp(local)? - sign * offset;
    let day = i32::try_from(moment.div_euclid(DAY_MICROSECONDS)).ok()?;
    CARRIED_DAYS.contains(&day).then_some(moment)
}

/// Parses a UUID: thirty-two hexadecimal digits in five groups, given in lower case.
fn uuid(text: &str) -> Option<String> {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    let is_uuid = groups == [8, 4, 4, 4, 12]
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_uuid.then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_smallest_type_that_holds_it() {
        for (text, is_negative, expected) in [
            ("5", false, (Value::Integer(5), Type::Integer)),
            (
                "2147483648",
                true,
                (Value::Integer(-2_147_483_648), Type::Integer),
            ),
            (
                "2147483648",
                false,
                (Value::Integer(2_147_483_648), Type::BigInt),
            ),
            (
                "9223372036854775808",
                false,
                (Value::Numeric(9_223_372_036_854_775_808), Type::Numeric(0)),
            ),
            ("1.50", true, (Value::Numeric(-150), Type::Numeric(2))),
            (".5", false, (Value::Numeric(5), Type::Numeric(1))),
            ("5.", false, (Value::Numeric(5), Type::Numeric(0))),
            ("1.5e1", false, (Value::Numeric(15), Type::Numeric(0))),
            ("1e3", false, (Value::Numeric(1000), Type::Numeric(0))),
            ("1e-3", false, (Value::Numeric(1), Type::Numeric(3))),
        ] {
            assert_eq!(number(text, is_negative), Ok(expected), "{text}");
        }
        for text in ["1_000", "0x1f", "1e99", "1e-39", "."] {
            assert!(number(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn quoted_literals_are_taken_in_the_forms_that_leave_no_doubt() {
        let day = DAY_MICROSECONDS;
        for (text, kind, value) in [
            (" 12 ", Type::SmallInt, Value::Integer(12)),
            ("TRUE", Type::Boolean, Value::Boolean(true)),
            ("1970-01-02", Type::Date, Value::Date(1)),
            ("1970-01-02", Type::Timestamp, Value::Integer(day)),
            (
                "1970-01-02T00:00:01.5",
                Type::Timestamp,
                Value::Integer(day + 1_500_000),
            ),
            (
                "1970-01-02 01:00+01",
                Type::TimestampTz,
                Value::Integer(day),
            ),
            (
                "1970-01-02 00:00:00-00:30",
                Type::TimestampTz,
                Value::Integer(day + 1_800_000_000),
            ),
            (
                "1970-01-02T00:00:00Z",
                Type::TimestampTz,
                Value::Integer(day),
            ),
            ("23:59", Type::Time, Value::Integer(day - 60_000_000)),
            ("1e-3", Type::Double, Value::Double(0.001)),
            ("a ", Type::Text, Value::Text("a ".to_owned())),
        ] {
            assert_eq!(quoted(text, &kind), Ok((value, kind)), "{text}");
        }
        for (text, kind) in [
            ("32768", Type::SmallInt),
            ("1.0", Type::Integer),
            ("01/02/1970", Type::Date),
            ("1970-02-30", Type::Date),
            ("infinity", Type::Timestamp),
            ("now", Type::Timestamp),
            ("24:00", Type::Time),
            ("9999-12-31 23:00:00-10", Type::TimestampTz),
            ("0001-01-01 00:00:00+10", Type::TimestampTz),
            ("2020-01-01 00:00:00-16", Type::TimestampTz),
            ("1e400", Type::Double),
            ("1e-400", Type::Double),
            ("x", Type::Uuid),
            ("{}", Type::Json),
        ] {
            assert!(quoted(text, &kind).is_err(), "{text}");
        }
    }
}
