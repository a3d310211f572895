//! Civil dates of the Gregorian calendar, also before its introduction, computed with Howard Hinnant's algorithms
//! (<https://howardhinnant.github.io/date_algorithms.html>).

use std::fmt;
use std::str::FromStr;

/// A day, in microseconds.
pub const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// Days from 1970-01-01, from which dates are counted here, to 2000-01-01, from which Postgres counts.
pub const POSTGRES_EPOCH_DAYS: i32 = 10_957;
/// Postgres's epoch, in microseconds since 1970-01-01.
pub const POSTGRES_EPOCH_MICROSECONDS: i64 = POSTGRES_EPOCH_DAYS as i64 * DAY_MICROSECONDS;
/// The years 1 to 9999, in days from 1970-01-01: those that `YYYY-MM-DD` can express.
pub const CARRIED_DAYS: std::ops::Range<i32> = -719_162..2_932_897;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// The year; 0 is the year before 1.
    pub year: i32,
    /// The month, from 1 to 12.
    pub month: u32,
    /// The day of the month, from 1 to 31.
    pub day: u32,
}

impl Date {
    /// The date this many days after 1970-01-01.
    pub fn from_days(days: i32) -> Self {
        // Years begin in March here, so that the leap day is the last of its year; an era has 400 years.
        let shifted = i64::from(days) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Self {
            year: (year_of_era + era * 400 + i64::from(month <= 2)) as i32,
            month: month as u32,
            day: (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32,
        }
    }

    /// The number of days from 1970-01-01 to this date.
    pub fn days(self) -> i32 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        (era * 146_097 + day_of_era - 719_468) as i32
    }
}

impl fmt::Display for Date {
    /// Writes the date as `YYYY-MM-DD`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|_| text.len() <= 4);
        let parts: Option<Vec<u32>> = text.split('-').map(number).collect();
        let date = match parts.as_deref() {
            Some(&[year, month, day]) => Some(Self {
                year: year as i32,
                month,
                day,
            }),
            _ => None,
        };
        // A date that doesn't exist, such as 2025-02-30, comes back as another one.
        date.filter(|date| {
            (1..=12).contains(&date.month)
                && (1..=31).contains(&date.day)
                && Self::from_days(date.days()) == *date
        })
        .ok_or_else(|| format!("`{text}` is not a date: write YYYY-MM-DD"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("2000-01-01", 10_957),
            ("2000-02-29", 11_016),
            ("0001-01-01", -719_162),
            ("9999-12-31", 2_932_896),
        ] {
            let date: Date = text.parse().expect("a date");
            assert_eq!((date.days(), date.to_string()), (days, text.to_owned()));
        }
    }

    #[test]
    fn every_day_of_the_years_1_to_9999_comes_back_and_follows_its_yesterday() {
        let mut yesterday = Date::from_days(-719_163);
        for days in -719_162..=2_932_896 {
            let date = Date::from_days(days);
            assert_eq!(date.days(), days);
            let next_day = date.day == yesterday.day + 1 && date.month == yesterday.month;
            assert!(next_day || date.day == 1 && yesterday.day >= 28, "{date}");
            yesterday = date;
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2025",
            "2025-02-30",
            "2023-02-29",
            "2025-13-01",
            "2025-00-10",
            "2025-01-01-01",
            "x-01-01",
            "+2025-01-01",
            "2025-1-0",
        ] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
    }
}
