//! Dates, times and timestamps: ISO 8601 as Postgres reads it, and formats as strftime names them.
//!
//! Nothing is rounded and nothing is dropped: a fraction beyond microseconds, a time of day in a date and an
//! offset in a timestamp without time zone are refused unless they are zero.

use dataset::calendar::{Date, POSTGRES_EPOCH_DAYS};

use crate::number::trimmed;
use crate::rule::{Fault, Rule};
use crate::value::Value;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// What was read of a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Parts {
    year: Option<i32>,
    month: u32,
    day: u32,
    hour: i64,
    minute: i64,
    second: i64,
    /// Of a second, in nanoseconds.
    nanos: i64,
    /// Whether the fraction has digits beyond nanoseconds that are not zero.
    finer: bool,
    afternoon: Option<bool>,
    /// Of the clock against UTC, in minutes.
    offset: Option<i64>,
}

/// A format of dates and timestamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Literal(u8),
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    Hour12,
    Minute,
    Second,
    Fraction,
    /// A point and digits, or nothing.
    PointFraction,
    HalfOfDay,
    Offset,
}

impl Format {
    /// Reads a format: `%Y %y %m %b %B %d %e %H %I %p %M %S %f %.f %z %F %T %%`, and text that stands for
    /// itself.
    ///
    /// # Errors
    /// What is not one of these, or a format without a whole date.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut items = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'%' {
                items.push(Item::Literal(byte));
                continue;
            }
            let mut directive = rest.next();
            let pointed = directive == Some(b'.');
            if pointed {
                directive = rest.next();
            }
            match directive {
                Some(b'f') if pointed => items.push(Item::PointFraction),
                Some(b'Y') if !pointed => items.push(Item::Year),
                Some(b'y') if !pointed => items.push(Item::ShortYear),
                Some(b'm') if !pointed => items.push(Item::Month),
                Some(b'b' | b'B') if !pointed => items.push(Item::MonthName),
                Some(b'd' | b'e') if !pointed => items.push(Item::Day),
                Some(b'H') if !pointed => items.push(Item::Hour),
                Some(b'I') if !pointed => items.push(Item::Hour12),
                Some(b'p') if !pointed => items.push(Item::HalfOfDay),
                Some(b'M') if !pointed => items.push(Item::Minute),
                Some(b'S') if !pointed => items.push(Item::Second),
                Some(b'f') => items.push(Item::Fraction),
                Some(b'z') if !pointed => items.push(Item::Offset),
                Some(b'%') if !pointed => items.push(Item::Literal(b'%')),
                Some(b'F') if !pointed => items.extend([
                    Item::Year,
                    Item::Literal(b'-'),
                    Item::Month,
                    Item::Literal(b'-'),
                    Item::Day,
                ]),
                Some(b'T') if !pointed => items.extend([
                    Item::Hour,
                    Item::Literal(b':'),
                    Item::Minute,
                    Item::Literal(b':'),
                    Item::Second,
                ]),
                _ => {
                    return Err(format!(
                        "format `{text}`: after % may stand Y y m b B d e H I p M S f .f z F T %"
                    ));
                }
            }
        }
        let has = |wanted: &[Item]| items.iter().any(|item| wanted.contains(item));
        if has(&[Item::Year, Item::ShortYear])
            && has(&[Item::Month, Item::MonthName])
            && has(&[Item::Day])
        {
            Ok(Self { items })
        } else {
            Err(format!("format `{text}` lacks year, month or day"))
        }
    }

    fn read(&self, text: &str) -> Option<Parts> {
        let mut at = Reader(text.as_bytes());
        let mut parts = Parts::default();
        for item in &self.items {
            match item {
                Item::Literal(byte) => at.literal(*byte)?,
                Item::Year => parts.year = Some(at.digits(4, 4)? as i32),
                // POSIX: 69 to 99 are of the 20th century.
                Item::ShortYear => {
                    let year = at.digits(2, 2)? as i32;
                    parts.year = Some(if year < 69 { 2000 + year } else { 1900 + year });
                }
                Item::Month => parts.month = at.digits(1, 2)? as u32,
                Item::MonthName => parts.month = at.month()?,
                Item::Day => {
                    at.skip_space();
                    parts.day = at.digits(1, 2)? as u32;
                }
                Item::Hour => parts.hour = at.digits(1, 2)?,
                Item::Hour12 => {
                    parts.hour = at.digits(1, 2).filter(|hour| (1..=12).contains(hour))?;
                    parts.afternoon.get_or_insert(false);
                }
                Item::HalfOfDay => parts.afternoon = Some(at.half_of_day()?),
                Item::Minute => parts.minute = at.digits(1, 2)?,
                Item::Second => parts.second = at.digits(1, 2)?,
                Item::Fraction => (parts.nanos, parts.finer) = at.fraction()?,
                Item::PointFraction => {
                    if at.literal(b'.').is_some() {
                        (parts.nanos, parts.finer) = at.fraction()?;
                    }
                }
                Item::Offset => parts.offset = Some(at.offset()?),
            }
        }
        if let Some(afternoon) = parts.afternoon {
            parts.hour = parts.hour % 12 + if afternoon { 12 } else { 0 };
        }
        at.0.is_empty().then_some(parts)
    }
}

/// What is left of a text.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn literal(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        (*first == byte).then(|| self.0 = rest)
    }

    fn skip_space(&mut self) {
        while self.literal(b' ').is_some() {}
    }

    /// A number of `least` to `most` digits.
    fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let count = self
            .0
            .iter()
            .take(most)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        Some(
            digits
                .iter()
                .fold(0, |value, digit| value * 10 + i64::from(digit - b'0')),
        )
    }

    /// Digits after the point of a second: nanoseconds, and whether there is more behind them.
    fn fraction(&mut self) -> Option<(i64, bool)> {
        let count = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        let nanos = (0..9).fold(0, |value, index| {
            value * 10 + digits.get(index).map_or(0, |digit| i64::from(digit - b'0'))
        });
        let finer = digits.iter().skip(9).any(|digit| *digit != b'0');
        (count > 0).then_some((nanos, finer))
    }

    fn month(&mut self) -> Option<u32> {
        let count = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let (word, rest) = self.0.split_at(count);
        let word = str::from_utf8(word).ok()?.to_ascii_lowercase();
        let month = MONTHS
            .iter()
            .position(|name| *name == word || word == name[..3])?;
        self.0 = rest;
        Some(month as u32 + 1)
    }

    fn half_of_day(&mut self) -> Option<bool> {
        let (word, rest) = self.0.split_at_checked(2)?;
        let afternoon = match word {
            b"AM" | b"am" => false,
            b"PM" | b"pm" => true,
            _ => return None,
        };
        self.0 = rest;
        Some(afternoon)
    }

    /// `Z`, `±HH`, `±HHMM` or `±HH:MM`, in minutes.
    fn offset(&mut self) -> Option<i64> {
        let (sign, rest) = self.0.split_first()?;
        self.0 = rest;
        let sign = match sign {
            b'Z' | b'z' => return Some(0),
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let hours = self.digits(2, 2)?;
        let colon = self.literal(b':').is_some();
        let minutes = match self.digits(2, 2) {
            Some(minutes) => minutes,
            None if colon => return None,
            None => 0,
        };
        // Postgres's own bound is 15:59:59.
        (hours < 16 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }

    fn clock(&mut self, parts: &mut Parts) -> Option<()> {
        parts.hour = self.digits(1, 2)?;
        self.literal(b':')?;
        parts.minute = self.digits(2, 2)?;
        if self.literal(b':').is_some() {
            parts.second = self.digits(2, 2)?;
            if self.literal(b'.').is_some() {
                (parts.nanos, parts.finer) = self.fraction()?;
            }
        }
        Some(())
    }
}

/// `YYYY-MM-DD`, perhaps with `T` or a space and `HH:MM[:SS[.fraction]]`, perhaps with an offset.
fn iso(text: &str) -> Option<Parts> {
    let mut at = Reader(text.as_bytes());
    let mut parts = Parts {
        year: Some(at.digits(4, 4)? as i32),
        ..Parts::default()
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

fn read(text: &str, formats: &[Format]) -> Option<Parts> {
    iso(text).or_else(|| formats.iter().find_map(|format| format.read(text)))
}

impl Parts {
    /// Days since 2000-01-01.
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

    /// Microseconds since midnight.
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

/// A timestamp without time zone.
pub(crate) fn timestamp(text: &str, formats: &[Format]) -> Result<Value<'static>, Fault> {
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

/// A timestamp with time zone; without an offset it is taken for UTC.
pub(crate) fn timestamp_tz(text: &str, formats: &[Format]) -> Result<Value<'static>, Fault> {
    let parts =
        read(trimmed(text), formats).ok_or_else(|| Fault::new(Rule::Type, "is not a timestamp"))?;
    let local = i64::from(parts.days()?) * DAY + parts.micros()?;
    Ok(Value::Timestamp(local - parts.offset.unwrap_or(0) * MINUTE))
}

/// A date; a time of day may follow if it is midnight.
pub(crate) fn date(text: &str, formats: &[Format]) -> Result<Value<'static>, Fault> {
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

/// A time of day, `HH:MM[:SS[.fraction]]`.
pub(crate) fn time(text: &str) -> Result<Value<'static>, Fault> {
    let mut at = Reader(trimmed(text).as_bytes());
    let mut parts = Parts::default();
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
    fn formats_are_followed_to_the_letter() {
        let format = |text: &str| [Format::parse(text).expect("a format")];
        for (pattern, text) in [
            ("%d/%m/%Y %H:%M", "02/01/2000 13:05"),
            ("%d.%m.%y, %H:%M", "2.1.00, 13:5"),
            ("%b %e %Y %I:%M%p", "Jan  2 2000 1:05PM"),
            ("%FT%T%.f%z", "2000-01-02T13:05:00.000000+00:00"),
            ("%Y%m%d%H%M%S", "20000102130500"),
        ] {
            let found = timestamp(text, &format(pattern));
            assert_eq!(
                found,
                Ok(Value::Timestamp(DAY + 13 * HOUR + 5 * MINUTE)),
                "{pattern}"
            );
        }
        assert!(timestamp("31/02/2021", &format("%d/%m/%Y")).is_err());
        assert!(timestamp("01/02/2021x", &format("%d/%m/%Y")).is_err());
        for bad in ["%d/%m", "%q%Y%m%d", "%", "%.Y%m%d"] {
            assert!(Format::parse(bad).is_err(), "{bad}");
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
        assert_eq!(
            time("13:05:00.5"),
            Ok(Value::Time(13 * HOUR + 5 * MINUTE + SECOND / 2))
        );
        assert!(time("25:00").is_err());
    }
}
