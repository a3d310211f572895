//! Parses texts into dates, times and timestamps: ISO 8601 as Postgres reads it, or formats in the notation of strftime.
//!
//! The extended form of ISO 8601 is always accepted (`2020-01-31`, `2020-01-31T10:11:12.5Z`, also with a blank for the `T`).
//! If no formats are given, so are forms that Postgres accepts and that cannot mean another day: `20200131`,
//! `2020/01/31`, `2020.01.31`, and `101112` or `1011` for the time of day. With formats they could mean another day, so
//! only the formats are tried then. `24:00:00` is the end of the day, and a second of 60 is the beginning of the next minute.
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

/// Reads ISO 8601: `YYYY-MM-DD`, optionally followed by `T` or a space and `HH:MM[:SS[.fraction]]`, and optionally by an
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
    behind_date(at, parts, Reader::clock)
}

/// Reads other forms that begin with a year of four digits, as Postgres does with any `DateStyle`.
fn other_form(text: &str) -> Option<DateTimeParts> {
    let mut at = Reader(text.as_bytes());
    let mut parts = DateTimeParts {
        year: Some(at.digits(4, 4)? as i32),
        ..DateTimeParts::default()
    };
    let marks = [b'-', b'/', b'.'];
    match marks.into_iter().find(|mark| at.literal(*mark).is_some()) {
        Some(mark) => {
            parts.month = at.digits(1, 2)? as u32;
            at.literal(mark)?;
            parts.day = at.digits(1, 2)? as u32;
        }
        None => {
            parts.month = at.digits(2, 2)? as u32;
            parts.day = at.digits(2, 2)? as u32;
        }
    }
    behind_date(at, parts, Reader::any_clock)
}

/// Reads the time of day and the offset that may follow a date, up to the end of the text.
fn behind_date<'a>(
    mut at: Reader<'a>,
    mut parts: DateTimeParts,
    clock: fn(&mut Reader<'a>, &mut DateTimeParts) -> Option<()>,
) -> Option<DateTimeParts> {
    if at.0.is_empty() {
        return Some(parts);
    }
    at.literal(b'T').or_else(|| at.literal(b' '))?;
    at.skip_space();
    clock(&mut at, &mut parts)?;
    if !at.0.is_empty() {
        at.skip_space();
        parts.offset = Some(at.offset()?);
    }
    at.0.is_empty().then_some(parts)
}

fn read(text: &str, formats: &[Format]) -> Option<DateTimeParts> {
    iso(text).or_else(|| match formats {
        [] => other_form(text),
        formats => formats.iter().find_map(|format| format.read(text)),
    })
}

impl DateTimeParts {
    /// The date in days since 2000-01-01; an error if there is no such day.
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

    /// The time of day in microseconds since midnight; an error if there is no such time, or if it is finer than that.
    fn micros(&self) -> Result<i64, Fault> {
        let is_whole = self.nanos == 0 && !self.finer;
        let exists = match (self.hour, self.minute, self.second) {
            (24, 0, 0) => is_whole,
            (0..24, 0..60, 60) => is_whole,
            (0..24, 0..60, 0..60) => true,
            _ => false,
        };
        if !exists {
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
    carried(i64::from(parts.days()?) * DAY + parts.micros()?)
}

/// Makes a timestamp from microseconds since 2000-01-01; an error if the end of a day or an offset moved it out of the years that
/// are carried.
fn carried(micros: i64) -> Result<Value<'static>, Fault> {
    match CARRIED_DAYS.contains(&(micros.div_euclid(DAY) as i32 + POSTGRES_EPOCH_DAYS)) {
        true => Ok(Value::Timestamp(micros)),
        false => Err(Fault::new(
            Rule::Type,
            "is outside of the years 1 to 9999 in UTC",
        )),
    }
}

/// Parses a timestamp with time zone; without an offset it counts as UTC.
///
/// # Errors
/// [`Rule::Type`] and [`Rule::Scale`].
pub fn timestamp_tz(text: &str, formats: &[Format]) -> Result<Value<'static>, Fault> {
    let parts =
        read(trimmed(text), formats).ok_or_else(|| Fault::new(Rule::Type, "is not a timestamp"))?;
    let local = i64::from(parts.days()?) * DAY + parts.micros()?;
    carried(local - parts.offset.unwrap_or(0) * MINUTE)
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

/// Parses a time of day, `HH:MM[:SS[.fraction]]` or `HHMM[SS[.fraction]]`.
///
/// # Errors
/// [`Rule::Type`] and [`Rule::Scale`].
pub fn time(text: &str) -> Result<Value<'static>, Fault> {
    let mut at = Reader(trimmed(text).as_bytes());
    let mut parts = DateTimeParts::default();
    let read = at.any_clock(&mut parts).filter(|()| at.0.is_empty());
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
            ("2000-01-01T24:00:00", Ok(DAY)),
            ("1999-12-31 24:00", Ok(0)),
            ("1999-12-31T23:59:60Z", Ok(0)),
            ("2000-01-01 00:59:60", Ok(HOUR)),
            ("20000102", Ok(DAY)),
            ("20000102T010000", Ok(DAY + HOUR)),
            ("20000102 0100", Ok(DAY + HOUR)),
            ("20000102T010000.5Z", Ok(DAY + HOUR + SECOND / 2)),
            ("2000/1/2 01:00", Ok(DAY + HOUR)),
            ("2000.01.02T010000", Ok(DAY + HOUR)),
            ("2021-07-27T24:00:01", Err(Rule::Type)),
            ("2021-07-27T24:00:00.000001", Err(Rule::Type)),
            ("2021-07-27T25:00:00", Err(Rule::Type)),
            ("2021-07-27T16:59:60.5", Err(Rule::Type)),
            ("2021-07-27T16:60:00", Err(Rule::Type)),
            ("9999-12-31T24:00:00", Err(Rule::Type)),
            ("20211301", Err(Rule::Type)),
            ("200101", Err(Rule::Type)),
            ("20200101101112", Err(Rule::Type)),
            ("2020/01-02", Err(Rule::Type)),
            ("01/02/2020", Err(Rule::Type)),
            ("01.02.2020", Err(Rule::Type)),
            ("infinity", Err(Rule::Type)),
            ("", Err(Rule::Type)),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }

    #[test]
    fn formats_have_the_word_where_they_are_given() {
        let day_first = [Format::parse("%Y%d%m").expect("a format")];
        assert_eq!(date("20000301", &[]), Ok(Value::Date(60)));
        assert_eq!(date("20000301", &day_first), Ok(Value::Date(2)));
        // The format has no time of day, and the day must not be read in another order because of one.
        assert!(timestamp("20000301 101112", &day_first).is_err());
        assert!(date("2000/03/01", &day_first).is_err());
        assert_eq!(date("2000-03-01", &day_first), Ok(Value::Date(60)));
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
        for (text, expected) in [
            ("24:00", DAY),
            ("23:59:60", DAY),
            ("130500.5", 13 * HOUR + 5 * MINUTE + SECOND / 2),
            ("1305", 13 * HOUR + 5 * MINUTE),
        ] {
            assert_eq!(time(text), Ok(Value::Time(expected)), "{text}");
        }
        for text in ["25:00", "24:00:01", "13050", "1305.5", "130561", "13"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert!(date("2000-01-03 24:00", &[]).is_err());
    }
}
