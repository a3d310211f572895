//! Texts into dates, times and timestamps: ISO 8601 as Postgres reads it, or formats as strftime names them.
//!
//! Nothing is rounded and nothing is dropped: a fraction beyond microseconds, a time of day in a date and an
//! offset in a timestamp without time zone are refused unless they are zero.

use dataset::calendar::{CARRIED_DAYS, Date, POSTGRES_EPOCH_DAYS};

use crate::number::trimmed;
use crate::rule::{Fault, Rule};
use crate::strftime::{DateTimeParts, Format, Reader};
use crate::value::Value;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Reads ISO 8601: `YYYY-MM-DD`, perhaps followed by `T` or a space and `HH:MM[:SS[.fraction]]`, perhaps by an
/// offset.
fn iso(text: &str) -> Option<DateTimeParts> {
    let mut at = Reader(text.as_bytes());
    let mut parts = DateTimeParts {
        year: Some(at.digits(4, 4)? as i32),
        ..DateTimeParts::default()
    };
    at.literal(b'-')?;
    parts.month = at.digits(1, 2)? as u32;
    at.literal(b'-')?;
    parts.day = at.digits(1, 2)? as u32;
    if at.0.is_empty() {
        return Some(parts);
    }
    at.literal(b'T').or_else(|| at.literal(b' '))?;
    at.skip_space();
    at.clock(&mut parts)?;
    if !at.0.is_empty() {
        at.skip_space();
        parts.offset = Some(at.offset()?);
    }
    at.0.is_empty().then_some(parts)
}

fn read(text: &str, formats: &[Format]) -> Option<DateTimeParts> {
    iso(text).or_else(|| formats.iter().find_map(|format| format.read(text)))
}

impl DateTimeParts {
    /// The date in days since 2000-01-01, if there is such a day.
    fn days(&self) -> Result<i32, Fault> {
        let date = Date {
            year: self.year.unwrap_or_default(),
            month: self.month,
            day: self.day,
        };
        let exists = date.year >= 1
            && (1..=12).contains(&date.month)
            && (1..=31).contains(&date.day)
            && Date::from_days(date.days()) == date;
        if !exists {
            return Err(Fault::new(Rule::Type, "is a day that doesn't exist"));
        }
        Ok(date.days() - POSTGRES_EPOCH_DAYS)
    }

    /// The time of day in microseconds since midnight, if there is such a time and it is no finer than that.
    fn micros(&self) -> Result<i64, Fault> {
        if self.hour > 23 || self.minute > 59 || self.second > 59 {
            return Err(Fault::new(Rule::Type, "is a time that doesn't exist"));
        }
        if self.finer || self.nanos % 1000 != 0 {
            return Err(Fault::new(Rule::Scale, "is finer than a microsecond"));
        }
        Ok(self.hour * HOUR + self.minute * MINUTE + self.second * SECOND + self.nanos / 1000)
    }
}

/// Parses a timestamp without time zone. An offset other than zero is refused.
///
/// # Errors
/// [`Rule::Type`] and [`Rule::Scale`].
pub fn timestamp(text: &str, formats: &[Format]) -> Result<Value<'static>, Fault> {
    let parts =
        read(trimmed(text), formats).ok_or_else(|| Fault::new(Rule::Type, "is not a timestamp"))?;
    if parts.offset.is_some_and(|offset| offset != 0) {
        return Err(Fault::new(
            Rule::Type,
            "has an offset, which a timestamp without time zone would drop",
        ));
    }
    Ok(Value::Timestamp(
        i64::from(parts.days()?) * DAY + parts.micros()?,
    ))
}

/// Parses a timestamp with time zone; without an offset it is taken for UTC.
///
/// # Errors
/// [`Rule::Type`] and [`Rule::Scale`].
pub fn timestamp_tz(text: &str, formats: &[Format]) -> Result<Value<'static>, Fault> {
    let parts =
        read(trimmed(text), formats).ok_or_else(|| Fault::new(Rule::Type, "is not a timestamp"))?;
    let local = i64::from(parts.days()?) * DAY + parts.micros()?;
    let utc = local - parts.offset.unwrap_or(0) * MINUTE;
    if !CARRIED_DAYS.contains(&(utc.div_euclid(DAY) as i32 + POSTGRES_EPOCH_DAYS)) {
        return Err(Fault::new(
            Rule::Type,
            "is outside of the years 1 to 9999 in UTC",
        ));
    }
    Ok(Value::Timestamp(utc))
}

/// Parses a date. A time of day may follow if it is midnight.
///
/// # Errors
/// [`Rule::Type`] and [`Rule::Scale`].
pub fn date(text: &str, formats: &[Format]) -> Result<Value<'static>, Fault> {
    let parts =
        read(trimmed(text), formats).ok_or_else(|| Fault::new(Rule::Type, "is not a date"))?;
    let days = parts.days()?;
    if parts.micros()? != 0 || parts.offset.is_some_and(|offset| offset != 0) {
        return Err(Fault::new(
            Rule::Type,
            "has a time of day, which a date would drop",
        ));
    }
    Ok(Value::Date(days))
}

/// Parses a time of day, `HH:MM[:SS[.fraction]]`.
///
/// # Errors
/// [`Rule::Type`] and [`Rule::Scale`].
pub fn time(text: &str) -> Result<Value<'static>, Fault> {
    let mut at = Reader(trimmed(text).as_bytes());
    let mut parts = DateTimeParts::default();
    let read = at.clock(&mut parts).filter(|()| at.0.is_empty());
    read.ok_or_else(|| Fault::new(Rule::Type, "is not a time of day"))?;
    Ok(Value::Time(parts.micros()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Result<i64, Rule> {
        match timestamp(text, &[]) {
            Ok(Value::Timestamp(micros)) => Ok(micros),
            Ok(other) => panic!("{other:?}"),
            Err(fault) => Err(fault.rule),
        }
    }

    #[test]
    fn iso_timestamps_are_read_with_and_without_a_time() {
        for (text, expected) in [
            ("2000-01-01", Ok(0)),
            ("2000-01-02T00:00:01Z", Ok(DAY + SECOND)),
            ("2000-01-01 00:00", Ok(0)),
            (" 1999-12-31 23:59:59.999999 ", Ok(-1)),
            ("2000-01-01 00:00:00.1230000", Ok(123_000)),
            ("2000-01-01 00:00:00+00", Ok(0)),
            ("2000-01-01 00:00:00.1234567", Err(Rule::Scale)),
            ("2000-01-01 00:00:00.0000000001", Err(Rule::Scale)),
            ("2000-01-01T00:00:00+02:00", Err(Rule::Type)),
            ("2021-02-31", Err(Rule::Type)),
            ("0000-01-01", Err(Rule::Type)),
            ("31/02/2021", Err(Rule::Type)),
            ("2021-07-27T02 48 42Z", Err(Rule::Type)),
            ("2021-07-27T24:00:00", Err(Rule::Type)),
            ("2021-07-27T16:60:00", Err(Rule::Type)),
            ("infinity", Err(Rule::Type)),
            ("", Err(Rule::Type)),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }

    #[test]
    fn a_date_drops_no_time_and_a_zone_moves_the_clock() {
        assert_eq!(date("2000-01-03 00:00:00.000", &[]), Ok(Value::Date(2)));
        assert!(date("2000-01-03 00:00:01", &[]).is_err());
        assert_eq!(
            timestamp_tz("2000-01-01 02:00:00+02", &[]),
            Ok(Value::Timestamp(0))
        );
        for beyond in ["0001-01-01 00:00:00+01", "9999-12-31 23:59:59-01"] {
            let fault = timestamp_tz(beyond, &[]).expect_err(beyond);
            assert_eq!(fault.rule, Rule::Type);
        }
        assert_eq!(
            time("13:05:00.5"),
            Ok(Value::Time(13 * HOUR + 5 * MINUTE + SECOND / 2))
        );
        assert!(time("25:00").is_err());
    }
}
