//! What was bought, where and for how much: the description and the amount of a movement.

use dataset::calendar::Date;
use values::text;

use crate::cards::distributions::Distributions;
use crate::cards::names::{Name, Names};
use crate::cards::places::CITIES;
use crate::cards::spending::{Ending, FOUNDED, KINDS, Line, SUBSCRIPTIONS};
use crate::draw::random::{Draws, Share, mix};
use crate::draw::sampling::{Choice, log_normal_quantiles, normal_quantiles};
use crate::table::time::{DAY, EPOCH_DAYS, WEEK};

/// Share of weeks that somebody is away from home.
const AWAY: Share = Share::new(0.08);
/// Share of purchases that are paid in instalments, where they can be.
const IN_INSTALMENTS: Share = Share::new(0.4);

/// The distributions that purchases are drawn from.
#[derive(Debug)]
pub struct Purchases {
    kinds: Choice,
    cities: Choice,
    /// Quantiles of the amounts of each kind, in cents.
    amounts: Vec<Vec<u32>>,
    /// For each kind, the times since when its merchants have existed.
    since: Vec<Vec<i64>>,
}

/// Who buys, and when.
#[derive(Debug, Clone, Copy)]
pub struct Buyer {
    /// The city where the buyer lives, as [`Purchases::draw_home`] gives it.
    pub home: u8,
    /// The buyer's number, which decides where they travel.
    pub key: u64,
    /// The time of the purchase, in microseconds since 2000-01-01.
    pub time: i64,
}

/// One purchase; its text is only made when it is written.
#[derive(Debug, Clone, Copy)]
pub struct Purchase<'a> {
    /// What was paid, in cents, above zero.
    pub cents: u32,
    /// Whether the purchase can be given back.
    pub(crate) reversible: bool,
    merchant: &'static str,
    line: Line,
    city: u8,
    branch: u16,
    /// The number of the instalment, and how many there are.
    instalment: Option<(u8, u8)>,
    recipient: Option<Name<'a>>,
}

impl Purchases {
    /// Prepares the purchases that `distributions` ask for.
    pub fn new(distributions: &Distributions) -> Self {
        let normal = normal_quantiles();
        let spending = KINDS.iter().map(|kind| distributions.spending[kind.name]);
        let shares: Vec<_> = spending.clone().map(|kind| kind.share).collect();
        let inhabitants: Vec<_> = CITIES.iter().map(|city| f64::from(city.weight)).collect();
        Self {
            kinds: Choice::new(&shares),
            cities: Choice::new(&inhabitants),
            amounts: spending
                .map(|kind| log_normal_quantiles(&normal, 100.0 * kind.median, kind.sigma))
                .collect(),
            since: KINDS
                .iter()
                .map(|kind| kind.merchants.iter().map(|name| founded(name)).collect())
                .collect(),
        }
    }

    /// Draws the city that somebody lives in, for [`draw`](Self::draw).
    pub fn draw_home(&self, draws: &mut Draws) -> u8 {
        self.cities.draw(draws) as u8
    }

    /// Draws a purchase of somebody who is at home most weeks, and in another city in the others.
    pub fn draw<'a>(&self, names: &'a Names, buyer: Buyer, draws: &mut Draws) -> Purchase<'a> {
        let index = self.kinds.draw(draws);
        let kind = &KINDS[index];
        let merchant = draws.below(kind.merchants.len() as u32) as usize;
        let merchant = if self.since[index][merchant] <= buyer.time {
            merchant
        } else {
            0
        };
        let mut purchase = Purchase {
            merchant: kind.merchants[merchant],
            cents: self.draw_amount(index, draws),
            reversible: kind.is_reversible(),
            line: kind.line,
            city: buyer.home,
            branch: 0,
            instalment: None,
            recipient: None,
        };
        match kind.line {
            Line::Local | Line::Branch => {
                let week = buyer.time.div_euclid(WEEK) as u64;
                let trip = mix(buyer.key ^ mix(week));
                if AWAY.has(trip) {
                    purchase.city = self.cities.at(trip as u32) as u8;
                }
                purchase.branch = 1 + draws.below(400) as u16;
            }
            Line::Instalments if draws.chance(IN_INSTALMENTS) => {
                let count = *draws.pick(&[2, 3, 4, 5, 6, 10, 12]);
                purchase.instalment = Some((1 + draws.below(u32::from(count)) as u8, count));
            }
            Line::Person => purchase.recipient = Some(names.draw(draws)),
            Line::Instalments | Line::Anywhere => {}
        }
        purchase
    }

    fn draw_amount(&self, kind: usize, draws: &mut Draws) -> u32 {
        let cents = draws.between(&self.amounts[kind]);
        match KINDS[kind].ending {
            Ending::Any => cents,
            Ending::Tag => match draws.below(10) {
                0..4 => cents - cents % 100 + 90,
                4..6 => cents - cents % 100 + 99,
                _ => cents,
            },
            Ending::Round(step, share) if draws.chance(share) => cents.div_ceil(step) * step,
            Ending::Round(..) => cents,
        }
    }
}

/// The time since when a merchant has existed, in microseconds since 2000-01-01.
fn founded(merchant: &str) -> i64 {
    FOUNDED
        .iter()
        .find(|(name, _)| *name == merchant)
        .map_or(i64::MIN, |&(_, year)| {
            let date = Date {
                year,
                month: 1,
                day: 1,
            };
            i64::from(date.days() - EPOCH_DAYS) * DAY
        })
}

impl Purchase<'_> {
    /// A placeholder for a purchase where there is none.
    pub(crate) const NOTHING: Self = Self {
        cents: 0,
        reversible: false,
        merchant: "",
        line: Line::Anywhere,
        city: 0,
        branch: 0,
        instalment: None,
        recipient: None,
    };

    /// Draws the charge of a subscription that begins at `time`. `taken` has a bit for each merchant that the card
    /// already has a subscription with; the bit of the drawn merchant is set.
    pub fn subscription(taken: &mut u32, time: i64, draws: &mut Draws) -> Self {
        let count = SUBSCRIPTIONS.len() as u32;
        let first = draws.below(count);
        let is_free = |index: &u32| {
            *taken >> index & 1 == 0 && founded(SUBSCRIPTIONS[*index as usize].0) <= time
        };
        let index = (first..first + count)
            .map(|index| index % count)
            .find(is_free)
            .unwrap_or(0);
        *taken |= 1 << index;
        let (merchant, prices) = SUBSCRIPTIONS[index as usize];
        Self {
            cents: *draws.pick(prices),
            merchant,
            ..Self::NOTHING
        }
    }

    /// Writes the line of the statement: ASCII capitals, well below 255 characters.
    pub fn write_description(&self, out: &mut String) {
        if let Some((number, count)) = self.instalment {
            out.push_str("PARC ");
            text::padded(number.into(), 2, out);
            out.push('/');
            text::padded(count.into(), 2, out);
            out.push(' ');
        }
        out.push_str(self.merchant);
        match self.line {
            Line::Local => out.push_str("  "),
            Line::Branch => {
                out.push(' ');
                text::padded(self.branch.into(), 4, out);
                out.push(' ');
            }
            Line::Person => out.push(' '),
            Line::Anywhere | Line::Instalments => {}
        }
        if let Some(recipient) = self.recipient {
            recipient.write_short(out);
        }
        if matches!(self.line, Line::Local | Line::Branch) {
            let city = &CITIES[usize::from(self.city)];
            out.push_str(city.name);
            out.push(' ');
            out.push_str(city.state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::random::Stream;

    #[test]
    fn tables_make_sense() {
        assert!(CITIES.len() <= usize::from(u8::MAX));
        for (index, city) in CITIES.iter().enumerate() {
            assert!(
                city.name
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c == ' '),
                "{}",
                city.name
            );
            assert!(
                CITIES[..index]
                    .iter()
                    .all(|other| (other.name, other.state) != (city.name, city.state))
            );
        }
        let states: std::collections::HashSet<_> = CITIES.iter().map(|city| city.state).collect();
        assert_eq!(states.len(), 27, "every state and the federal district");
        let sold = KINDS.iter().flat_map(|kind| kind.merchants);
        let subscribed = SUBSCRIPTIONS.iter().map(|(merchant, _)| merchant);
        for merchant in sold.chain(subscribed) {
            assert!(merchant.is_ascii() && merchant.to_uppercase() == **merchant);
        }
    }

    #[test]
    fn descriptions_look_like_a_statement() {
        let (names, purchases) = (Names::default(), Purchases::new(&Distributions::default()));
        let home = CITIES
            .iter()
            .position(|city| city.name == "CURITIBA")
            .expect("in the table") as u8;
        let mut lines = Vec::new();
        for index in 0..20_000 {
            let mut draws = Draws::of(42, Stream::Movimento, index);
            let buyer = Buyer {
                home,
                key: index,
                time: 800_000_000_000_000,
            };
            let purchase = purchases.draw(&names, buyer, &mut draws);
            assert!((1..10_000_000_000_u64).contains(&purchase.cents.into()));
            let mut line = String::new();
            purchase.write_description(&mut line);
            assert!(
                line.is_ascii() && line.len() <= 100 && line.trim() == line,
                "{line}"
            );
            assert_eq!(line.to_uppercase(), line);
            lines.push(line);
        }
        let share = |test: &dyn Fn(&str) -> bool| lines.iter().filter(|line| test(line)).count();
        assert!(share(&|line| line.ends_with(" CURITIBA PR")) > 8_000);
        assert!(share(&|line| line.starts_with("PIX ENVIADO ")) > 800);
        assert!(share(&|line| line.starts_with("PARC ")) > 400);
        assert!(share(&|line| line == "UBER *TRIP") > 200);
        assert!(share(&|line| line.starts_with("POSTO IPIRANGA 0")) > 200);
    }
}
