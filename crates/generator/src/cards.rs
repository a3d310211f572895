//! The dataset *cards*: one iterator of rows for each table, over any part of a plan.

use crate::card_number::CardNumbers;
use crate::distribution::Choice;
use crate::names::Names;
use crate::plan::{CardShape, Counts, Part, Shapes};
use crate::purchase::Purchases;
use crate::random::{Draws, Stream};
use crate::rows::{Associado, Cartao, Conta, Movimento};

/// Days from 2000-01-01, where Postgres counts from, to 2026-01-01, the "today" of all rows: everything
/// in them happened before.
const AS_OF_DAY: u32 = 9_497;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const AS_OF: i64 = AS_OF_DAY as i64 * DAY;

/// Oldest accounts, in days before "today"; they are no older than their owner's sixteenth birthday.
const OLDEST_ACCOUNT_DAYS: u32 = 15 * 365;
/// Youngest accounts and cards, in days before "today": time enough to have been used.
const YOUNGEST_ACCOUNT_DAYS: u32 = 90;
const YOUNGEST_CARD_DAYS: u32 = 30;
/// Days from the opening of an account to its first card: seven quantiles.
const FIRST_CARD_DAYS: [u32; 8] = [0, 1, 2, 4, 7, 11, 18, 30];

/// Cards whose holder is another associate than the account's owner, in per mille.
const ADDITIONAL_CARDS: u32 = 200;
/// Such a holder is one of so many associates before the owner: whoever comes later changes nothing.
const HOLDER_DISTANCE: u32 = 1_000;
/// Movements that give back what the one before them took, in per mille.
const REVERSALS: u32 = 10;

/// Ages by fourteenths: adults, half of them below 42.
const AGES: [u32; 15] = [18, 22, 26, 29, 32, 35, 38, 42, 46, 50, 55, 61, 68, 77, 96];
const STUDENT_AGE: u32 = 28;

/// Labels of the enum `tipo_conta`, and their shares in per mille among others and among students.
const ACCOUNT_TYPES: [&str; 4] = ["corrente", "poupanca", "salario", "universitaria"];
const ACCOUNT_TYPE_SHARES: [u32; 4] = [570, 270, 160, 0];
const STUDENT_ACCOUNT_TYPE_SHARES: [u32; 4] = [380, 210, 150, 260];

/// Share of purchases in each hour of the day, of 128: few at night, peaks at noon and after work.
#[rustfmt::skip]
const HOURS: [u8; 24] = [1, 1, 0, 0, 0, 1, 2, 4, 6, 7, 7, 9, 12, 10, 7, 7, 7, 9, 11, 11, 8, 5, 2, 1];

/// Everything that rows are drawn from.
#[derive(Debug)]
pub struct Cards {
    seed: u64,
    shapes: Shapes,
    names: Names,
    purchases: Purchases,
    card_numbers: CardNumbers,
    account_types: Choice,
    student_account_types: Choice,
    /// Hours of the day, each as often as it is likely.
    hours: Vec<u8>,
}

impl Cards {
    /// The rows of a seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            shapes: Shapes::new(seed),
            names: Names::default(),
            purchases: Purchases::default(),
            card_numbers: CardNumbers::new(seed),
            account_types: Choice::new(&ACCOUNT_TYPE_SHARES),
            student_account_types: Choice::new(&STUDENT_ACCOUNT_TYPE_SHARES),
            hours: (0..24)
                .flat_map(|hour: u8| vec![hour; HOURS[usize::from(hour)].into()])
                .collect(),
        }
    }

    /// How many there are of what, for a [`Plan`](crate::plan::Plan).
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// The associates of a part.
    pub fn associados(&self, part: Part) -> impl Iterator<Item = Associado<'_>> {
        owners(part).map(|id| self.associado(id))
    }

    /// The accounts of a part.
    pub fn contas(&self, part: Part) -> impl Iterator<Item = Conta> {
        let mut ids = part.before;
        owners(part).flat_map(move |owner| {
            let accounts = self.shapes.of(owner).accounts;
            let first = ids.conta as u32 + 1;
            ids.conta += u64::from(accounts);
            let idade = self.associado(owner).idade;
            (first..first + accounts).map(move |id| self.conta(id, owner, idade))
        })
    }

    /// The cards of a part.
    pub fn cartoes(&self, part: Part) -> impl Iterator<Item = Cartao<'_>> {
        self.cards_used(part).map(|(card, _)| card)
    }

    /// The movements of a part; those of a card by day.
    pub fn movimentos(&self, part: Part) -> impl Iterator<Item = Movimento<'_>> {
        let mut before = part.before.movimento;
        self.cards_used(part).flat_map(move |(card, movements)| {
            let first = before + 1;
            before += u64::from(movements);
            (0..movements)
                .map(move |nth| self.movimento(&card, first + u64::from(nth), nth, movements))
        })
    }

    /// The cards of a part, each with the number of its movements.
    fn cards_used(&self, part: Part) -> impl Iterator<Item = (Cartao<'_>, u32)> {
        let mut ids = part.before;
        owners(part).flat_map(move |owner| {
            let shape = self.shapes.of(owner);
            let first = Counts {
                conta: ids.conta + 1,
                cartao: ids.cartao + 1,
                ..ids
            };
            ids.conta += u64::from(shape.accounts);
            ids.cartao += shape.cards().len() as u64;
            let owner = self.associado(owner);
            (0..shape.cards().len()).map(move |index| {
                let card = shape.cards()[index];
                let conta = self.conta(first.conta as u32 + card.account, owner.id, owner.idade);
                (
                    self.cartao(first.cartao as u32 + index as u32, card, &conta, owner),
                    card.movements,
                )
            })
        })
    }

    fn associado(&self, id: u32) -> Associado<'_> {
        let mut draws = Draws::of(self.seed, Stream::Associado, id.into());
        Associado {
            id,
            idade: draws.between(&AGES),
            name: self.names.draw(&mut draws),
            home: self.purchases.draw_home(&mut draws),
        }
    }

    fn conta(&self, id: u32, owner: u32, idade: u32) -> Conta {
        let mut draws = Draws::of(self.seed, Stream::Conta, id.into());
        let types = if idade < STUDENT_AGE {
            &self.student_account_types
        } else {
            &self.account_types
        };
        let oldest = OLDEST_ACCOUNT_DAYS.min((idade - 16) * 365);
        let day = AS_OF_DAY - YOUNGEST_ACCOUNT_DAYS - draws.below(oldest - YOUNGEST_ACCOUNT_DAYS);
        Conta {
            id,
            tipo: ACCOUNT_TYPES[types.draw(&mut draws)],
            data_criacao: i64::from(day) * DAY + office_time(&mut draws),
            id_associado: owner,
        }
    }

    fn cartao<'a>(
        &'a self,
        id: u32,
        card: CardShape,
        conta: &Conta,
        owner: Associado<'a>,
    ) -> Cartao<'a> {
        let mut draws = Draws::of(self.seed, Stream::Cartao, id.into());
        let additional = draws.chance(ADDITIONAL_CARDS);
        let nearby = HOLDER_DISTANCE.min(owner.id - 1);
        let holder = if additional && nearby > 0 {
            self.associado(owner.id - 1 - draws.below(nearby))
        } else {
            owner
        };
        let opened = (conta.data_criacao / DAY) as u32;
        let with_the_account = card.nth == 0 && draws.chance(100);
        let day = if card.nth == 0 {
            opened + draws.between(&FIRST_CARD_DAYS)
        } else {
            opened + draws.below(AS_OF_DAY - YOUNGEST_CARD_DAYS - opened)
        };
        let issued = i64::from(day) * DAY + office_time(&mut draws);
        Cartao {
            id,
            num_cartao: self.card_numbers.number(id),
            data_criacao: if with_the_account {
                conta.data_criacao
            } else {
                issued.max(conta.data_criacao)
            },
            id_conta: conta.id,
            holder,
        }
    }

    /// The `nth` of a card's `count` movements.
    fn movimento<'a>(&'a self, card: &Cartao<'_>, id: u64, nth: u32, count: u32) -> Movimento<'a> {
        let mut draws = Draws::of(self.seed, Stream::Movimento, id);
        if draws.chance(REVERSALS) && nth > 0 {
            let mut earlier = Draws::of(self.seed, Stream::Movimento, id - 1);
            // What would itself be a reversal cannot be reversed: such a row is a purchase of its own.
            if !earlier.chance(REVERSALS) {
                let bought = self.bought(card, id - 1, nth - 1, count, &mut earlier);
                let later =
                    bought.data_movimento + 60 * SECOND + i64::from(draws.below(7_200_000)) * 1_000;
                return Movimento {
                    id,
                    reversal: true,
                    data_movimento: later.min(AS_OF - 1),
                    ..bought
                };
            }
        }
        self.bought(card, id, nth, count, &mut draws)
    }

    fn bought<'a>(
        &'a self,
        card: &Cartao<'_>,
        id: u64,
        nth: u32,
        count: u32,
        draws: &mut Draws,
    ) -> Movimento<'a> {
        // The card's days are cut into `count` equal pieces, and each movement has a day in its own.
        let first_day = (card.data_criacao / DAY) as u64;
        let days = u64::from(AS_OF_DAY) - first_day;
        let place = ((u64::from(nth) << 32) | (draws.bits() >> 32)) / u64::from(count);
        let day = first_day + ((place * days) >> 32);
        let hour = i64::from(*draws.pick(&self.hours));
        let within = i64::from(draws.below(HOUR as u32));
        let time = day as i64 * DAY + hour * HOUR + within;
        Movimento {
            id,
            purchase: self.purchases.draw(&self.names, card.holder.home, draws),
            reversal: false,
            // On the card's first day an hour before its issue becomes one soon after.
            data_movimento: if time < card.data_criacao {
                card.data_criacao + within
            } else {
                time
            },
            id_cartao: card.id,
        }
    }
}

fn owners(part: Part) -> impl Iterator<Item = u32> {
    part.before.associado as u32 + 1..part.end.associado as u32 + 1
}

/// A time of day with whole seconds, from eight to six.
fn office_time(draws: &mut Draws) -> i64 {
    8 * HOUR + i64::from(draws.below(36_000)) * SECOND
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::rows::Row;
    use database::Cancel;
    use database::copy_in::RowEncoder;
    use proptest::prelude::*;

    fn plan(cards: &Cards, associates: u32) -> Plan {
        Plan::new(
            cards.shapes(),
            Counts::default(),
            associates,
            &Cancel::default(),
        )
        .expect("a plan")
    }

    /// Every row of the plan as the server would get it, the parts one after the other.
    fn encoded(cards: &Cards, parts: &[Part]) -> Vec<u8> {
        fn table<R: Row>(rows: impl Iterator<Item = R>, encoder: &mut RowEncoder) {
            let mut text = String::new();
            for row in rows {
                encoder.row(R::COLUMNS.len() as i16);
                row.encode(&mut text, encoder);
            }
        }
        let mut encoder = RowEncoder::default();
        parts
            .iter()
            .for_each(|&part| table(cards.associados(part), &mut encoder));
        parts
            .iter()
            .for_each(|&part| table(cards.contas(part), &mut encoder));
        parts
            .iter()
            .for_each(|&part| table(cards.cartoes(part), &mut encoder));
        parts
            .iter()
            .for_each(|&part| table(cards.movimentos(part), &mut encoder));
        encoder.bytes().to_vec()
    }

    #[test]
    fn hours_are_shares_of_128() {
        assert_eq!(
            HOURS.iter().map(|&share| u32::from(share)).sum::<u32>(),
            128
        );
    }

    #[test]
    fn today_is_the_first_of_january_2026() {
        let leap_days = (2000..2026).filter(|year| year % 4 == 0).count() as u32;
        assert_eq!(AS_OF_DAY, 26 * 365 + leap_days);
    }

    #[test]
    fn rows_do_not_depend_on_how_they_are_parted() {
        let cards = Cards::new(42);
        let plan = plan(&cards, 1500);
        let whole = encoded(&cards, &plan.parts(|counts| counts.movimento, u64::MAX));
        let parts = plan.parts(|counts| counts.movimento, 1);
        assert!(parts.len() > 4);
        assert!(whole == encoded(&cards, &parts));
        assert!(whole != encoded(&Cards::new(43), &parts));
    }

    #[test]
    fn a_reversal_mirrors_the_purchase_before_it() {
        let cards = Cards::new(42);
        let plan = plan(&cards, 500);
        let rows: Vec<_> = cards
            .movimentos(Part {
                before: Counts::default(),
                end: plan.end(),
            })
            .collect();
        assert_eq!(rows.len() as u64, plan.end().movimento);
        let mut reversals = 0;
        for pair in rows.windows(2).filter(|pair| pair[1].reversal) {
            reversals += 1;
            assert!(!pair[0].reversal);
            assert_eq!(pair[0].id_cartao, pair[1].id_cartao);
            assert_eq!(pair[0].purchase.cents, pair[1].purchase.cents);
            assert!(pair[0].data_movimento < pair[1].data_movimento);
        }
        assert!(reversals > rows.len() / 200, "{reversals}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn whatever_the_seed_every_row_fits_its_parents(seed: u64) {
            let cards = Cards::new(seed);
            let plan = plan(&cards, 60);
            let part = Part { before: Counts::default(), end: plan.end() };
            let contas: Vec<_> = cards.contas(part).collect();
            let cartoes: Vec<_> = cards.cartoes(part).collect();
            prop_assert_eq!(contas.len() as u64, plan.end().conta);
            prop_assert_eq!(cartoes.len() as u64, plan.end().cartao);
            for associado in cards.associados(part) {
                prop_assert!((18..=95).contains(&associado.idade));
            }
            for (index, conta) in contas.iter().enumerate() {
                prop_assert_eq!(conta.id as usize, index + 1);
                prop_assert!((1..=60).contains(&conta.id_associado));
                prop_assert!(conta.data_criacao % SECOND == 0 && conta.data_criacao < AS_OF);
            }
            for (index, cartao) in cartoes.iter().enumerate() {
                prop_assert_eq!(cartao.id as usize, index + 1);
                let conta = &contas[cartao.id_conta as usize - 1];
                prop_assert!(cartao.data_criacao >= conta.data_criacao && cartao.data_criacao % SECOND == 0);
                prop_assert!((1..=conta.id_associado).contains(&cartao.holder.id));
            }
            let mut id = 0;
            for movimento in cards.movimentos(part) {
                id += 1;
                prop_assert_eq!(movimento.id, id);
                let cartao = &cartoes[movimento.id_cartao as usize - 1];
                prop_assert!((cartao.data_criacao..AS_OF).contains(&movimento.data_movimento));
                prop_assert!((1..10_000_000_000_u64).contains(&movimento.purchase.cents.into()));
            }
            prop_assert_eq!(id, plan.end().movimento);
        }
    }
}
