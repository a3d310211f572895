//! Parts of dates and times, all in UTC.

use dataset::calendar::{CARRIED_DAYS, DAY_MICROSECONDS, Date};

use super::super::array::Array;
use super::arguments::{Arguments, Result, unary};
use crate::model::tree::{Field, Interval};
use crate::model::types::Type;

const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;
const SECOND: i64 = 1_000_000;

/// A field of dates, times or timestamps as a numeric; fields that count seconds have six digits after the point.
pub(super) fn extract(field: Field, arguments: &Arguments<'_>, from: &Type) -> Result<Array> {
    let values = match from {
        Type::Date => unary(arguments.dates(0)?, |day| Ok(of_day(field, day)))?,
        _ => unary(arguments.integers(0)?, |moment| {
            Ok(of_moment(field, moment))
        })?,
    };
    Ok(Array::of_numerics(
        values
            .into_iter()
            .map(|value| value.map(i128::from))
            .collect(),
    ))
}

/// A field of times or timestamps as a float, computed as in Postgres.
pub(super) fn part(field: Field, arguments: &Arguments<'_>) -> Result<Array> {
    let parts = unary(arguments.integers(0)?, |moment| {
        let clock = moment.rem_euclid(DAY_MICROSECONDS);
        Ok(match field {
            Field::Second => {
                let fraction = (clock % SECOND) as f64 / 1_000_000.0;
                (clock % MINUTE / SECOND) as f64 + fraction
            }
            Field::Epoch => moment as f64 / 1_000_000.0,
            field => of_moment(field, moment) as f64,
        })
    })?;
    Ok(Array::of_doubles(parts))
}

fn of_moment(field: Field, moment: i64) -> i64 {
    let clock = moment.rem_euclid(DAY_MICROSECONDS);
    match field {
        Field::Hour => clock / HOUR,
        Field::Minute => clock % HOUR / MINUTE,
        Field::Second => clock % MINUTE,
        Field::Epoch => moment,
        field => of_day(field, moment.div_euclid(DAY_MICROSECONDS) as i32),
    }
}

fn of_day(field: Field, day: i32) -> i64 {
    let date = Date::from_days(day);
    let first_of_year = Date {
        month: 1,
        day: 1,
        ..date
    }
    .days();
    match field {
        Field::Year => date.year.into(),
        Field::IsoYear => iso_week(day).0.into(),
        Field::Quarter => i64::from(date.month.div_ceil(3)),
        Field::Month => date.month.into(),
        Field::Week => iso_week(day).1.into(),
        Field::Day => date.day.into(),
        Field::DayOfWeek => i64::from(iso_day_of_week(day) % 7),
        Field::IsoDayOfWeek => iso_day_of_week(day).into(),
        Field::DayOfYear => i64::from(day - first_of_year + 1),
        // The fields of a time are only asked of times.
        Field::Hour | Field::Minute | Field::Second | Field::Epoch => 0,
    }
}

/// The day of the week, Monday being 1. (1970-01-01 was a Thursday.)
fn iso_day_of_week(day: i32) -> i32 {
    (day + 3).rem_euclid(7) + 1
}

/// The ISO 8601 year and week of a day, which are those of the Thursday in its week.
fn iso_week(day: i32) -> (i32, i32) {
    let thursday = day - iso_day_of_week(day) + 4;
    let year = Date::from_days(thursday).year;
    let first = Date {
        year,
        month: 1,
        day: 1,
    }
    .days();
    (year, (thursday - first) / 7 + 1)
}

/// Timestamps moved by an interval.
pub(super) fn moved(interval: Interval, arguments: &Arguments<'_>) -> Result<Array> {
    let moved = unary(arguments.integers(0)?, |moment| {
        interval.carried_from(moment)
    })?;
    Ok(Array::of_integers(moved))
}

/// Timestamps cut to a unit.
pub(super) fn truncate(unit: Field, arguments: &Arguments<'_>) -> Result<Array> {
    let truncated = unary(arguments.integers(0)?, |moment| {
        let day = moment.div_euclid(DAY_MICROSECONDS) as i32;
        let date = Date::from_days(day);
        let begins = match unit {
            Field::Year => Date {
                month: 1,
                day: 1,
                ..date
            }
            .days(),
            Field::Quarter => {
                let month = (date.month - 1) / 3 * 3 + 1;
                Date {
                    month,
                    day: 1,
                    ..date
                }
                .days()
            }
            Field::Month => Date { day: 1, ..date }.days(),
            Field::Week => day - iso_day_of_week(day) + 1,
            Field::Hour => return Ok(moment - moment.rem_euclid(HOUR)),
            Field::Minute => return Ok(moment - moment.rem_euclid(MINUTE)),
            Field::Second => return Ok(moment - moment.rem_euclid(SECOND)),
            _ => day,
        };
        match CARRIED_DAYS.contains(&begins) {
            true => Ok(i64::from(begins) * DAY_MICROSECONDS),
            false => Err("a timestamp is outside of the years 1 to 9999".to_owned()),
        }
    })?;
    Ok(Array::of_integers(truncated))
}
