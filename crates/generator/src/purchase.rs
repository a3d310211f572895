//! What was bought, where and for how much: the description and the amount of a movement.

use crate::distribution::{Choice, log_normal_quantiles, normal_quantiles};
use crate::laws::Laws;
use crate::names::{Name, Names, push_number};
use crate::places::{CITIES, Ending, KINDS, Line, SUBSCRIPTIONS};
use crate::random::{Draws, Share};

/// Share of purchases away from home.
const AWAY: Share = Share::new(0.12);
/// Share of purchases in instalments, where they can be.
const IN_INSTALMENTS: Share = Share::new(0.4);

/// The laws that purchases are drawn from.
#[derive(Debug)]
pub struct Purchases {
    kinds: Choice,
    cities: Choice,
    /// Quantiles of the amounts of each kind, in cents.
    amounts: Vec<Vec<u32>>,
}

/// One purchase; its text is only made when it is written.
#[derive(Debug, Clone, Copy)]
pub struct Purchase<'a> {
    /// What was paid, in cents, above zero.
    pub cents: u32,
    merchant: &'static str,
    line: Line,
    city: u8,
    branch: u16,
    /// Which of how many instalments.
    instalment: Option<(u8, u8)>,
    recipient: Option<Name<'a>>,
}

impl Purchases {
    /// The laws of spending among `laws`.
    pub fn new(laws: &Laws) -> Self {
        let normal = normal_quantiles();
        let spending = KINDS.iter().map(|kind| laws.spending[kind.name]);
        let shares: Vec<_> = spending.clone().map(|law| law.share).collect();
        let inhabitants: Vec<_> = CITIES.iter().map(|city| f64::from(city.weight)).collect();
        Self {
            kinds: Choice::new(&shares),
            cities: Choice::new(&inhabitants),
            amounts: spending
                .map(|law| log_normal_quantiles(&normal, 100.0 * law.median, law.sigma))
                .collect(),
        }
    }

    /// The city somebody lives in, for [`draw`](Self::draw).
    pub fn draw_home(&self, draws: &mut Draws) -> u8 {
        self.cities.draw(draws) as u8
    }

    /// A purchase of somebody who lives in the city `home` and buys there most of the time.
    pub fn draw<'a>(&self, names: &'a Names, home: u8, draws: &mut Draws) -> Purchase<'a> {
        let index = self.kinds.draw(draws);
        let kind = &KINDS[index];
        let mut purchase = Purchase {
            merchant: draws.pick::<&'static str>(kind.merchants),
            cents: self.draw_amount(index, draws),
            line: kind.line,
            city: home,
            branch: 0,
            instalment: None,
            recipient: None,
        };
        match kind.line {
            Line::Local | Line::Branch => {
                if draws.chance(AWAY) {
                    purchase.city = self.draw_home(draws);
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

impl Purchase<'_> {
    /// What takes the place of a purchase where there is none.
    pub(crate) const NOTHING: Self = Self {
        cents: 0,
        merchant: "",
        line: Line::Anywhere,
        city: 0,
        branch: 0,
        instalment: None,
        recipient: None,
    };

    /// What one subscription costs every time.
    pub fn subscription(draws: &mut Draws) -> Self {
        let &(merchant, prices) = draws.pick(SUBSCRIPTIONS);
        Self {
            cents: *draws.pick(prices),
            merchant,
            ..Self::NOTHING
        }
    }

    /// Writes the line of the statement, in ASCII capitals and well below 255 characters.
    pub fn write_description(&self, out: &mut String) {
        if let Some((number, count)) = self.instalment {
            out.push_str("PARC ");
            push_number(number.into(), 2, out);
            out.push('/');
            push_number(count.into(), 2, out);
            out.push(' ');
        }
        out.push_str(self.merchant);
        match self.line {
            Line::Local => out.push_str("  "),
            Line::Branch => {
                out.push(' ');
                push_number(self.branch.into(), 4, out);
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
    use crate::random::Stream;

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
        let (names, purchases) = (Names::default(), Purchases::new(&Laws::default()));
        let home = CITIES
            .iter()
            .position(|city| city.name == "CURITIBA")
            .expect("in the table") as u8;
        let mut lines = Vec::new();
        for index in 0..20_000 {
            let mut draws = Draws::of(42, Stream::Movimento, index);
            let purchase = purchases.draw(&names, home, &mut draws);
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
        assert!(share(&|line| line == "UBER *TRIP") > 300);
        assert!(share(&|line| line.starts_with("POSTO IPIRANGA 0")) > 200);
    }
}
