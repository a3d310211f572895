//! How many rows there are and which ids they get: a compact index over blocks of associates.
//!
//! The number of an associate's accounts, cards and movements is a pure function of the seed and the
//! associate ([`Shapes`]). Ids are dense and follow the order of owners, so an id is known once all rows before it are
//! counted. Planning counts them once, associate by associate, which costs far less than making the rows, and keeps the
//! counts at the end of each block of associates: 32 bytes for some 25,000 movements. With these bounds, any run of blocks
//! can be made by itself, with the ids that it has among all rows. Associates who are added later come after the last bound
//! and change nothing before it.
//!
//! The busiest client is found along the way. Cards have holders near their owners, so a window of counts
//! (`Clients`) is enough, however many clients there are.

use database::Cancel;
use dataset::failure::Kind;
use tracing::field;

use crate::cards::distributions::{Distributions, MOST_PER_PARENT};
use crate::cards::tables::{Counts, Table};
use crate::draw::random::{Draws, Share, Stream};
use crate::draw::sampling::{Choice, Zeta};
use crate::table::BusiestClient;
use crate::table::layout::Part;

/// How many associates a block has: so few that a block is done in milliseconds, so many that the index of a
/// hundred million movements has only 4,000 entries.
const BLOCK_ASSOCIATES: u32 = 256;
/// Associates between two reports of progress.
const PROGRESS_ASSOCIATES: u64 = 65_536;
/// The most associates that one call can make: ids of cards are integers, and an associate has 1.85 cards on average.
pub const MAX_ASSOCIATES: u32 = 1_000_000_000;
/// The most cards that an associate can own.
const MOST_CARDS: usize = MOST_PER_PARENT * MOST_PER_PARENT;
/// The holder of an additional card is at most this many associates before the owner, and never after, so that associates who
/// are added later change nothing.
const HOLDER_DISTANCE: u32 = 1_000;

/// How many accounts, cards and movements each associate has.
#[derive(Debug)]
pub struct Shapes {
    seed: u64,
    accounts: Choice,
    cards: Choice,
    unused: Share,
    movements: Zeta,
    additional: Share,
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
    pub account: u8,
    /// Which of the account's cards, from 0.
    pub nth: u8,
    /// How many movements.
    pub movements: u32,
}

impl Shapes {
    /// The shapes that a seed and distributions give.
    pub fn new(seed: u64, distributions: &Distributions) -> Self {
        let zeta = distributions.movements_per_card;
        Self {
            seed,
            accounts: Choice::new(&distributions.accounts_per_associate),
            cards: Choice::new(&distributions.cards_per_account),
            unused: Share::new(distributions.unused_cards),
            movements: Zeta::new(zeta.exponent, zeta.cap),
            additional: Share::new(distributions.additional_holders),
        }
    }

    /// Draws the holder of a card of `owner`. This takes the first of the card's own `draws`.
    pub fn holder(&self, owner: u32, draws: &mut Draws) -> u32 {
        let additional = draws.chance(self.additional);
        let nearby = HOLDER_DISTANCE.min(owner - 1);
        if additional && nearby > 0 {
            owner - 1 - draws.below(nearby)
        } else {
            owner
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
        for account in 0..shape.accounts as u8 {
            for nth in 0..self.cards.draw(&mut draws) as u8 {
                let movements = if draws.chance(self.unused) {
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
    /// The cards that the associate owns, by account.
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

/// Associates whose ids follow each other, with everything that they own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Associates {
    /// The highest ids before the first of these associates.
    pub before: Counts,
    /// The highest ids up to the last of these associates.
    pub end: Counts,
}

/// How many rows there are, and where each block of them begins.
#[derive(Debug)]
pub struct Plan {
    /// The highest ids at the beginning, then at the end of each block.
    bounds: Vec<Counts>,
    busiest: Option<BusiestClient>,
}

impl Plan {
    /// Plans this many `associates` more, after the rows that `before` counts.
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
        let rows_total = u64::from(associates);
        let span =
            tracing::info_span!("plan", table = "associado", rows_total, rows = field::Empty);
        let mut bounds = Vec::with_capacity(associates.div_ceil(BLOCK_ASSOCIATES) as usize + 1);
        bounds.push(before);
        let mut counts = before;
        let mut clients = Clients::default();
        while counts.associado < last {
            cancel.check()?;
            let block_end = (counts.associado + u64::from(BLOCK_ASSOCIATES)).min(last);
            let too_many = block_end.max(counts.conta).max(counts.cartao) > i32::MAX as u64;
            if too_many {
                return Err(too_large(associates));
            }
            for associate in counts.associado as u32 + 1..=block_end as u32 {
                let shape = shapes.of(associate);
                clients.add(shapes, associate, counts.cartao, &shape);
                counts += shape.counts();
            }
            bounds.push(counts);
            if counts.associado.is_multiple_of(PROGRESS_ASSOCIATES) {
                span.record("rows", counts.associado - before.associado);
            }
        }
        if counts.conta.max(counts.cartao) > i32::MAX as u64 {
            return Err(too_large(associates));
        }
        let busiest = clients.busiest(counts.movimento - before.movimento);
        Ok(Self { bounds, busiest })
    }

    /// The client with the most movements, if there are movements.
    pub fn busiest(&self) -> Option<BusiestClient> {
        self.busiest
    }

    /// The highest ids once all rows are made.
    pub fn end(&self) -> Counts {
        self.bounds[self.bounds.len() - 1]
    }

    /// How many rows of a table the plan has, without those before it.
    pub fn rows(&self, table: Table) -> u64 {
        table.of(&self.end()) - table.of(&self.bounds[0])
    }

    /// Cuts a table into parts of whole blocks, each with about `rows` rows.
    pub fn parts(&self, table: Table, rows: u64) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut start = 0;
        for (index, end) in self.bounds.iter().enumerate().skip(1) {
            let gathered = table.of(end) - table.of(&self.bounds[start]);
            if gathered >= rows || index + 1 == self.bounds.len() {
                parts.push(start..index);
                start = index;
            }
        }
        parts
    }

    /// The associates of a part.
    pub fn associates(&self, part: &Part) -> Associates {
        Associates {
            before: self.bounds[part.start],
            end: self.bounds[part.end],
        }
    }
}

#[cfg(test)]
impl Plan {
    /// Plans `associates` from the first one on.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new).
    pub(crate) fn fresh(shapes: &Shapes, associates: u32, cancel: &Cancel) -> anyhow::Result<Self> {
        Self::new(shapes, Counts::default(), associates, cancel)
    }

    /// All associates of the plan.
    pub(crate) fn all(&self) -> Associates {
        self.associates(&(0..self.bounds.len() - 1))
    }
}

/// Counts movements by client. A client's cards belong to accounts of the next [`HOLDER_DISTANCE`] owners at the
/// latest, so only that many counts are open at a time.
#[derive(Default)]
struct Clients {
    /// Counts of clients: the count of client `id` is at `id` modulo the length.
    open: Vec<u64>,
    busiest: Option<(u32, u64)>,
}

impl Clients {
    /// Adds the movements of the cards of `owner`, whose ids follow `last_card`. Owners must come in order.
    fn add(&mut self, shapes: &Shapes, owner: u32, last_card: u64, shape: &Shape) {
        const OPEN: usize = HOLDER_DISTANCE as usize + 1;
        self.open.resize(OPEN, 0);
        // A client further back than that distance gets no more movements, so the owner takes that client's place.
        self.open[owner as usize % OPEN] = 0;
        for (index, card) in (1..).zip(shape.cards()) {
            let mut draws = Draws::of(shapes.seed, Stream::Cartao, last_card + index);
            let holder = shapes.holder(owner, &mut draws);
            let count = &mut self.open[holder as usize % OPEN];
            *count += u64::from(card.movements);
            if *count > self.busiest.map_or(0, |(_, most)| most) {
                self.busiest = Some((holder, *count));
            }
        }
    }

    fn busiest(&self, all: u64) -> Option<BusiestClient> {
        self.busiest.map(|(id, movements)| BusiestClient {
            id,
            movements,
            share: movements as f64 / all as f64,
        })
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
        Plan::new(
            &Shapes::new(42, &Distributions::default()),
            before,
            associates,
            &Cancel::default(),
        )
        .expect("a plan")
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
    fn the_busiest_of_many_clients_is_found_over_the_whole_window() {
        // More owners than a window is wide, so that places are taken again.
        let (shapes, plan) = (
            Shapes::new(42, &Distributions::default()),
            plan(Counts::default(), 5_000),
        );
        let mut by_client = vec![0_u64; 5_001];
        let mut card_id = 0;
        for owner in 1..=5_000 {
            for card in shapes.of(owner).cards() {
                card_id += 1;
                let mut draws = Draws::of(42, Stream::Cartao, card_id);
                by_client[shapes.holder(owner, &mut draws) as usize] += u64::from(card.movements);
            }
        }
        let busiest = plan.busiest().expect("movements");
        assert_eq!(by_client.iter().max(), Some(&busiest.movements));
        assert_eq!(by_client[busiest.id as usize], busiest.movements);
        let all = plan.rows(Table::Movimento) as f64;
        assert_eq!(busiest.share, busiest.movements as f64 / all);
    }

    #[test]
    fn parts_follow_each_other_without_gap_or_overlap() {
        let plan = plan(Counts::default(), 3000);
        for rows in [1, 1_000, 50_000, u64::MAX] {
            let parts = plan.parts(Table::Movimento, rows);
            let parts: Vec<_> = parts.iter().map(|part| plan.associates(part)).collect();
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
        let error = Plan::new(
            &Shapes::new(1, &Distributions::default()),
            before,
            100,
            &Cancel::default(),
        )
        .expect_err("too many");
        assert_eq!(
            dataset::failure::Failure::kind_of(&error),
            Some(Kind::Usage)
        );
        assert!(error.to_string().contains("2147483647"), "{error}");
    }
}
