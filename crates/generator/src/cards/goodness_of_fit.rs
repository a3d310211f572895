//! A million rows, compared with the distributions that they were asked to follow.
//!
//! The bounds are those of the Dvoretzky–Kiefer–Wolfowitz inequality with Massart's constant (1990): the
//! empirical distribution of n independent draws is off by more than ε anywhere with a chance of at most
//! 2·exp(-2nε²), whatever the distribution, discrete ones included. Each comparison has a chance of 10^-9 to raise a
//! false alarm; as the seed is fixed, it does so always or never.

use std::f64::consts::{PI, SQRT_2};

use database::Cancel;
use dataset::calendar::Date;

use crate::cards::Cards;
use crate::cards::distributions::Distributions;
use crate::cards::movements::subscribe;
use crate::cards::plan::{Plan, Shapes};
use crate::cards::rows::Movimento;
use crate::cards::spending::{Ending, KINDS, SUBSCRIPTIONS};
use crate::draw::random::{Draws, Stream};
use crate::recipe::Recipe;
use crate::table::time::{DAY, EPOCH_DAYS, HOUR};

const FALSE_ALARM: f64 = 1e-9;

/// Asserts that counts of 0, 1, 2 … follow `weights`.
fn assert_follows(what: &str, counts: &[u64], weights: &[f64]) {
    let (n, total): (u64, f64) = (counts.iter().sum(), weights.iter().sum());
    let bound = ((2.0 / FALSE_ALARM).ln() / (2.0 * n as f64)).sqrt();
    assert_eq!(counts.len(), weights.len(), "{what}");
    let (mut seen, mut expected) = (0.0, 0.0);
    for (index, (&count, weight)) in counts.iter().zip(weights).enumerate() {
        seen += count as f64 / n as f64;
        expected += weight / total;
        let off: f64 = seen - expected;
        assert!(
            off.abs() <= bound,
            "{what}: {off} at {index}, of {n} draws, allowed {bound}"
        );
    }
}

#[test]
fn numbers_of_accounts_cards_and_movements_follow_their_distributions() {
    let mut distributions = Distributions::default();
    distributions.movements_per_card.exponent = 1.2;
    distributions.movements_per_card.cap = 3_000;
    distributions.accounts_per_associate = vec![1.0, 0.0, 2.5, 4.0];
    let shapes = Shapes::new(7, &distributions);
    let (mut accounts, mut cards) = (vec![0; 4], vec![0; 5]);
    let (mut used, mut movements, mut holders) = (vec![0; 2], vec![0; 3_000], vec![0; 2]);
    let mut card_id = 0;
    for owner in 1..=1_000_000 {
        let shape = shapes.of(owner);
        accounts[shape.accounts as usize] += 1;
        let mut of_account = [0; 4];
        for card in shape.cards() {
            card_id += 1;
            of_account[usize::from(card.account)] += 1;
            used[usize::from(card.movements > 0)] += 1;
            if card.movements > 0 {
                movements[card.movements as usize - 1] += 1;
            }
            let mut draws = Draws::of(7, Stream::Cartao, card_id);
            if owner > 1 {
                holders[usize::from(shapes.holder(owner, &mut draws) != owner)] += 1;
            }
        }
        for count in &of_account[..shape.accounts as usize] {
            cards[*count] += 1;
        }
    }
    assert_follows(
        "accounts per associate",
        &accounts,
        &distributions.accounts_per_associate,
    );
    assert_follows(
        "cards per account",
        &cards,
        &distributions.cards_per_account,
    );
    assert_follows(
        "used cards",
        &used,
        &[distributions.unused_cards, 1.0 - distributions.unused_cards],
    );
    assert_follows(
        "holders",
        &holders,
        &[
            1.0 - distributions.additional_holders,
            distributions.additional_holders,
        ],
    );
    let zeta: Vec<f64> = (1..=3_000).map(|k| f64::from(k).powf(-1.2)).collect();
    assert_follows("movements per card", &movements, &zeta);
}

#[test]
fn cards_with_many_movements_have_as_many_subscriptions_as_asked_for() {
    let distributions = Distributions::default();
    let cards = Cards::new(&Recipe::default());
    let plan = Plan::fresh(cards.shapes(), 100_000, &Cancel::default()).expect("a plan");
    // Old enough for three charges in whole months, and rich enough for fifteen years of three.
    let (months, movements) = (5, 4 * 3 * 15 * 12);
    let youngest = i64::from(Recipe::default().as_of.days() - EPOCH_DAYS - months * 31) * DAY;
    let mut counts = vec![0; distributions.subscriptions_per_card.len()];
    for card in cards.cartoes(plan.all()) {
        if card.data_criacao < youngest {
            let (subscriptions, _) = subscribe(&cards.spending, &card, movements);
            counts[subscriptions
                .iter()
                .filter(|one| one.charges_left > 0)
                .count()] += 1;
        }
    }
    assert!(counts.iter().sum::<u64>() > 100_000, "{counts:?}");
    assert_follows(
        "subscriptions per card",
        &counts,
        &distributions.subscriptions_per_card,
    );
}

/// Calls `see` with about a million movements and the day of issue of each one's card.
fn for_each_movement(distributions: &Distributions, mut see: impl FnMut(&Movimento<'_>, i64)) {
    let recipe = Recipe {
        distributions: distributions.clone(),
        ..Recipe::default()
    };
    let cards = Cards::new(&recipe);
    let plan = Plan::fresh(cards.shapes(), 10_000, &Cancel::default()).expect("a plan");
    assert!(plan.end().movimento > 900_000, "{:?}", plan.end());
    let part = plan.all();
    let issued: Vec<i64> = cards
        .cartoes(part)
        .map(|card| card.data_criacao.div_euclid(DAY))
        .collect();
    for row in cards.movimentos(part) {
        see(&row, issued[row.id_cartao as usize - 1]);
    }
}

/// The description of a movement, and whether it is a subscription's.
fn description(row: &Movimento<'_>) -> (String, bool) {
    let mut text = String::new();
    row.purchase.write_description(&mut text);
    let subscription = SUBSCRIPTIONS.iter().any(|(merchant, _)| *merchant == text);
    (text, subscription)
}

#[test]
fn spending_follows_its_shares_and_log_normal_distributions() {
    let distributions = Distributions::default();
    let mut amounts: Vec<Vec<u32>> = vec![Vec::new(); KINDS.len()];
    let mut reversals = [0; 2];
    for_each_movement(&distributions, |row, _| {
        let (text, subscription) = description(row);
        if subscription {
            return;
        }
        let kind = KINDS
            .iter()
            .position(|kind| {
                kind.merchants
                    .iter()
                    .any(|merchant| text.contains(merchant))
            })
            .expect("a kind");
        reversals[usize::from(row.reversal)] += 1;
        if !row.reversal {
            amounts[kind].push(row.purchase.cents);
        }
    });
    let counts: Vec<u64> = amounts.iter().map(|amounts| amounts.len() as u64).collect();
    let shares: Vec<f64> = KINDS
        .iter()
        .map(|kind| distributions.spending[kind.name].share)
        .collect();
    assert_follows("kinds of spending", &counts, &shares);
    for (kind, amounts) in KINDS.iter().zip(&mut amounts) {
        amounts.sort_unstable();
        let expected = distributions.spending[kind.name];
        let n = amounts.len() as f64;
        // Rounding shifts prices: by up to a real for tags, by up to ten for round amounts.
        let rounding = match kind.ending {
            Ending::Any => 0.004,
            Ending::Tag => 0.02,
            Ending::Round(..) => 0.06,
        };
        let bound = ((2.0 / FALSE_ALARM).ln() / (2.0 * n)).sqrt() + rounding;
        for (rank, &cents) in amounts.iter().enumerate().step_by(97) {
            let z = (f64::from(cents) / 100.0 / expected.median).ln() / expected.sigma;
            let off = rank as f64 / n - normal(z);
            assert!(
                off.abs() <= bound,
                "{}: {off} at {cents} cents, allowed {bound}",
                kind.name
            );
        }
    }
}

/// The standard normal distribution by Simpson's rule, which is not how the generator computes it.
fn normal(z: f64) -> f64 {
    let (steps, h) = (200, z / 200.0);
    let density = |x: f64| (-x * x / 2.0).exp() / (SQRT_2 * PI.sqrt());
    let sum: f64 = (0..=steps)
        .map(|step| {
            let weight = match step {
                0 | 200 => 1.0,
                step if step % 2 == 1 => 4.0,
                _ => 2.0,
            };
            weight * density(f64::from(step) * h)
        })
        .sum();
    0.5 + sum * h / 3.0
}

#[test]
fn purchases_follow_seasons_weekdays_salary_days_and_hours() {
    let mut distributions = Distributions::default();
    // Far from even, so that a mistake shows.
    distributions.when.weekdays = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.5];
    distributions.when.month_days[30] = 9.0;
    let today = Recipe::default().as_of.days() - EPOCH_DAYS;
    let first = today - 15 * 365;
    let classes = |day: i32| {
        let date = Date::from_days(day + EPOCH_DAYS);
        // 1970-01-01 was a Thursday.
        let weekday = (day + EPOCH_DAYS + 3).rem_euclid(7) as usize;
        [
            weekday,
            7 + date.month as usize - 1,
            19 + date.day as usize - 1,
        ]
    };
    let weights: Vec<f64> = (distributions.when.weekdays.iter())
        .chain(&distributions.when.months)
        .chain(&distributions.when.month_days)
        .copied()
        .collect();
    // The weight of each class from each day to the end.
    let mut rest = vec![[0.0; 51]; (today - first) as usize];
    let mut sums = [0.0; 51];
    for day in (first..today).rev() {
        let of_day = classes(day);
        let weight: f64 = of_day.iter().map(|&class| weights[class]).product();
        of_day.iter().for_each(|&class| sums[class] += weight);
        sums[50] += weight;
        rest[(day - first) as usize] = sums;
    }
    let (mut seen, mut expected, mut hours) = ([0_u64; 50], [0.0; 50], vec![0; 24]);
    let mut n = 0;
    for_each_movement(&distributions, |row, issued| {
        if row.reversal || description(row).1 {
            return;
        }
        n += 1;
        let rest = &rest[(issued - i64::from(first)) as usize];
        for class in 0..50 {
            expected[class] += rest[class] / rest[50];
        }
        let day = row.data_movimento.div_euclid(DAY);
        classes(day as i32)
            .into_iter()
            .for_each(|class| seen[class] += 1);
        // On the day of issue, purchases that would come before the issue are moved after it.
        if day > issued {
            hours[(row.data_movimento.rem_euclid(DAY) / HOUR) as usize] += 1;
        }
    });
    assert!(n > 800_000, "{n}");
    assert_follows("hours", &hours, &distributions.when.hours);
    for class in 0..50 {
        // Hoeffding's inequality: draws that are independent but not equally likely are off by nε with a chance of 2·exp(-2nε²).
        let bound = ((2.0 / FALSE_ALARM).ln() * n as f64 / 2.0).sqrt();
        let off: f64 = seen[class] as f64 - expected[class];
        assert!(
            off.abs() <= bound,
            "class {class}: {off} of {}, allowed {bound}",
            expected[class]
        );
    }
}
