//! Writes dates, times and timestamps as texts: as a cast does if `DateStyle` is ISO, as in all our sessions, and as TO_CHAR does.

use dataset::calendar::{DAY_MICROSECONDS, Date};

use super::super::array::Array;
use super::arguments::{Arguments, Result, unary};
use crate::model::format::{Part, parts};
use crate::model::types::Type;

/// Casts values of a type to text.
pub(super) fn cast(arguments: &Arguments<'_>, from: &Type) -> Result<Array> {
    let texts = match from {
        Type::Date => unary(arguments.dates(0)?, |day| {
            Ok(Date::from_days(day).to_string())
        })?,
        Type::Time => unary(arguments.integers(0)?, |time| Ok(clock(time)))?,
        _ => unary(arguments.integers(0)?, |moment| {
            let (day, time) = apart(moment);
            let zone = if *from == Type::TimestampTz {
                "+00"
            } else {
                ""
            };
            Ok(format!("{} {}{zone}", Date::from_days(day), clock(time)))
        })?,
    };
    Ok(Array::of_texts(texts))
}

/// Writes `HH:MM:SS`, with a point and the digits after it unless they are zero.
fn clock(time: i64) -> String {
    let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let whole = format!("{hours:02}:{minutes:02}:{seconds:02}");
    match micros {
        0 => whole,
        micros => format!("{whole}.{micros:06}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

fn apart(moment: i64) -> (i32, i64) {
    let day = moment.div_euclid(DAY_MICROSECONDS) as i32;
    (day, moment.rem_euclid(DAY_MICROSECONDS))
}

/// TO_CHAR of timestamps. All of them have the same pattern.
pub(super) fn to_char(arguments: &Arguments<'_>) -> Result<Array> {
    let pattern = arguments.texts(1)?.next().flatten().unwrap_or_default();
    let parts = parts(pattern).ok_or("a pattern of TO_CHAR is not on the list")?;
    let texts = unary(arguments.integers(0)?, |moment| {
        let (day, time) = apart(moment);
        let (date, seconds) = (Date::from_days(day), time / 1_000_000);
        let mut text = String::new();
        for part in &parts {
            match part {
                Part::Year => text += &format!("{:04}", date.year),
                Part::Month => text += &format!("{:02}", date.month),
                Part::Day => text += &format!("{:02}", date.day),
                Part::Hour => text += &format!("{:02}", seconds / 3600),
                Part::Minute => text += &format!("{:02}", seconds / 60 % 60),
                Part::Second => text += &format!("{:02}", seconds % 60),
                Part::Text(own) => text += own,
            }
        }
        Ok(text)
    })?;
    Ok(Array::of_texts(texts))
}
