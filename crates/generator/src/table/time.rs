//! Units of time. As in Postgres, rows count microseconds and days from 2000-01-01.

use dataset::calendar::DAY_MICROSECONDS;
/// Days from 1970-01-01, where calendar dates are counted from, to 2000-01-01.
pub(crate) use dataset::calendar::POSTGRES_EPOCH_DAYS as EPOCH_DAYS;

/// A second in microseconds.
pub(crate) const SECOND: i64 = 1_000_000;
/// An hour in microseconds.
pub(crate) const HOUR: i64 = 3_600 * SECOND;
/// A day in microseconds.
pub(crate) const DAY: i64 = DAY_MICROSECONDS;
/// A week in microseconds.
pub(crate) const WEEK: i64 = 7 * DAY;
