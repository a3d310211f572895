//! The answer to a request: what became of each row, by its index.

use axum::http::StatusCode;
use serde::Serialize;
use values::rule::Violation;

use crate::insert::outcome::{Counts, Outcome};
use crate::problem;
use crate::store::Given;

/// The request, dataset and table that an answer is about.
pub(crate) struct Subject<'a> {
    pub(crate) request: &'a str,
    pub(crate) dataset: &'a str,
    pub(crate) table: &'a str,
}

/// The body of an answer.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    problem: Option<NoRow>,
    request: &'a str,
    dataset: &'a str,
    table: &'a str,
    rows: u32,
    inserted: u32,
    updated: u32,
    skipped: u32,
    rejected: u32,
    outcomes: Vec<Row<'a>>,
}

/// The fields that an answer has in addition if it is a problem, since no row was taken.
#[derive(Serialize)]
struct NoRow {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: &'static str,
}

/// The outcome of a row.
#[derive(Serialize)]
struct Row<'a> {
    index: usize,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<Broken<'a>>,
}

/// A rule that a row breaks.
#[derive(Serialize)]
struct Broken<'a> {
    column: &'a str,
    rule: &'static str,
    message: &'a str,
}

impl<'a> Broken<'a> {
    fn of(violation: &'a Violation) -> Self {
        Self {
            column: &violation.column,
            rule: violation.rule.name(),
            message: &violation.message,
        }
    }
}

/// The answer: 201 if all rows were taken, 207 if some were, 422 if none was.
pub(crate) fn of(subject: &Subject<'_>, outcomes: &[Outcome], counts: &Counts) -> Given {
    let status = match counts.taken() {
        0 => StatusCode::UNPROCESSABLE_ENTITY,
        taken if taken < counts.all() => StatusCode::MULTI_STATUS,
        _ if counts.inserted == 0 => StatusCode::OK,
        _ => StatusCode::CREATED,
    };
    let problem = (counts.taken() == 0).then(|| NoRow {
        kind: problem::kind("no-row-taken"),
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        detail: "no row was inserted: see what each breaks",
    });
    let rows = outcomes.iter().enumerate().map(|(index, outcome)| Row {
        index,
        outcome: outcome.name(),
        violations: match outcome {
            Outcome::Rejected(broken) => broken.iter().map(Broken::of).collect(),
            _ => Vec::new(),
        },
    });
    let answer = Answer {
        problem,
        request: subject.request,
        dataset: subject.dataset,
        table: subject.table,
        rows: counts.all(),
        inserted: counts.inserted,
        updated: counts.updated,
        skipped: counts.skipped,
        rejected: counts.rejected,
        outcomes: rows.collect(),
    };
    Given {
        status: status.as_u16(),
        // None of its fields can fail to be written as JSON.
        body: serde_json::to_string(&answer).unwrap_or_default(),
    }
}
