//! When purchases are made: days by season, weekday and day of the month, hours by time of day.

use dataset::calendar::Date;

use crate::cards::distributions::When;
use crate::draw::random::Draws;
use crate::draw::sampling::Choice;
use crate::table::time::{DAY, EPOCH_DAYS, HOUR};

/// How many bits tell the slots of the table of hours apart: an hour's share is exact to one in 2^12.
const HOUR_SLOTS_BITS: u32 = 12;

/// The days on which anything can be bought, and the hours. Days count from 2000-01-01.
#[derive(Debug)]
pub(crate) struct Season {
    first_day: i32,
    days: Choice,
    /// Hours of the day, each in as many slots as its weight asks for.
    hours: Vec<u8>,
}

/// The days of one card: those from its issue to "today", measured by their weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    from: u64,
    width: u64,
}

impl Season {
    /// Prepares the days `first_day..end_day`.
    pub(crate) fn new(when: &When, first_day: i32, end_day: i32) -> Self {
        let weights: Vec<f64> = (first_day..end_day)
            .map(|day| {
                let date = Date::from_days(day + EPOCH_DAYS);
                when.months[date.month as usize - 1]
                    * when.weekdays[weekday(day)]
                    * when.month_days[date.day as usize - 1]
            })
            .collect();
        let hours = Choice::new(&when.hours);
        let slots = 1_u32 << HOUR_SLOTS_BITS;
        Self {
            first_day,
            days: Choice::new(&weights),
            hours: (0..slots)
                .map(|slot| hours.at(slot << (32 - HOUR_SLOTS_BITS)) as u8)
                .collect(),
        }
    }

    /// The days from `first_day` on, which must be one of this season's.
    pub(crate) fn span(&self, first_day: i32) -> Span {
        let from = self.days.from((first_day - self.first_day) as usize);
        Span {
            from,
            width: (1 << 32) - from,
        }
    }

    /// Draws the time of the `nth` of `count` purchases, in microseconds: the span is cut into `count` pieces of
    /// equal weight, and each purchase has a day in its own.
    pub(crate) fn draw(&self, span: Span, nth: u32, count: u32, draws: &mut Draws) -> i64 {
        let place = ((u64::from(nth) << 32) | (draws.bits() >> 32)) / u64::from(count);
        let value = span.from + ((place * span.width) >> 32);
        let day = self.first_day + self.days.at(value as u32) as i32;
        let bits = draws.bits();
        let hour = self.hours[(bits >> (64 - HOUR_SLOTS_BITS)) as usize];
        let within = ((bits & 0xffff_ffff) * HOUR as u64) >> 32;
        i64::from(day) * DAY + i64::from(hour) * HOUR + within as i64
    }
}

/// The weekday of a day, 0 for Monday: 2000-01-01 was a Saturday.
fn weekday(day: i32) -> usize {
    (day + 5).rem_euclid(7) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cards::distributions::Distributions;
    use crate::draw::random::Stream;

    #[test]
    fn weekdays_are_those_of_the_calendar() {
        let day = |text: &str| text.parse::<Date>().expect("a date").days() - EPOCH_DAYS;
        // A Monday, a Sunday and a Wednesday.
        for (text, expected) in [("2024-01-01", 0), ("1999-12-26", 6), ("1969-12-31", 2)] {
            assert_eq!(weekday(day(text)), expected, "{text}");
        }
    }

    #[test]
    fn purchases_lie_in_their_own_piece_of_the_span_and_never_outside_it() {
        let season = Season::new(&Distributions::default().when, -100, 900);
        let mut draws = Draws::of(1, Stream::Movimento, 0);
        for first_day in [-100, 0, 899] {
            let mut latest_day = first_day.into();
            for nth in 0..5000 {
                let time = season.draw(season.span(first_day), nth, 5000, &mut draws);
                let day = time.div_euclid(DAY);
                assert!((latest_day..900).contains(&day), "{day}");
                latest_day = day;
            }
            assert_eq!(latest_day, 899);
        }
    }
}
