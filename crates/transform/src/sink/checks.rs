//! Checks a model's output on its rows before they are written. Each check is exact, and none keeps more than a bound in memory.

use std::path::Path;

use dataset::{Check, Model, RowCount, Rule};
use rayon::prelude::*;
use values::text::printable;

use super::accepted::{self, Accepted};
use super::order;
use super::rows::{Field, Rows};
use super::unique::{Keys, MOST_TOLD};
use crate::checked::{Outcome, why};
use crate::memory::Shares;
use crate::options::Options;

/// How many columns of a row are shown.
const MOST_COLUMNS: usize = 12;
/// How many characters of a cell are shown.
const MOST_CHARACTERS: usize = 60;

/// The checks of one output.
pub(super) struct Checks<'a> {
    model: &'a Model,
    /// The columns that order the whole output.
    order_by: Vec<&'a String>,
    rows: u64,
    watches: Vec<Watch<'a>>,
}

/// A check, and what it has found so far.
struct Watch<'a> {
    check: &'a Check,
    accepted: Accepted,
    keys: Option<Keys>,
    wrong: u64,
    first: Vec<String>,
}

impl<'a> Checks<'a> {
    /// Prepares the checks of a model's output with these options. If they need files of their own, these go into `folder`.
    ///
    /// # Errors
    /// [`Kind::Usage`](dataset::failure::Kind::Usage) for an accepted value that is not one of its column.
    pub(super) fn of(
        model: &'a Model,
        options: &'a Options,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let order_by = match options.layout.partition_by(model) {
            Some(columns) => {
                let in_partition = order::in_partition(model, columns);
                columns.iter().chain(in_partition).collect()
            }
            None => model.order_by.iter().collect(),
        };
        let is_unique = |check: &&Check| matches!(check.rule, Rule::Unique(_));
        let unique = model.checks.iter().filter(is_unique).count().max(1);
        let limit = Shares::of(options.memory_bytes).checks() as usize / unique;
        let watches = model.checks.iter().enumerate().map(|(number, check)| {
            let path = folder.join(format!("{}-{number}", model.name));
            let keys = || Keys::new(limit, path);
            Ok(Watch {
                check,
                accepted: accepted::of(model, &check.rule)?,
                keys: is_unique(&check).then(keys),
                wrong: 0,
                first: Vec::new(),
            })
        });
        Ok(Self {
            model,
            order_by,
            rows: 0,
            watches: watches.collect::<anyhow::Result<_>>()?,
        })
    }

    /// Checks the next rows of the output.
    ///
    /// # Errors
    /// [`Kind::Output`](dataset::failure::Kind::Output) if keys that don't fit in memory cannot be written.
    pub(super) fn look(&mut self, rows: &Rows) -> anyhow::Result<()> {
        self.rows += rows.rows as u64;
        for watch in &mut self.watches {
            let (wrong, named) = match &watch.check.rule {
                Rule::NotNull(columns) => {
                    let fields = order::keys(rows.fields(), columns)?;
                    let fields: Vec<_> = fields.iter().map(|(_, field)| field).collect();
                    let wrong = wrong_rows(rows, |row| {
                        fields.iter().any(|field| cell(rows, field, row).is_none())
                    });
                    (wrong, columns.as_slice())
                }
                Rule::AcceptedValues(_) => {
                    let fields = rows
                        .fields()
                        .iter()
                        .filter_map(|(name, field)| Some((field, watch.accepted.get(name)?)));
                    let fields: Vec<_> = fields.collect();
                    let wrong = wrong_rows(rows, |row| {
                        let mut text = Vec::new();
                        fields.iter().any(|(field, accepted)| {
                            let Some(at) = cell(rows, field, row) else {
                                return false;
                            };
                            text.clear();
                            field.cells.write_plain(at, &mut text);
                            !accepted.contains(&text)
                        })
                    });
                    (wrong, &[][..])
                }
                Rule::Unique(columns) => {
                    if let Some(keys) = &mut watch.keys {
                        let fields = order::keys(rows.fields(), columns)?;
                        add_keys(rows, &fields, keys)?;
                    }
                    continue;
                }
                Rule::RowCount(_) => continue,
                Rule::NoRow { .. } => ((0..rows.rows as u32).collect(), &[][..]),
            };
            watch.wrong += wrong.len() as u64;
            if watch.first.len() < MOST_TOLD && !wrong.is_empty() {
                let mut wrong = wrong;
                let keys = order::keys(rows.fields(), self.order_by.iter().copied())?;
                rows.sort(&keys, &mut wrong);
                let shown = shown_columns(self.model, rows, &watch.check.rule, named);
                let room = MOST_TOLD - watch.first.len();
                let told = wrong.iter().take(room);
                watch
                    .first
                    .extend(told.map(|row| row_text(rows, &shown, *row as usize)));
            }
        }
        Ok(())
    }

    /// The results of the checks, once they have seen all rows.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub(super) fn outcomes(self) -> anyhow::Result<Vec<Outcome>> {
        let rows = self.rows;
        let outcomes = self.watches.into_iter().map(|watch| {
            let Watch {
                check,
                keys,
                mut wrong,
                mut first,
                ..
            } = watch;
            match &check.rule {
                Rule::Unique(columns) => {
                    let shared = keys.map(Keys::shared).transpose()?.unwrap_or_default();
                    wrong = shared.rows;
                    let told = shared.first.iter();
                    first = told
                        .map(|(key, rows)| format!("{}: {rows} rows", key_text(columns, key)))
                        .collect();
                }
                Rule::RowCount(RowCount { min, max }) => {
                    let is_few = min.is_some_and(|min| rows < min);
                    wrong = u64::from(is_few || max.is_some_and(|max| rows > max));
                }
                _ => {}
            }
            let wrong = (wrong > 0).then(|| (why(&check.rule, wrong, rows), first));
            Ok(Outcome::of(check, rows, wrong))
        });
        outcomes.collect()
    }
}

/// The rows of an output that are wrong.
fn wrong_rows(rows: &Rows, is_wrong: impl Fn(usize) -> bool + Sync) -> Vec<u32> {
    let all = (0..rows.rows).into_par_iter();
    all.filter(|row| is_wrong(*row))
        .map(|row| row as u32)
        .collect()
}

/// The cell of a field in a row, unless it is NULL.
fn cell(rows: &Rows, field: &Field, row: usize) -> Option<usize> {
    let at = rows.taken(field.source).row(row)?;
    (!field.cells.is_null(at)).then_some(at)
}

/// Adds the keys of all rows, except those with a NULL in the key.
fn add_keys(rows: &Rows, fields: &[order::Key], keys: &mut Keys) -> anyhow::Result<()> {
    let (mut key, mut text) = (Vec::new(), Vec::new());
    'rows: for row in 0..rows.rows {
        key.clear();
        for (_, field) in fields {
            let Some(at) = cell(rows, field, row) else {
                continue 'rows;
            };
            text.clear();
            field.cells.write_plain(at, &mut text);
            key.extend_from_slice(&(text.len() as u64).to_le_bytes());
            key.extend_from_slice(&text);
        }
        keys.add(&key)?;
    }
    Ok(())
}

/// A key for a message, as its columns and their values.
fn key_text(columns: &[String], mut key: &[u8]) -> String {
    let mut text = String::new();
    for column in columns {
        let Some((length, rest)) = key.split_at_checked(8) else {
            break;
        };
        let length = length.try_into().map_or(0, u64::from_le_bytes) as usize;
        let Some((value, rest)) = rest.split_at_checked(length) else {
            break;
        };
        key = rest;
        push(&mut text, column, &value_text(value));
    }
    text
}

/// The columns of a row that are shown: those that identify it and those that are wrong, or all.
fn shown_columns<'r>(
    model: &Model,
    rows: &'r Rows,
    rule: &Rule,
    named: &[String],
) -> Vec<&'r order::Key> {
    let keys: Vec<&String> = match &model.driving {
        Some(driving) => driving.key.values().collect(),
        None => Vec::new(),
    };
    let is_shown = |name: &String| {
        keys.is_empty()
            || keys.contains(&name)
            || named.contains(name)
            || rule.columns().contains(&name.as_str())
    };
    let fields = rows.fields().iter();
    fields.filter(|(name, _)| is_shown(name)).collect()
}

/// A row for a message, as its columns and their values.
fn row_text(rows: &Rows, shown: &[&order::Key], row: usize) -> String {
    let mut text = String::new();
    for (name, field) in shown.iter().copied().take(MOST_COLUMNS) {
        let value = match cell(rows, field, row) {
            None => "NULL".to_owned(),
            Some(at) => {
                let mut value = Vec::new();
                field.cells.write_plain(at, &mut value);
                value_text(&value)
            }
        };
        push(&mut text, name, &value);
    }
    if shown.len() > MOST_COLUMNS {
        text += ", …";
    }
    text
}

fn push(text: &mut String, column: &str, value: &str) {
    if !text.is_empty() {
        *text += ", ";
    }
    *text += &format!("{column} = {value}");
}

/// A cell for a message: on one line, and cut to a helpful length.
fn value_text(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value);
    if value.is_empty() {
        return "''".to_owned();
    }
    let mut text: String = value.chars().take(MOST_CHARACTERS).collect();
    if text.len() < value.len() {
        text.push('…');
    }
    printable(&text).into_owned()
}
