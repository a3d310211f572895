//! What was bought, where and for how much: the description and the amount of a movement.

use crate::distribution::{Choice, log_normal_quantiles, normal_quantiles};
use crate::names::{Name, Names, push_number};
use crate::places::{CITIES, Ending, KINDS, Line};
use crate::random::Draws;

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
    kind: u8,
    merchant: u8,
    city: u8,
    branch: u16,
    /// Which of how many instalments.
    instalment: Option<(u8, u8)>,
    recipient: Option<Name<'a>>,
}

impl Default for Purchases {
    fn default() -> Self {
        let normal = normal_quantiles();
        let weights: Vec<_> = KINDS.iter().map(|kind| kind.weight).collect();
        let inhabitants: Vec<_> = CITIES.iter().map(|city| city.weight).collect();
        Self {
            kinds: Choice::new(&weights),
            cities: Choice::new(&inhabitants),
            amounts: KINDS
                .iter()
                .map(|kind| log_normal_quantiles(&normal, kind.median, kind.sigma))
                .collect(),
        }
    }
}

impl Purchases {
    /// The city somebody lives in, for [`draw`](Self::draw).
    pub fn draw_home(&self, draws: &mut Draws) -> u8 {
        self.cities.draw(draws) as u8
    }

    /// A purchase of somebody who lives in the city `home` and buys there most of the time.
    pub fn draw<'a>(&self, names: &'a Names, home: u8, draws: &mut Draws) -> Purchase<'a> {
        let index = self.kinds.draw(draws);
        let kind = &KINDS[index];
        let merchant = draws.below(kind.merchants.len() as u32) as u8;
        let mut purchase = Purchase {
            cents: self.draw_amount(index, draws),
            kind: index as u8,
            merchant,
            city: home,
            branch: 0,
            instalment: None,
            recipient: None,
        };
        match kind.line {
            Line::Local | Line::Branch => {
                if draws.chance(120) {
                    purchase.city = self.draw_home(draws);
                }
                purchase.branch = 1 + draws.below(400) as u16;
            }
            Line::Instalments if draws.chance(400) => {
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
            Ending::Listed(prices) => *draws.pick(prices),
        }
    }
}

impl Purchase<'_> {
    /// Writes the line of the statement, in ASCII capitals and well below 255 characters.
    pub fn write_description(&self, out: &mut String) {
        let kind = &KINDS[usize::from(self.kind)];
        if let Some((number, count)) = self.instalment {
            out.push_str("PARC ");
            push_number(number.into(), 2, out);
            out.push('/');
            push_number(count.into(), 2, out);
            out.push(' ');
        }
        out.push_str(kind.merchants[usize::from(self.merchant)]);
        match kind.line {
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
        if matches!(kind.line, Line::Local | Line::Branch) {
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
        assert_eq!(KINDS.iter().map(|kind| kind.weight).sum::<u32>(), 1000);
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
        for kind in KINDS {
            assert!(
                kind.merchants
                    .iter()
                    .all(|name| name.is_ascii() && name.to_uppercase() == **name)
            );
        }
    }

    #[test]
    fn descriptions_look_like_a_statement() {
        let (names, purchases) = (Names::default(), Purchases::default());
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
        assert!(share(&|line| line == "NETFLIX.COM") > 50);
        assert!(share(&|line| line.starts_with("POSTO IPIRANGA 0")) > 200);
    }
}
