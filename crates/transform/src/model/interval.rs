//! Intervals: how they are written, and how a time is moved by one.

use dataset::calendar::{CARRIED_DAYS, DAY_MICROSECONDS, Date};
use sqlparser::ast::DateTimeField;

use super::literal;
use super::operations::Interval;

const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;
const SECOND: i64 = 1_000_000;

/// The years for which Postgres has timestamps, or slightly fewer.
const YEARS_OF_POSTGRES: std::ops::Range<i64> = -4_712..294_276;

/// Up to this number, floats hold all integers exactly; Postgres multiplies intervals in floats.
const EXACT_IN_FLOATS: i64 = 1 << 53;

impl Interval {
    /// Parses an interval: numbers with units, each unit at most once, and possibly a time of day after them; or a single number in
    /// the unit `of`. They mean what they mean in Postgres if `IntervalStyle` is `postgres`, as in all our sessions. `None` for
    /// other forms.
    pub(crate) fn read(text: &str, of: Option<&DateTimeField>) -> Option<Self> {
        if let Some(unit) = of {
            return match unit {
                DateTimeField::Year
                | DateTimeField::Month
                | DateTimeField::Day
                | DateTimeField::Hour
                | DateTimeField::Minute
                | DateTimeField::Second => {
                    let unit = unit.to_string().to_ascii_lowercase();
                    Self::default().plus(&of_unit(text.trim_matches(' '), &unit)?.1)
                }
                _ => None,
            };
        }
        let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
        let mut interval = Self::default();
        let mut is_empty = true;
        if let Some(clock) = words.last().filter(|word| word.contains(':')) {
            interval.microseconds = literal::time(clock)?;
            is_empty = false;
            words.pop();
        }
        let has_clock = !is_empty;
        let mut met = Vec::new();
        for pair in words.chunks(2) {
            let [number, unit] = pair else { return None };
            let (kind, part) = of_unit(number, &unit.to_ascii_lowercase())?;
            if met.contains(&kind) || has_clock && matches!(kind, 'h' | 'n' | 's') {
                return None;
            }
            met.push(kind);
            interval = interval.plus(&part)?;
            is_empty = false;
        }
        (!is_empty).then_some(interval)
    }

    /// Adds two intervals; `None` if Postgres has no such interval.
    pub(crate) fn plus(&self, other: &Self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            microseconds: self.microseconds.checked_add(other.microseconds)?,
        })
    }

    /// The interval times `factor`; `None` if Postgres has no such interval, or may round it.
    pub(crate) fn times(&self, factor: i64) -> Option<Self> {
        let narrow = i32::try_from(factor).ok()?;
        let microseconds = self.microseconds.checked_mul(factor)?;
        let is_exact =
            microseconds.abs() < EXACT_IN_FLOATS && self.microseconds.abs() < EXACT_IN_FLOATS;
        Some(Self {
            months: self.months.checked_mul(narrow)?,
            days: self.days.checked_mul(narrow)?,
            microseconds: Some(microseconds).filter(|_| is_exact)?,
        })
    }

    /// The interval backwards in time; `None` if Postgres has no such interval.
    pub(crate) fn negated(&self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            microseconds: self.microseconds.checked_neg()?,
        })
    }

    /// The time that is this interval after `moment`, both in microseconds since 1970.
    ///
    /// # Errors
    /// If the result is outside the years that are carried.
    pub(crate) fn carried_from(&self, moment: i64) -> Result<i64, String> {
        let is_carried = |moment: &i64| {
            let day = i32::try_from(moment.div_euclid(DAY_MICROSECONDS));
            day.is_ok_and(|day| CARRIED_DAYS.contains(&day))
        };
        let moved = self.from(moment).filter(is_carried);
        moved.ok_or_else(|| "a timestamp is outside of the years 1 to 9999".to_owned())
    }

    /// The time that is this interval after the beginning of a day.
    ///
    /// # Errors
    /// As [`carried_from`](Self::carried_from).
    pub(crate) fn carried_from_day(&self, day: i32) -> Result<i64, String> {
        self.carried_from(i64::from(day) * DAY_MICROSECONDS)
    }

    /// The time that is this interval after `moment`, both in microseconds since 1970 (`timestamp_pl_interval` in
    /// src/backend/utils/adt/timestamp.c). First come the months, which may end at the last day of a shorter month, then the days,
    /// then the time. `None` if an intermediate result is not a timestamp of Postgres.
    fn from(&self, moment: i64) -> Option<i64> {
        let mut day = i32::try_from(moment.div_euclid(DAY_MICROSECONDS)).ok()?;
        let clock = moment.rem_euclid(DAY_MICROSECONDS);
        if self.months != 0 {
            let date = Date::from_days(day);
            let months = i64::from(date.year) * 12 + i64::from(date.month) - 1;
            let months = months + i64::from(self.months);
            let year =
                Some(months.div_euclid(12)).filter(|year| YEARS_OF_POSTGRES.contains(year))?;
            let first = Date {
                year: year as i32,
                month: months.rem_euclid(12) as u32 + 1,
                day: 1,
            };
            day = first.days() + date.day.min(days_of_month(first)) as i32 - 1;
        }
        day = day.checked_add(self.days)?;
        let is_of_postgres = |day: i32| {
            let year = i64::from(day) * 400 / 146_097 + 1970;
            YEARS_OF_POSTGRES.contains(&year)
        };
        if !is_of_postgres(day) {
            return None;
        }
        (i64::from(day) * DAY_MICROSECONDS + clock).checked_add(self.microseconds)
    }
}

fn days_of_month(first: Date) -> u32 {
    let next = match first.month {
        12 => Date {
            year: first.year + 1,
            month: 1,
            ..first
        },
        month => Date {
            month: month + 1,
            ..first
        },
    };
    (next.days() - first.days()) as u32
}

/// An interval of one unit: a whole number, for seconds with up to six digits after the point. Also gives a letter for the unit.
fn of_unit(number: &str, unit: &str) -> Option<(char, Interval)> {
    let (digits, is_negative) = match number.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (number.strip_prefix('+').unwrap_or(number), false),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // A number of nine digits fits into any part of an interval.
    if !(1..=9).contains(&whole.len()) || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let count: i32 = whole.parse().ok()?;
    let has_point = digits.contains('.');
    let mut interval = Interval::default();
    let micros = |unit: i64| Some(i64::from(count) * unit);
    let kind = match unit {
        "second" | "seconds" | "sec" | "secs" => {
            if has_point && !(1..=6).contains(&fraction.len()) {
                return None;
            }
            let fraction: i64 = format!("{fraction:0<6}").parse().ok()?;
            interval.microseconds = micros(SECOND)? + fraction;
            's'
        }
        _ if has_point => return None,
        "year" | "years" | "yr" | "yrs" => {
            interval.months = count.checked_mul(12)?;
            'y'
        }
        "month" | "months" | "mon" | "mons" => {
            interval.months = count;
            'm'
        }
        "week" | "weeks" => {
            interval.days = count.checked_mul(7)?;
            'w'
        }
        "day" | "days" => {
            interval.days = count;
            'd'
        }
        "hour" | "hours" | "hr" | "hrs" => {
            interval.microseconds = micros(HOUR)?;
            'h'
        }
        "minute" | "minutes" | "min" | "mins" => {
            interval.microseconds = micros(MINUTE)?;
            'n'
        }
        _ => return None,
    };
    match is_negative {
        true => Some((kind, interval.negated()?)),
        false => Some((kind, interval)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(months: i32, days: i32, microseconds: i64) -> Interval {
        Interval {
            months,
            days,
            microseconds,
        }
    }

    #[test]
    fn intervals_are_read_in_the_forms_that_leave_no_doubt() {
        for (text, unit, expected) in [
            ("3 month", None, Some(of(3, 0, 0))),
            (
                "1 year 2 months 3 days 04:05:06",
                None,
                Some(of(14, 3, 14_706_000_000)),
            ),
            ("-1 day", None, Some(of(0, -1, 0))),
            ("2 weeks 1 day", None, Some(of(0, 15, 0))),
            ("1.5 seconds", None, Some(of(0, 0, 1_500_000))),
            ("04:05", None, Some(of(0, 0, 14_700_000_000))),
            ("90", Some(DateTimeField::Day), Some(of(0, 90, 0))),
            (" -1 ", Some(DateTimeField::Year), Some(of(-12, 0, 0))),
            (
                "1.5",
                Some(DateTimeField::Second),
                Some(of(0, 0, 1_500_000)),
            ),
            ("1.5 days", None, None),
            ("1 day -2 hours", None, Some(of(0, 1, -7_200_000_000))),
            ("-1 day 04:05", None, Some(of(0, -1, 14_700_000_000))),
            ("1 day -04:05", None, None),
            ("1 day 2 days", None, None),
            ("1 hour 00:30", None, None),
            ("3 fortnights", None, None),
            ("P1Y", None, None),
            ("90", None, None),
            ("", None, None),
            ("1", Some(DateTimeField::Week(None)), None),
            ("1 day", Some(DateTimeField::Day), None),
        ] {
            assert_eq!(Interval::read(text, unit.as_ref()), expected, "{text}");
        }
    }

    #[test]
    fn months_end_where_a_month_is_shorter() {
        let moment =
            |text: &str| i64::from(text.parse::<Date>().expect("a date").days()) * DAY_MICROSECONDS;
        for (from, interval, to) in [
            ("2024-01-31", of(1, 0, 0), "2024-02-29"),
            ("2024-02-29", of(12, 0, 0), "2025-02-28"),
            ("2024-03-31", of(-1, 0, 0), "2024-02-29"),
            ("2024-12-31", of(2, 1, 0), "2025-03-01"),
            ("2024-01-01", of(-13, -1, DAY_MICROSECONDS), "2022-12-01"),
        ] {
            assert_eq!(interval.from(moment(from)), Some(moment(to)), "{from}");
        }
        assert_eq!(of(i32::MAX, 0, 0).from(0), None);
        assert_eq!(of(0, i32::MAX, 0).from(0), None);
    }
}
