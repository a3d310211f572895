//! The dataset *cards*: associates of a credit cooperative, their accounts, cards and card movements.
//!
//! [`Cards`] has one iterator of rows for each table, over the associates of any part of a plan. The rows of every table are
//! made from their owners down, so a movement's card, holder and account are those that the other tables have, and none of
//! them needs to be looked up: making an associate again costs less than keeping it.

pub mod card_number;
pub mod distributions;
#[cfg(test)]
mod goodness_of_fit;
mod movements;
pub mod names;
mod places;
pub mod plan;
pub mod purchase;
pub mod rows;
pub(crate) mod season;
pub(crate) mod source;
pub mod spending;
pub mod tables;
#[cfg(test)]
mod tests;

use crate::cards::card_number::CardNumbers;
use crate::cards::movements::{CardMovements, Spending};
use crate::cards::names::Names;
use crate::cards::plan::{Associates, CardShape, Shapes};
use crate::cards::purchase::Purchases;
use crate::cards::rows::{Associado, Cartao, Conta, Movimento};
use crate::cards::season::Season;
use crate::cards::tables::{Counts, Table};
use crate::draw::random::{Draws, Share, Stream};
use crate::draw::sampling::Choice;
use crate::recipe::Recipe;
use crate::table::faults::{Fault, Faults};
use crate::table::time::{DAY, EPOCH_DAYS, HOUR, SECOND};

/// Age of the oldest accounts, in days before "today"; no account is older than its owner's sixteenth birthday.
const OLDEST_ACCOUNT_DAYS: u32 = 15 * 365;
/// Age of the youngest accounts, in days before "today": time enough to have been used.
const YOUNGEST_ACCOUNT_DAYS: u32 = 90;
/// Age of the youngest cards, in days before "today": time enough to have been used.
const YOUNGEST_CARD_DAYS: i32 = 30;
/// Quantiles, at sevenths, of the days from the opening of an account to its first card.
const FIRST_CARD_DAYS: [u32; 8] = [0, 1, 2, 4, 7, 11, 18, 30];
/// Share of first cards that come with the account, at the same instant.
const WITH_THE_ACCOUNT: Share = Share::new(0.1);

/// Quantiles, at fourteenths, of the ages of associates: adults, half of them below 42.
const AGES: [u32; 15] = [18, 22, 26, 29, 32, 35, 38, 42, 46, 50, 55, 61, 68, 77, 96];
/// The age below which account owners may be students.
const STUDENT_AGE: u32 = 28;

/// Labels of the enum `tipo_conta`.
const ACCOUNT_TYPES: [&str; 4] = ["corrente", "poupanca", "salario", "universitaria"];
/// Weights of the account types among those who are not students.
const ACCOUNT_TYPE_SHARES: [f64; 4] = [57.0, 27.0, 16.0, 0.0];
/// Weights of the account types among students.
const STUDENT_ACCOUNT_TYPE_SHARES: [f64; 4] = [38.0, 21.0, 15.0, 26.0];

/// Everything that rows are drawn from.
#[derive(Debug)]
pub struct Cards {
    seed: u64,
    /// "Today", in days from 2000-01-01.
    today: i32,
    shapes: Shapes,
    pub(crate) spending: Spending,
    card_numbers: CardNumbers,
    account_types: Choice,
    student_account_types: Choice,
    faults: Faults,
}

impl Cards {
    /// Prepares the rows of a recipe that [`Recipe::check`] has accepted.
    pub fn new(recipe: &Recipe) -> Self {
        let (seed, distributions) = (recipe.seed, &recipe.distributions);
        let today = recipe.as_of.days() - EPOCH_DAYS;
        let oldest = today - OLDEST_ACCOUNT_DAYS as i32;
        Self {
            seed,
            today,
            shapes: Shapes::new(seed, distributions),
            spending: Spending {
                seed,
                today,
                names: Names::default(),
                purchases: Purchases::new(distributions),
                season: Season::new(&distributions.when, oldest, today),
                subscriptions: Choice::new(&distributions.subscriptions_per_card),
                reversals: Share::new(distributions.reversals),
            },
            card_numbers: CardNumbers::new(seed),
            account_types: Choice::new(&ACCOUNT_TYPE_SHARES),
            student_account_types: Choice::new(&STUDENT_ACCOUNT_TYPE_SHARES),
            faults: Faults::new(seed, recipe.dirty),
        }
    }

    /// What each associate owns, for a [`Plan`](crate::cards::plan::Plan).
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// The rows of `associado` of these associates.
    pub fn associados(&self, associates: Associates) -> impl Iterator<Item = Associado<'_>> {
        owners(associates).map(|id| self.dirtied(self.associado(id)))
    }

    /// The rows of `conta` of these associates.
    pub fn contas(&self, associates: Associates) -> impl Iterator<Item = Conta> {
        let mut ids = associates.before;
        owners(associates).flat_map(move |owner| {
            let accounts = self.shapes.of(owner).accounts;
            let first = ids.conta as u32 + 1;
            ids.conta += u64::from(accounts);
            let idade = self.associado(owner).idade;
            (first..first + accounts).map(move |id| Conta {
                fault: Table::Conta.draw_fault(&self.faults, id.into()),
                ..self.conta(id, owner, idade)
            })
        })
    }

    /// The rows of `cartao` of these associates.
    pub fn cartoes(&self, associates: Associates) -> impl Iterator<Item = Cartao<'_>> {
        self.cards_used(associates).map(|(card, _)| Cartao {
            fault: Table::Cartao.draw_fault(&self.faults, card.id.into()),
            ..card
        })
    }

    /// The rows of `movimento` of these associates; the movements of each card come in the order of their days.
    pub fn movimentos(&self, associates: Associates) -> impl Iterator<Item = Movimento<'_>> {
        let mut before = associates.before.movimento;
        self.cards_used(associates)
            .flat_map(move |(card, movements)| {
                let first = before + 1;
                before += u64::from(movements);
                CardMovements::new(&self.spending, card, first, movements).map(|movimento| {
                    Movimento {
                        fault: Table::Movimento.draw_fault(&self.faults, movimento.id),
                        ..movimento
                    }
                })
            })
    }

    /// The cards of these associates, each with the number of its movements.
    fn cards_used(&self, associates: Associates) -> impl Iterator<Item = (Cartao<'_>, u32)> {
        let mut ids = associates.before;
        owners(associates).flat_map(move |owner| {
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
                let conta = first.conta as u32 + u32::from(card.account);
                let conta = self.conta(conta, owner.id, owner.idade);
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
            name: self.spending.names.draw(&mut draws),
            home: self.spending.purchases.draw_home(&mut draws),
            fault: None,
        }
    }

    /// Plants the row's fault in an associate. A fault that would not show gives way to a trailing space.
    fn dirtied<'a>(&'a self, associado: Associado<'a>) -> Associado<'a> {
        let fault = Table::Associado.draw_fault(&self.faults, associado.id.into());
        let instead = Some(Fault::TrailingSpace);
        match fault {
            Some(Fault::DuplicateClient) => {
                let before = associado.id - 1;
                if before == 0
                    || Table::Associado
                        .draw_fault(&self.faults, before.into())
                        .is_some()
                {
                    return Associado {
                        fault: instead,
                        ..associado
                    };
                }
                let twin = self.associado(before);
                Associado {
                    idade: twin.idade,
                    name: twin.name,
                    fault,
                    ..associado
                }
            }
            Some(Fault::Decomposed) if associado.name.nome().is_ascii() => Associado {
                fault: instead,
                ..associado
            },
            _ => Associado { fault, ..associado },
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
        let age = YOUNGEST_ACCOUNT_DAYS + draws.below(oldest - YOUNGEST_ACCOUNT_DAYS);
        let day = self.today - age as i32;
        Conta {
            id,
            tipo: ACCOUNT_TYPES[types.draw(&mut draws)],
            data_criacao: i64::from(day) * DAY + office_time(&mut draws),
            id_associado: owner,
            fault: None,
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
        let holder = match self.shapes.holder(owner.id, &mut draws) {
            id if id == owner.id => owner,
            id => self.associado(id),
        };
        let opened = conta.data_criacao.div_euclid(DAY) as i32;
        let with_the_account = card.nth == 0 && draws.chance(WITH_THE_ACCOUNT);
        let day = if card.nth == 0 {
            opened + draws.between(&FIRST_CARD_DAYS) as i32
        } else {
            opened + draws.below((self.today - YOUNGEST_CARD_DAYS - opened) as u32) as i32
        };
        // Nobody holds a card before the sixteenth birthday, and everybody was sixteen at least two years ago.
        let grown_up = self.today - (holder.idade as i32 - 16) * 365;
        let issued = i64::from(day.max(grown_up)) * DAY + office_time(&mut draws);
        Cartao {
            id,
            num_cartao: self.card_numbers.number(id),
            data_criacao: if with_the_account && opened >= grown_up {
                conta.data_criacao
            } else {
                issued.max(conta.data_criacao)
            },
            id_conta: conta.id,
            holder,
            fault: None,
        }
    }
}

fn owners(associates: Associates) -> impl Iterator<Item = u32> {
    associates.before.associado as u32 + 1..associates.end.associado as u32 + 1
}

/// Draws a time of day between 8:00 and 18:00, in microseconds but at a whole second.
fn office_time(draws: &mut Draws) -> i64 {
    8 * HOUR + i64::from(draws.below(36_000)) * SECOND
}
