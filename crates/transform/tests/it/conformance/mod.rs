//! Checks that random SELECTs give what Postgres gives, or are refused.
//!
//! A query is made from a sequence of random numbers, `choices`: `queries` and the modules that it uses turn them into a SELECT
//! that Postgres accepts. `trials` runs many of these as models of one dataset and compares each file with Postgres's rows.
//! `shrink` simplifies a query that goes wrong by taking numbers away.
//!
//! To run more queries than the test does:
//! `EXTRATO_CONFORMANCE=100000 cargo test --release -p transform conformance_at_length -- --ignored --nocapture`.
//! `EXTRATO_CONFORMANCE_SEED` chooses other queries.

mod aggregates;
mod choices;
mod compare;
mod exotic;
mod joins;
mod kinds;
mod literals;
mod moments;
mod numbers;
mod places;
mod predicates;
mod queries;
mod relations;
mod report;
mod scalars;
mod schema;
mod scope;
mod selects;
mod shrink;
mod subqueries;
mod texts;
mod trials;

use std::env;
use std::time::{Duration, Instant};

use choices::random_choices;
use places::{Place, Places};
use queries::{Statement, statement};
use report::{Found, Tally};
use trials::{Finding, Outcome, Variation, outcomes};

/// How many queries run together.
const BATCH: u64 = 100;

/// How many findings are simplified at most.
const FINDINGS_SHOWN: usize = 25;

/// How many times a finding is run again to simplify it.
const TRIES: usize = 300;

#[test]
fn random_selects_give_what_postgres_gives() {
    let tally = conformance(1, 400, 25, None, |_| {}, |_| {});
    println!("{tally}");
    assert_eq!(tally.went_wrong(), 0, "{tally}");
    assert!(tally.per_cent_equal() >= 40.0, "{tally}");
}

#[test]
#[ignore = "as long as EXTRATO_CONFORMANCE says"]
fn conformance_at_length() {
    let queries = number("EXTRATO_CONFORMANCE").unwrap_or(10_000);
    let seed = number("EXTRATO_CONFORMANCE_SEED").unwrap_or(2);
    let (began, mut told) = (Instant::now(), Instant::now());
    let progress = |tally: &Tally| {
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            let (done, wrong) = (tally.total(), tally.went_wrong());
            let equal = tally.per_cent_equal();
            println!(
                "{done} of {queries} in {:.0?}: {equal:.1} % equal, {wrong} wrong",
                began.elapsed()
            );
        }
    };
    let tally = conformance(seed, queries, BATCH, None, progress, tell);
    println!("seed {seed}, {:.0?}: {tally}", began.elapsed());
    assert_eq!(tally.went_wrong(), 0);
}

#[test]
#[ignore = "needs EXTRATO_TEST_SPARK"]
fn conformance_on_spark() {
    let remote = crate::on_spark::remote();
    let queries = number("EXTRATO_CONFORMANCE").unwrap_or(400);
    let seed = number("EXTRATO_CONFORMANCE_SEED").unwrap_or(3);
    let tally = conformance(seed, queries, 50, Some(remote), |_| {}, tell);
    println!("seed {seed}: {tally}");
    assert_eq!(tally.went_wrong(), 0);
    assert!(tally.equal() >= queries / 4, "{tally}");
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(text.parse().expect(name))
}

fn tell(found: &Found) {
    println!("{found}");
}

/// Runs queries, `batch` at a time, each batch in another way. Reports progress after each batch, and findings at once.
fn conformance(
    seed: u64,
    queries: u64,
    batch: u64,
    on_spark: Option<&'static str>,
    mut progress: impl FnMut(&Tally),
    tell: impl Fn(&Found),
) -> Tally {
    let mut places = Places::create();
    let mut tally = Tally::default();
    for (number, first) in (0..queries).step_by(batch as usize).enumerate() {
        let place_index = number % places.places.len();
        let place = &mut places.places[place_index];
        // The shifts make each way meet each place: the number of places must not determine the bits.
        let way = number / 2 + number / 7;
        // This is slower than the other ways, and each place gets its turn, since there are fewer than eleven.
        let in_postgres = number % 11 == 3;
        let variation = Variation {
            little_memory: way & 1 == 1,
            staged: way & 2 == 2 || on_spark.is_some(),
            widened: way & 4 == 4,
            in_postgres: in_postgres && on_spark.is_none(),
            on_spark,
        };
        let indexes: Vec<u64> = (first..queries.min(first + batch)).collect();
        let statements: Vec<Statement> = indexes
            .iter()
            .map(|index| statement(&random_choices(seed, *index)))
            .collect();
        let outcomes = outcomes(place, &statements, variation);
        for (index, outcome) in indexes.iter().zip(&outcomes) {
            tally.add(outcome);
            if let Outcome::Finding(finding) = outcome
                && tally.findings.len() < FINDINGS_SHOWN
            {
                let found = made_simple(seed, *index, finding, place, variation);
                tell(&found);
                tally.findings.push(found);
            }
        }
        progress(&tally);
    }
    tally
}

/// A finding, with the simplest query found that goes wrong in the same way.
fn made_simple(
    seed: u64,
    index: u64,
    finding: &Finding,
    place: &mut Place,
    variation: Variation,
) -> Found {
    let mut what = finding.what.clone();
    let simple = shrink::shrunk(
        &random_choices(seed, index),
        TRIES,
        |choices| match outcomes(place, &[statement(choices)], variation).remove(0) {
            Outcome::Finding(simpler) if simpler.class == finding.class => {
                what = simpler.what;
                true
            }
            _ => false,
        },
    );
    Found {
        class: finding.class,
        index,
        run: format!("{}, {variation:?}", place.locale),
        sql: statement(&simple).sql,
        what,
    }
}
