//! Makes dates and times.

use super::kinds::{Kind, Wanted};
use super::scope::{Generator, Scope, Typed};

impl Generator<'_> {
    pub(super) fn moment(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        match wanted {
            Wanted::Date => self.date(scope, depth),
            Wanted::Timestamp => self.timestamp(scope, depth),
            Wanted::TimestampTz => self.timestamptz(scope, depth),
            _ => match self.choices.chance(30) {
                true => {
                    let timestamp = self.scalar(Wanted::Timestamp, scope, depth);
                    Typed::closed(format!("{}::time", timestamp.operand()), Kind::Time)
                }
                false => self.leaf(wanted, scope),
            },
        }
    }

    /// Makes a constant interval, as a literal or a sum of several.
    fn interval(&mut self) -> String {
        let literals = [
            "INTERVAL '1 month'",
            "INTERVAL '3' MONTH",
            "INTERVAL '1' YEAR",
            "INTERVAL '90' DAY",
            "INTERVAL '1 year 2 months 3 days 04:05:06.5'",
            "'1 day'::interval",
            "CAST('-1 month' AS interval)",
            "INTERVAL '36 hours'",
            "INTERVAL '2 weeks'",
            "INTERVAL '0.000001 seconds'",
            "INTERVAL '-13 months'",
        ];
        match self.choices.weighted(&[80, 8, 6, 6]) {
            0 => self.choices.one_of(&literals).to_owned(),
            1 => format!("2 * {}", self.choices.one_of(&literals)),
            2 => format!("({} - INTERVAL '1 day')", self.choices.one_of(&literals)),
            _ => format!("-{}", self.choices.one_of(&literals)),
        }
    }

    /// Makes a date or timestamp plus or minus an interval: a timestamp, with a time zone if the first has one.
    fn moved(&mut self, from: Wanted, scope: &Scope, depth: usize) -> String {
        let moment = self.scalar(from, scope, depth).operand();
        let interval = self.interval();
        match self.choices.weighted(&[45, 40, 15]) {
            0 => format!("{moment} + {interval}"),
            1 => format!("{moment} - {interval}"),
            _ => format!("{interval} + {moment}"),
        }
    }

    fn date(&mut self, scope: &Scope, depth: usize) -> Typed {
        match self.choices.weighted(&[50, 30, 15, 5]) {
            0 => {
                let date = self.scalar(Wanted::Date, scope, depth);
                let days = match self.choices.chance(50) {
                    true => self.choices.one_of(&["1", "30", "365", "7"]).to_owned(),
                    false => self
                        .scalar(
                            Wanted::Small,
                            &scope.clone().without_extremes(),
                            depth.min(1),
                        )
                        .operand(),
                };
                match self.choices.weighted(&[50, 40, 10]) {
                    0 => Typed::open(format!("{} + {days}", date.operand()), Kind::Date),
                    1 => Typed::open(format!("{} - {days}", date.operand()), Kind::Date),
                    _ => Typed::open(format!("{days} + {}", date.operand()), Kind::Date),
                }
            }
            1 => {
                let timestamp = self.scalar(Wanted::Timestamp, scope, depth);
                match self.choices.chance(50) {
                    true => Typed::closed(format!("{}::date", timestamp.operand()), Kind::Date),
                    false => Typed::closed(format!("CAST({} AS DATE)", timestamp.sql), Kind::Date),
                }
            }
            2 => {
                let timestamp = self.scalar(Wanted::Timestamp, scope, depth);
                let unit = self.unit();
                Typed::closed(
                    format!("date_trunc('{unit}', {})::date", timestamp.sql),
                    Kind::Date,
                )
            }
            _ => {
                let timestamp = self.scalar(Wanted::TimestampTz, scope, depth);
                Typed::closed(format!("{}::date", timestamp.operand()), Kind::Date)
            }
        }
    }

    fn timestamp(&mut self, scope: &Scope, depth: usize) -> Typed {
        if self.choices.chance(30) {
            let from = self.choices.one_of(&[Wanted::Date, Wanted::Timestamp]);
            return Typed::open(self.moved(from, scope, depth), Kind::Timestamp);
        }
        match self.choices.weighted(&[50, 30, 10, 5, 5]) {
            0 => {
                let timestamp = self.scalar(Wanted::Timestamp, scope, depth);
                let unit = self.unit();
                Typed::closed(
                    format!("date_trunc('{unit}', {})", timestamp.sql),
                    Kind::Timestamp,
                )
            }
            1 => {
                let date = self.scalar(Wanted::Date, scope, depth);
                match self.choices.chance(50) {
                    true => {
                        Typed::closed(format!("{}::timestamp", date.operand()), Kind::Timestamp)
                    }
                    false => {
                        Typed::closed(format!("CAST({} AS timestamp)", date.sql), Kind::Timestamp)
                    }
                }
            }
            2 => {
                let timestamp = self.scalar(Wanted::Timestamp, scope, depth);
                let precision = self.choices.one_of(&["0", "3", "6"]);
                Typed::closed(
                    format!("{}::timestamp({precision})", timestamp.operand()),
                    Kind::Timestamp,
                )
            }
            3 => {
                let (date, time) = (
                    self.scalar(Wanted::Date, scope, depth),
                    self.leaf(Wanted::Time, scope),
                );
                Typed::open(
                    format!("{} + {}", date.operand(), time.operand()),
                    Kind::Timestamp,
                )
            }
            _ => {
                let moment = self.scalar(Wanted::TimestampTz, scope, depth);
                Typed::closed(
                    format!("({} AT TIME ZONE 'UTC')", moment.operand()),
                    Kind::Timestamp,
                )
            }
        }
    }

    fn timestamptz(&mut self, scope: &Scope, depth: usize) -> Typed {
        if self.choices.chance(30) {
            return Typed::open(
                self.moved(Wanted::TimestampTz, scope, depth),
                Kind::TimestampTz,
            );
        }
        let unit = self.unit();
        match self.choices.weighted(&[50, 20, 30]) {
            0 => {
                let moment = self.scalar(Wanted::TimestampTz, scope, depth);
                Typed::closed(
                    format!("date_trunc('{unit}', {})", moment.sql),
                    Kind::TimestampTz,
                )
            }
            // A date is taken as midnight in the session's time zone.
            1 => {
                let date = self.scalar(Wanted::Date, scope, depth);
                Typed::closed(
                    format!("date_trunc('{unit}', {})", date.sql),
                    Kind::TimestampTz,
                )
            }
            _ => {
                let timestamp = self.scalar(Wanted::Timestamp, scope, depth);
                Typed::closed(
                    format!("{}::timestamptz", timestamp.operand()),
                    Kind::TimestampTz,
                )
            }
        }
    }

    fn unit(&mut self) -> &'static str {
        self.choices.one_of(&[
            "month", "year", "day", "quarter", "week", "hour", "minute", "second",
        ])
    }
}
