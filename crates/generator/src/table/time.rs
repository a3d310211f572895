//! Units of time: rows have their times in microseconds, and their days, from 2000-01-01, as Postgres has them.

use dataset::calendar::DAY_MICROSECONDS;
/// Days from 1970-01-01, where calendar dates are counted from, to 2000-01-01.
pub(crate) use dataset::calendar::POSTGRES_EPOCH_DAYS as EPOCH_DAYS;

/// A second.
pub(crate) const SECOND: i64 = 1_000_000;
/// An hour.
pub(crate) const HOUR: i64 = 3_600 * SECOND;
/// A day.
pub(crate) const DAY: i64 = DAY_MICROSECONDS;
/// A week.
pub(crate) const WEEK: i64 = 7 * DAY;
