//! The results of the checks of a model's output.

use dataset::failure::Kind;
use dataset::{Check, Rule};
use serde::Serialize;

/// A check that the output passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The check's name in `dataset.toml`.
    pub check: String,
    /// The kind of check: `not_null`, `unique`, `accepted_values`, `row_count`, or `sql`.
    pub rule: &'static str,
    /// How many rows were checked; for a SELECT, how many it gave.
    pub rows: u64,
}

/// The result of a check.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) checked: Checked,
    /// If the check failed, what is wrong and the first rows where it is.
    pub(crate) wrong: Option<(String, Vec<String>)>,
}

impl Outcome {
    pub(crate) fn of(check: &Check, rows: u64, wrong: Option<(String, Vec<String>)>) -> Self {
        Self {
            checked: Checked {
                check: check.name.clone(),
                rule: check.rule.kind(),
                rows,
            },
            wrong,
        }
    }
}

/// Words the failed check of a model, over several lines; `None` if it was passed.
fn told(model: &str, outcome: &Outcome) -> Option<String> {
    let (why, first) = outcome.wrong.as_ref()?;
    let name = &outcome.checked.check;
    let mut text = format!("\n  model `{model}`, check `{name}`: {why}");
    if !first.is_empty() {
        text += ", such as";
    }
    for row in first {
        text += "\n    ";
        text += row;
    }
    Some(text)
}

/// Checks that all checks of a run were passed; `outcomes` are the results for each model.
///
/// # Errors
/// [`Kind::Check`] with all failed checks, and the first wrong rows of each.
pub(crate) fn all_passed<'a>(
    outcomes: impl IntoIterator<Item = (&'a str, &'a [Outcome])>,
) -> anyhow::Result<()> {
    let (mut count, mut failed) = (0, Vec::new());
    for (model, outcomes) in outcomes {
        count += outcomes.len();
        failed.extend(outcomes.iter().filter_map(|outcome| told(model, outcome)));
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Kind::Check.error(format!(
        "{} of {count} checks failed, so nothing was published:{}",
        failed.len(),
        failed.concat()
    )))
}

/// Says what is wrong with `wrong` of the output's `rows` rows.
pub(crate) fn why(rule: &Rule, wrong: u64, rows: u64) -> String {
    let columns = || rule.columns().join(", ");
    let of = match wrong {
        1 => format!("1 row of {rows} has"),
        _ => format!("{wrong} rows of {rows} have"),
    };
    match rule {
        Rule::NotNull(_) => format!("{of} NULL in {}", columns()),
        Rule::Unique(_) => format!("{of} the {} of another", columns()),
        Rule::AcceptedValues(_) => format!("{of} a value in {} that is not accepted", columns()),
        Rule::RowCount(count) => {
            let bound = |word, bound: Option<u64>| bound.map(|rows| format!("{word} {rows}"));
            let bounds = [bound("at least", count.min), bound("at most", count.max)];
            let bounds: Vec<String> = bounds.into_iter().flatten().collect();
            format!("{rows} rows, where {} were expected", bounds.join(" and "))
        }
        Rule::NoRow { .. } => match wrong {
            1 => "its SELECT gives a row".to_owned(),
            _ => format!("its SELECT gives {wrong} rows"),
        },
    }
}
