//! Formats of dates and timestamps, in the notation of strftime.

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

/// The parts of a date and time that were read from a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DateTimeParts {
    pub(crate) year: Option<i32>,
    pub(crate) month: u32,
    pub(crate) day: u32,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    /// The fraction of the second, in nanoseconds.
    pub(crate) nanos: i64,
    /// Whether the fraction has non-zero digits beyond nanoseconds.
    pub(crate) finer: bool,
    pub(crate) afternoon: Option<bool>,
    /// The offset from UTC, in minutes.
    pub(crate) offset: Option<i64>,
}

/// A format of dates and timestamps, such as `%d/%m/%Y %H:%M`.
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
    /// Parses a format: `%Y %y %m %b %B %d %e %H %I %p %M %S %f %.f %z %F %T %%`, and other text, which stands for itself.
    ///
    /// # Errors
    /// A message for any other directive, and for a format without a complete date.
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
                        "format `{text}`: after % only these may follow: Y y m b B d e H I p M S f .f z F T %"
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

    /// Reads a text in this format; `None` if the text, up to its end, does not follow the format.
    pub(crate) fn read(&self, text: &str) -> Option<DateTimeParts> {
        let mut at = Reader(text.as_bytes());
        let mut parts = DateTimeParts::default();
        for item in &self.items {
            match item {
                Item::Literal(byte) => at.literal(*byte)?,
                Item::Year => parts.year = Some(at.digits(4, 4)? as i32),
                // As in POSIX, 69 to 99 belong to the 20th century.
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
            let hour = parts.hour % 12 + if afternoon { 12 } else { 0 };
            // There is no 13 o'clock in the morning, and no hour 99 at all.
            if parts.hour > 12 && parts.hour != hour {
                return None;
            }
            parts.hour = hour;
        }
        at.0.is_empty().then_some(parts)
    }
}

/// Reads a text; the field is the rest of it.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl Reader<'_> {
    /// Reads this byte.
    pub(crate) fn literal(&mut self, byte: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        (*first == byte).then(|| self.0 = rest)
    }

    /// Skips blanks.
    pub(crate) fn skip_space(&mut self) {
        while self.literal(b' ').is_some() {}
    }

    /// Reads a number with `least` to `most` digits.
    pub(crate) fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
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

    /// Reads the digits after the point of a second: nanoseconds, and whether there are finer digits other than
    /// zero.
    pub(crate) fn fraction(&mut self) -> Option<(i64, bool)> {
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

    /// Reads the name of a month, either in full or its first three letters.
    pub(crate) fn month(&mut self) -> Option<u32> {
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

    /// Reads `AM` or `PM`, and says whether it is the afternoon.
    pub(crate) fn half_of_day(&mut self) -> Option<bool> {
        let (word, rest) = self.0.split_at_checked(2)?;
        let afternoon = match word {
            b"AM" | b"am" => false,
            b"PM" | b"pm" => true,
            _ => return None,
        };
        self.0 = rest;
        Some(afternoon)
    }

    /// Reads an offset, `Z`, `±HH`, `±HHMM` or `±HH:MM`, in minutes.
    pub(crate) fn offset(&mut self) -> Option<i64> {
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
        // Postgres's own limit is 15:59:59.
        (hours < 16 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }

    /// Reads a time of day, `HH:MM[:SS[.fraction]]`.
    pub(crate) fn clock(&mut self, parts: &mut DateTimeParts) -> Option<()> {
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

    /// Reads a time of day with colons, or without: `HHMM[SS[.fraction]]`.
    pub(crate) fn any_clock(&mut self, parts: &mut DateTimeParts) -> Option<()> {
        let begin = self.0;
        if self.clock(parts).is_some() {
            return Some(());
        }
        self.0 = begin;
        parts.hour = self.digits(2, 2)?;
        parts.minute = self.digits(2, 2)?;
        if let Some(second) = self.digits(2, 2) {
            parts.second = second;
            if self.literal(b'.').is_some() {
                (parts.nanos, parts.finer) = self.fraction()?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, text: &str) -> Option<DateTimeParts> {
        Format::parse(pattern).expect("a format").read(text)
    }

    #[test]
    fn formats_are_followed_to_the_letter() {
        for (pattern, text) in [
            ("%d/%m/%Y %H:%M", "02/01/2000 13:05"),
            ("%d.%m.%y, %H:%M", "2.1.00, 13:5"),
            ("%b %e %Y %I:%M%p", "Jan  2 2000 1:05PM"),
            ("%FT%T%.f%z", "2000-01-02T13:05:00.000000+00:00"),
            ("%Y%m%d%H%M%S", "20000102130500"),
        ] {
            let parts = read(pattern, text).unwrap_or_else(|| panic!("{pattern}"));
            let clock = (parts.hour, parts.minute, parts.second, parts.nanos);
            assert_eq!(
                (parts.year, parts.month, parts.day),
                (Some(2000), 1, 2),
                "{pattern}"
            );
            assert_eq!(clock, (13, 5, 0, 0), "{pattern}");
        }
        for text in [
            "2000-01-02 13:05AM",
            "2000-01-02 99:05PM",
            "2000-01-02 24:05AM",
        ] {
            assert_eq!(read("%F %H:%M%p", text), None, "{text}");
        }
        for text in ["01/02/2021x", "1/2/21", "01-02-2021", "/02/2021", ""] {
            assert_eq!(read("%d/%m/%Y", text), None, "{text}");
        }
    }

    #[test]
    fn a_format_that_makes_no_sense_is_refused() {
        for bad in ["%d/%m", "%q%Y%m%d", "%", "%.Y%m%d"] {
            assert!(Format::parse(bad).is_err(), "{bad}");
        }
    }
}
