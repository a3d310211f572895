//! How many rows there are and which ids they get: a compact index over blocks of associates.
//!
//! The number of an associate's accounts, cards and movements is a pure function of the seed and the
//! associate. Ids follow the order of owners, so an id is known once all rows before it are counted; the
//! plan holds these counts for each block of associates and nothing of the rows.

use std::ops::AddAssign;

use database::Cancel;
use dataset::failure::Kind;
use serde::Serialize;

use crate::distribution::{Choice, Zeta};
use crate::random::{Draws, Stream};

/// Associates of a block: few enough that a block is done in milliseconds, so many that the index of a
/// hundred million movements has 4,000 entries.
const BLOCK_ASSOCIATES: u32 = 256;
/// The most that one call can make: ids of cards, of which an associate has 1.85 on average, are integers.
pub const MAX_ASSOCIATES: u32 = 1_000_000_000;

/// Accounts of 0, 1, 2 … of an associate, in per mille.
const ACCOUNTS: [u32; 5] = [50, 620, 240, 70, 20];
/// Cards of 0, 1, 2 … of an account, in per mille.
const CARDS: [u32; 5] = [80, 620, 210, 70, 20];
/// Cards without a movement, in per mille.
const UNUSED_CARDS: u32 = 60;
/// Movements of a used card follow a truncated zeta law: most cards have a handful, a few have
/// thousands. With this exponent the mean is 57, which makes about 100,000 movements of 1,000 associates.
const MOVEMENTS_EXPONENT: f64 = 1.55;
const MOVEMENTS_CAP: u32 = 10_000;
/// The most cards that an associate can own.
const MOST_CARDS: usize = (ACCOUNTS.len() - 1) * (CARDS.len() - 1);

/// Rows of each table; also the highest ids, since ids are dense and begin at 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Rows of `associado`.
    pub associado: u64,
    /// Rows of `conta`.
    pub conta: u64,
    /// Rows of `cartao`.
    pub cartao: u64,
    /// Rows of `movimento`.
    pub movimento: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.associado += other.associado;
        self.conta += other.conta;
        self.cartao += other.cartao;
        self.movimento += other.movimento;
    }
}

/// The laws of how many there are.
#[derive(Debug)]
pub struct Shapes {
    seed: u64,
    accounts: Choice,
    cards: Choice,
    movements: Zeta,
}

/// What one associate owns.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How many accounts.
    pub accounts: u32,
    cards: [CardShape; MOST_CARDS],
    card_count: usize,
}

/// One card of a [`Shape`].
#[derive(Debug, Clone, Copy, Default)]
pub struct CardShape {
    /// Which of the owner's accounts, from 0.
    pub account: u32,
    /// Which of the account's cards, from 0.
    pub nth: u32,
    /// How many movements.
    pub movements: u32,
}

impl Shapes {
    /// The laws with a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            accounts: Choice::new(&ACCOUNTS),
            cards: Choice::new(&CARDS),
            movements: Zeta::new(MOVEMENTS_EXPONENT, MOVEMENTS_CAP),
        }
    }

    /// What the associate with this id owns.
    pub fn of(&self, associate: u32) -> Shape {
        let mut draws = Draws::of(self.seed, Stream::Shape, associate.into());
        let mut shape = Shape {
            accounts: self.accounts.draw(&mut draws) as u32,
            cards: [CardShape::default(); MOST_CARDS],
            card_count: 0,
        };
        for account in 0..shape.accounts {
            for nth in 0..self.cards.draw(&mut draws) as u32 {
                let movements = if draws.chance(UNUSED_CARDS) {
                    0
                } else {
                    self.movements.draw(&mut draws)
                };
                shape.cards[shape.card_count] = CardShape {
                    account,
                    nth,
                    movements,
                };
                shape.card_count += 1;
            }
        }
        shape
    }
}

impl Shape {
    /// The cards, by account.
    pub fn cards(&self) -> &[CardShape] {
        &self.cards[..self.card_count]
    }

    fn counts(&self) -> Counts {
        Counts {
            associado: 1,
            conta: self.accounts.into(),
            cartao: self.card_count as u64,
            movimento: self
                .cards()
                .iter()
                .map(|card| u64::from(card.movements))
                .sum(),
        }
    }
}

/// A run of associates, with everything that they own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The highest ids before it.
    pub before: Counts,
    /// The highest ids in it.
    pub end: Counts,
}

/// How many rows there are, and where each block of them begins.
#[derive(Debug)]
pub struct Plan {
    /// The highest ids at the beginning, then at the end of each block.
    bounds: Vec<Counts>,
}

impl Plan {
    /// Plans `associates` more, after the rows that `before` counts.
    ///
    /// # Errors
    /// [`Kind::Usage`] if an id would not fit its column, [`Kind::Interrupted`].
    pub fn new(
        shapes: &Shapes,
        before: Counts,
        associates: u32,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let last = before.associado + u64::from(associates);
        let mut bounds = vec![before];
        let mut counts = before;
        while counts.associado < last {
            cancel.check()?;
            let block_end = (counts.associado + u64::from(BLOCK_ASSOCIATES)).min(last);
            let too_many = block_end.max(counts.conta).max(counts.cartao) > i32::MAX as u64;
            if too_many {
                return Err(too_large(associates));
            }
            for associate in counts.associado + 1..=block_end {
                counts += shapes.of(associate as u32).counts();
            }
            bounds.push(counts);
        }
        if counts.conta.max(counts.cartao) > i32::MAX as u64 {
            return Err(too_large(associates));
        }
        Ok(Self { bounds })
    }

    /// The highest ids when all is done.
    pub fn end(&self) -> Counts {
        self.bounds[self.bounds.len() - 1]
    }

    /// Rows of the plan itself, of the table that `of` takes from the counts.
    pub fn rows(&self, of: fn(&Counts) -> u64) -> u64 {
        of(&self.end()) - of(&self.bounds[0])
    }

    /// The plan in parts of whole blocks, each with about `rows` rows of the table that `of` takes.
    pub fn parts(&self, of: fn(&Counts) -> u64, rows: u64) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut before = self.bounds[0];
        for (index, &end) in self.bounds.iter().enumerate().skip(1) {
            if of(&end) - of(&before) >= rows || index + 1 == self.bounds.len() {
                parts.push(Part { before, end });
                before = end;
            }
        }
        parts
    }
}

fn too_large(associates: u32) -> anyhow::Error {
    Kind::Usage.error(format!(
        "{associates} associates are too many: ids are integers, which end at {}",
        i32::MAX
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(before: Counts, associates: u32) -> Plan {
        Plan::new(&Shapes::new(42), before, associates, &Cancel::default()).expect("a plan")
    }

    #[test]
    fn a_thousand_associates_have_about_a_hundred_thousand_movements() {
        let end = plan(Counts::default(), 1000).end();
        assert_eq!(end.associado, 1000);
        assert!((95_000..=105_000).contains(&end.movimento), "{end:?}");
        // Five standard deviations around the means of 1,390 accounts and 1,849 cards.
        assert!((1_270..1_510).contains(&end.conta), "{end:?}");
        assert!((1_640..2_060).contains(&end.cartao), "{end:?}");
    }

    #[test]
    fn planning_in_two_steps_ends_where_planning_at_once_does() {
        let first = plan(Counts::default(), 777).end();
        assert_eq!(plan(first, 1234).end(), plan(Counts::default(), 2011).end());
    }

    #[test]
    fn parts_follow_each_other_without_gap_or_overlap() {
        let plan = plan(Counts::default(), 3000);
        for rows in [1, 1_000, 50_000, u64::MAX] {
            let parts = plan.parts(|counts| counts.movimento, rows);
            assert_eq!(parts[0].before, Counts::default());
            assert_eq!(parts[parts.len() - 1].end, plan.end());
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].before));
        }
    }

    #[test]
    fn ids_beyond_integer_are_refused() {
        let before = Counts {
            associado: i32::MAX as u64 - 10,
            ..Counts::default()
        };
        let error =
            Plan::new(&Shapes::new(1), before, 100, &Cancel::default()).expect_err("too many");
        assert_eq!(
            dataset::failure::Failure::kind_of(&error),
            Some(Kind::Usage)
        );
        assert!(error.to_string().contains("2147483647"), "{error}");
    }
}
