//! Rows that the server refuses when a statement or the transaction ends. It then gives their values but not their number, so the
//! files are read once more to find rows with these values.

use std::thread;

use database::Cancel;
use dataset::ColumnType;
use dataset::failure::{Failure, Kind};
use values::value::Value;

use crate::input::batch::Batch;
use crate::input::row_plan::RowPlan;
use crate::input::sniff;
use crate::input::stream::Stream;
use crate::rules::column::ColumnRules;
use crate::target::Target;
use crate::write::file_plan::FilePlan;

/// How many rows of a file are named at most.
const MOST_ROWS: usize = 3;
/// The class of SQLSTATE for rows that break a constraint.
const OF_A_CONSTRAINT: &str = "23";

/// Adds to an error the file and the lines of the rows that have the values which the server gives. If it gives none,
/// the line is known already, or no such row is found, the error stays as it is.
pub(crate) fn with_lines(
    error: anyhow::Error,
    targets: &[Target],
    plans: &[Vec<FilePlan>],
    cancel: &Cancel,
) -> anyhow::Error {
    let told = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<postgres::Error>()?.as_db_error())
        .filter(|told| told.code().code().starts_with(OF_A_CONSTRAINT))
        .filter(|_| Failure::kind_of(&error).is_none());
    let Some((detail, table)) = told.and_then(|told| Some((told.detail()?, told.table()?))) else {
        return error;
    };
    let keys = keys_in(detail);
    let of_table = targets.iter().zip(plans);
    let mut places = Vec::new();
    for (target, plans) in of_table.filter(|(target, _)| target.table == table) {
        for plan in plans {
            match find(plan, target, &keys, cancel) {
                Ok(lines) if lines.is_empty() => {}
                Ok(lines) => places.push(place(&plan.source.name(), &lines)),
                Err(error) => tracing::debug!(%error, "refused rows are not looked for"),
            }
        }
    }
    if places.is_empty() {
        return error;
    }
    let said = format!("{}: the server refuses these values", places.join("; "));
    Kind::Refused.caused_by(error, said)
}

/// Names lines of a file: "in/item.csv, lines 3 and 7".
fn place(file: &str, lines: &[u64]) -> String {
    let shown: Vec<_> = lines.iter().map(u64::to_string).collect();
    match lines {
        [line] => format!("{file}, line {line}"),
        _ => format!("{file}, lines {}", shown.join(" and ")),
    }
}

/// A key from the server's message: the names of its columns, and a text that begins with its values and a parenthesis.
#[derive(Debug, PartialEq)]
struct ToldKey<'a> {
    columns: Vec<String>,
    values: &'a str,
}

/// The keys in an error's detail: "Key (a, b)=(1, 2) already exists." The words around them depend on the server's language.
fn keys_in(detail: &str) -> Vec<ToldKey<'_>> {
    const BETWEEN: &str = ")=(";
    let told = detail.match_indices(BETWEEN).filter_map(|(at, _)| {
        let columns = &detail[..at][detail[..at].rfind('(')? + 1..];
        Some(ToldKey {
            columns: columns
                .split(", ")
                .map(|name| name.trim_matches('"').replace("\"\"", "\""))
                .collect(),
            values: &detail[at + BETWEEN.len()..],
        })
    });
    told.collect()
}

/// Finds the lines of a file's rows that have one of the keys; only the first ones, if there are many.
fn find(
    file: &FilePlan,
    target: &Target,
    keys: &[ToldKey<'_>],
    cancel: &Cancel,
) -> anyhow::Result<Vec<u64>> {
    let mut lines = Vec::new();
    if file.sum.is_none() {
        return Ok(lines);
    }
    let (sniffed, _) = sniff::open(&file.source, target)?;
    let place = |name: &String| sniffed.columns.iter().position(|column| column == name);
    let keys: Vec<(Vec<usize>, &str)> = keys
        .iter()
        .filter_map(|key| {
            Some((
                key.columns.iter().map(place).collect::<Option<_>>()?,
                key.values,
            ))
        })
        .collect();
    if keys.is_empty() {
        return Ok(lines);
    }
    let plan = RowPlan {
        keys: Vec::new(),
        only: Some(Vec::new()),
        ..sniffed.plan
    };
    thread::scope(|scope| {
        let mut stream = Stream::start(scope, sniffed.rest, &plan, 1, cancel);
        while lines.len() < MOST_ROWS
            && let Some(batch) = stream.next()
        {
            for row in 0..batch.records.records.len() {
                let has = |(columns, values): &(Vec<usize>, &str)| {
                    key_of(&plan, &batch, row, columns).is_some_and(|key| values.starts_with(&key))
                };
                if lines.len() < MOST_ROWS && keys.iter().any(has) {
                    lines.push(batch.records.records[row].line);
                }
            }
            stream.done(batch);
        }
    });
    Ok(lines)
}

/// The key of a row as the server would write it, followed by a parenthesis; `None` for a row that is rejected.
fn key_of(plan: &RowPlan, batch: &Batch, row: usize, columns: &[usize]) -> Option<String> {
    if batch
        .violations
        .iter()
        .any(|(broken, _)| *broken as usize == row)
    {
        return None;
    }
    let fields = batch.records.fields_of(&batch.records.records[row]);
    let shown: Option<Vec<String>> = columns
        .iter()
        .map(|column| {
            let rules = &plan.rows.columns[*column];
            let cell = plan.cell(*column, fields, &batch.bytes);
            Some(as_told(&rules.value(cell).ok()?, rules))
        })
        .collect();
    Some(shown?.join(", ") + ")")
}

/// The text of a value as the type's output function writes it. Floats, and types that only the server knows, may be written
/// in another way; then the row isn't found.
fn as_told(value: &Value<'_>, rules: &ColumnRules) -> String {
    let shown = value.shown();
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => if *value { "t" } else { "f" }.to_owned(),
        Value::Text(_) if rules.blank_padded => {
            let width = rules.max_chars.unwrap_or_default();
            format!("{shown:<width$}")
        }
        Value::Time(_) | Value::Timestamp(_) => {
            let shown = match shown.contains('.') {
                true => shown.trim_end_matches('0'),
                false => &shown,
            };
            match rules.kind {
                ColumnType::TimestampTz => format!("{shown}+00"),
                _ => shown.to_owned(),
            }
        }
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_the_servers_words_in_any_language() {
        let key = |columns: &[&str], values| ToldKey {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            values,
        };
        let one = "Chave (a, \"B c\")=(1, x (y)) já existe.";
        assert_eq!(keys_in(one), [key(&["a", "B c"], "1, x (y)) já existe.")]);
        let two = keys_in("Key (a)=(1) conflicts with existing key (a)=(2).");
        assert_eq!(two.len(), 2);
        assert_eq!(two[1], key(&["a"], "2)."));
        assert_eq!(keys_in("MATCH FULL does not allow mixing"), []);
    }
}
