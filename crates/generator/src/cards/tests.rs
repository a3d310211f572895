//! The rows of *cards*, held against each other and against their plan.

use std::collections::BTreeMap;

use database::Cancel;
use database::copy::write::RowEncoder;
use dataset::calendar::Date;
use proptest::prelude::*;

use crate::cards::Cards;
use crate::cards::distributions::MOST_SUBSCRIPTIONS;
use crate::cards::plan::{Associates, Plan};
use crate::cards::rows::Movimento;
use crate::cards::spending::SUBSCRIPTIONS;
use crate::cards::tables::Table;
use crate::recipe::Recipe;
use crate::table::fields::Row;
use crate::table::time::{DAY, EPOCH_DAYS, SECOND};

fn cards(seed: u64) -> Cards {
    Cards::new(&Recipe {
        seed,
        ..Recipe::default()
    })
}

fn plan(cards: &Cards, associates: u32) -> Plan {
    Plan::fresh(cards.shapes(), associates, &Cancel::default()).expect("a plan")
}

/// Every row of the plan as the server would get it, the parts one after the other.
fn encoded(cards: &Cards, parts: &[Associates]) -> Vec<u8> {
    fn table<R: Row>(rows: impl Iterator<Item = R>, encoder: &mut RowEncoder) {
        let mut text = String::new();
        for row in rows {
            row.encode(&mut text, encoder);
        }
    }
    let mut encoder = RowEncoder::default();
    for &part in parts {
        table(cards.associados(part), &mut encoder);
    }
    for &part in parts {
        table(cards.contas(part), &mut encoder);
    }
    for &part in parts {
        table(cards.cartoes(part), &mut encoder);
    }
    for &part in parts {
        table(cards.movimentos(part), &mut encoder);
    }
    encoder.bytes().to_vec()
}

#[test]
fn rows_do_not_depend_on_how_they_are_parted() {
    let dirty = Recipe {
        dirty: 0.1,
        ..Recipe::default()
    };
    for cards in [cards(42), Cards::new(&dirty)] {
        let plan = plan(&cards, 1500);
        let whole = encoded(&cards, &[plan.all()]);
        let parts = plan.parts(Table::Movimento, 1);
        let parts: Vec<_> = parts.iter().map(|part| plan.associates(part)).collect();
        assert!(parts.len() > 4);
        assert!(whole == encoded(&cards, &parts));
        assert!(whole != encoded(&self::cards(43), &parts));
    }
}

#[test]
fn the_whole_past_moves_with_today() {
    let recipe = Recipe::default();
    let later = Recipe {
        as_of: "2033-06-15".parse().expect("a date"),
        ..recipe.clone()
    };
    let days = i64::from(later.as_of.days() - recipe.as_of.days());
    let (cards, later) = (Cards::new(&recipe), Cards::new(&later));
    let plan = plan(&cards, 100);
    let part = plan.all();
    assert!(cards.contas(part).count() > 50);
    for (conta, moved) in cards.contas(part).zip(later.contas(part)) {
        assert_eq!(conta.data_criacao + days * DAY, moved.data_criacao);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn whatever_the_seed_every_row_fits_its_parents(seed: u64, year in 1970..=9999_i32, exponent in 0.5..3.0_f64) {
        let mut recipe = Recipe { seed, as_of: Date { year, month: 3, day: 1 }, ..Recipe::default() };
        recipe.distributions.movements_per_card.exponent = exponent;
        recipe.distributions.movements_per_card.cap = 500;
        let cards = Cards::new(&recipe);
        let plan = plan(&cards, 60);
        let today = i64::from(cards.today) * DAY;
        let part = plan.all();
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
            prop_assert!(conta.data_criacao % SECOND == 0 && conta.data_criacao < today);
        }
        for (index, cartao) in cartoes.iter().enumerate() {
            prop_assert_eq!(cartao.id as usize, index + 1);
            let conta = &contas[cartao.id_conta as usize - 1];
            prop_assert!(cartao.data_criacao >= conta.data_criacao && cartao.data_criacao % SECOND == 0);
            prop_assert!((1..=conta.id_associado).contains(&cartao.holder.id));
        }
        let (mut id, mut by_client) = (0, BTreeMap::new());
        for movimento in cards.movimentos(part) {
            id += 1;
            prop_assert_eq!(movimento.id, id);
            let cartao = &cartoes[movimento.id_cartao as usize - 1];
            prop_assert!((cartao.data_criacao..today).contains(&movimento.data_movimento));
            prop_assert!((1..10_000_000_000_u64).contains(&movimento.purchase.cents.into()));
            *by_client.entry(cartao.holder.id).or_insert(0) += 1;
        }
        prop_assert_eq!(id, plan.end().movimento);
        let busiest = plan.busiest().map(|client| (client.movements, by_client.get(&client.id).copied()));
        let most = by_client.values().copied().max();
        prop_assert_eq!(busiest, most.map(|most| (most, Some(most))));
    }
}

fn movements(recipe: &Recipe, associates: u32, check: impl FnOnce(Vec<Movimento<'_>>)) {
    let cards = Cards::new(recipe);
    let plan = Plan::fresh(cards.shapes(), associates, &Cancel::default()).expect("a plan");
    let rows: Vec<_> = cards.movimentos(plan.all()).collect();
    assert_eq!(rows.len() as u64, plan.end().movimento);
    check(rows);
}

#[test]
fn a_reversal_mirrors_the_purchase_drawn_before_it() {
    let mut recipe = Recipe::default();
    recipe.distributions.reversals = 0.1;
    recipe.distributions.subscriptions_per_card = vec![1.0];
    movements(&recipe, 500, |rows| {
        let mut reversals = 0;
        for pair in rows.windows(2).filter(|pair| pair[1].reversal) {
            reversals += 1;
            assert!(!pair[0].reversal);
            assert_eq!(pair[0].id_cartao, pair[1].id_cartao);
            assert_eq!(pair[0].purchase.cents, pair[1].purchase.cents);
            assert!(pair[0].data_movimento < pair[1].data_movimento);
        }
        assert!(reversals > rows.len() / 20, "{reversals}");
    });
}

#[test]
fn subscriptions_are_charged_every_month_on_the_same_day_at_the_same_price() {
    movements(&Recipe::default(), 3_000, |rows| {
        let mut of_cards: BTreeMap<u32, u32> = BTreeMap::new();
        let mut charges: BTreeMap<_, Vec<Date>> = BTreeMap::new();
        for row in &rows {
            *of_cards.entry(row.id_cartao).or_default() += 1;
            let mut text = String::new();
            row.purchase.write_description(&mut text);
            if SUBSCRIPTIONS.iter().any(|(merchant, _)| *merchant == text) {
                assert!(!row.reversal);
                let day = row.data_movimento.div_euclid(DAY) as i32 + EPOCH_DAYS;
                let key = (row.id_cartao, text, row.purchase.cents);
                charges.entry(key).or_default().push(Date::from_days(day));
            }
        }
        assert!(charges.len() > 200, "{}", charges.len());
        let mut subscribed: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        for ((card, merchant, ..), dates) in charges {
            assert!(dates.len() >= 3, "{merchant} {dates:?}");
            for pair in dates.windows(2) {
                let month = |date: Date| date.year * 12 + date.month as i32;
                assert_eq!(month(pair[0]) + 1, month(pair[1]), "{merchant}");
                assert_eq!(pair[0].day, pair[1].day, "{merchant}");
            }
            let (count, sum) = subscribed.entry(card).or_default();
            *count += 1;
            *sum += dates.len();
        }
        for (card, (count, sum)) in subscribed {
            assert!(count <= MOST_SUBSCRIPTIONS && sum <= of_cards[&card] as usize / 4);
        }
    });
}

#[test]
fn movements_of_a_card_come_by_day() {
    movements(&Recipe::default(), 500, |rows| {
        let in_order = |pair: &&[Movimento<'_>]| {
            let day = |row: &Movimento<'_>| row.data_movimento.div_euclid(DAY);
            pair[0].id_cartao != pair[1].id_cartao
                || pair[0].reversal
                || day(&pair[0]) <= day(&pair[1])
        };
        assert_eq!(rows.windows(2).filter(|pair| !in_order(pair)).count(), 0);
    });
}
