//! Turns a JSON array of objects, or lines of JSON, into rows. Numbers keep the digits that they came with.

use std::borrow::Cow;
use std::fmt;

use dataset::ColumnType;
use loader::rules::column::{Cell, ColumnRules};
use loader::rules::row::{BrokenRow, holds_nul};
use serde::Deserializer as _;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use values::rule::{Rule, Violation};
use values::text::printable;
use values::value::Value;

use crate::problem::Problem;
use crate::rows::array;
use crate::rows::batch::{Batch, BatchBuilder, RowText, half_nulls};
use crate::rows::count::too_many;
use crate::table::ServedTable;

/// How many characters of an unknown name a message repeats.
const SHOWN_CHARS: usize = 40;
/// How many wrong names in a row are reported one by one.
const SHOWN_NAMES: usize = 20;

/// Judges the rows of an array.
///
/// # Errors
/// A problem for a text that is not a JSON array, and for too many rows.
pub(crate) fn array(text: &str, table: &ServedTable, most: usize) -> Result<Batch, Problem> {
    let mut batch = BatchBuilder::new(table);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = deserializer
        .deserialize_seq(Elements {
            batch: &mut batch,
            text,
            most,
        })
        .and_then(|()| deserializer.end());
    match read {
        Ok(()) => Ok(batch.finish()),
        Err(_) if batch.len() > most => Err(too_many(most)),
        Err(error) => Err(Problem::bad(
            "not-json",
            format!("the body is not a JSON array of rows: {error}"),
        )),
    }
}

/// Judges the rows of lines, each a JSON object. Blank lines are skipped.
///
/// # Errors
/// A problem for too many rows.
pub(crate) fn lines(text: &str, table: &ServedTable, most: usize) -> Result<Batch, Problem> {
    let mut batch = BatchBuilder::new(table);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if batch.len() == most {
            return Err(too_many(most));
        }
        let raw = place(text, line);
        match serde_json::from_str::<&RawValue>(line) {
            Ok(row) => add(&mut batch, table, row.get(), raw),
            Err(error) => {
                let message = format!("the line is not JSON: {error}");
                batch.not_a_row(vec![of_row(message)], raw);
            }
        }
    }
    Ok(batch.finish())
}

/// Visits the elements of an array of rows.
struct Elements<'b, 't, 'a> {
    batch: &'b mut BatchBuilder<'t>,
    text: &'a str,
    most: usize,
}

impl<'de> Visitor<'de> for Elements<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(row) = elements.next_element::<&'de RawValue>()? {
            let raw = place(self.text, row.get());
            let table = self.batch.table();
            add(self.batch, table, row.get(), raw);
            if self.batch.len() > self.most {
                return Err(serde::de::Error::custom("too many rows"));
            }
        }
        Ok(())
    }
}

/// The place of a part of a text within the text.
fn place(text: &str, part: &str) -> RowText {
    let start = part.as_ptr() as usize - text.as_ptr() as usize;
    RowText {
        start,
        end: start + part.len(),
    }
}

/// Adds the row that a JSON text describes.
fn add(batch: &mut BatchBuilder<'_>, table: &ServedTable, row: &str, raw: RowText) {
    if !row.starts_with('{') {
        let message = "the row is not an object with a field for each column".to_owned();
        return batch.not_a_row(vec![of_row(message)], raw);
    }
    let mut fields = Fields::new(table);
    if let Err(error) = serde_json::Deserializer::from_str(row).deserialize_map(&mut fields) {
        let message = format!("the row's names cannot be read: {error}");
        return batch.not_a_row(vec![of_row(message)], raw);
    }
    let Fields {
        cells,
        mut broken,
        wrong_names,
        ..
    } = fields;
    if wrong_names > SHOWN_NAMES {
        let more = wrong_names - SHOWN_NAMES;
        let message = format!("{more} more names are not columns, or are given twice");
        broken.push(of_row(message));
    }
    let mut defaults = Vec::new();
    for (place, cell) in cells.iter().enumerate() {
        if *cell == Cell::Default {
            defaults.push(place as u16);
        }
    }
    broken.extend(cells.iter().zip(&table.json.columns).filter_map(nul));
    let values = match table.json.check(cells) {
        Ok(values) => {
            broken.extend(half_nulls(table, &values));
            values
        }
        Err(BrokenRow { violations, values }) => {
            broken.extend(violations);
            values
        }
    };
    // The fault of a value that is not one of its column's is recorded already, so the value is left out.
    batch.row(&values as &[Value<'_>], defaults, broken, raw);
}

fn nul((cell, column): (&Cell<'_>, &ColumnRules)) -> Option<Violation> {
    match cell {
        Cell::Text(text) if text.contains('\0') => Some(holds_nul(&column.name)),
        _ => None,
    }
}

/// A broken rule of the row as a whole.
fn of_row(message: String) -> Violation {
    Violation {
        column: String::new(),
        rule: Rule::Shape,
        message,
    }
}

/// The fields of a row's object, as they are found.
struct Fields<'t, 'a> {
    table: &'t ServedTable,
    cells: Vec<Cell<'a>>,
    given: Vec<bool>,
    broken: Vec<Violation>,
    /// How many names are not columns, or came twice.
    wrong_names: usize,
}

impl<'t> Fields<'t, '_> {
    fn new(table: &'t ServedTable) -> Self {
        let absent = |filled: &bool| match filled {
            true => Cell::Default,
            false => Cell::Null,
        };
        Self {
            table,
            cells: table.filled.iter().map(absent).collect(),
            given: vec![false; table.filled.len()],
            broken: Vec::new(),
            wrong_names: 0,
        }
    }

    /// Reports a wrong name in a row, unless enough were reported: a body may hold millions.
    fn wrong_name(&mut self, name: &str, message: impl FnOnce(&str) -> String) {
        self.wrong_names += 1;
        if self.wrong_names <= SHOWN_NAMES {
            let shown: String = printable(name).chars().take(SHOWN_CHARS).collect();
            self.breaks(&shown, Rule::Shape, message(&shown));
        }
    }

    fn breaks(&mut self, column: &str, rule: Rule, message: String) {
        let column = column.chars().take(SHOWN_CHARS).collect();
        self.broken.push(Violation {
            column,
            rule,
            message,
        });
    }
}

impl<'de> Visitor<'de> for &mut Fields<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
            let value: &'de RawValue = fields.next_value()?;
            let columns = &self.table.json.columns;
            let Some(place) = columns.iter().position(|column| column.name == name) else {
                let table = self.table;
                self.wrong_name(&name, |name| {
                    format!("`{name}` is not a column of {}", table.name())
                });
                continue;
            };
            if std::mem::replace(&mut self.given[place], true) {
                self.wrong_name(&name, |name| format!("`{name}` is given twice"));
                continue;
            }
            match cell(value.get(), &columns[place]) {
                Ok(cell) => self.cells[place] = cell,
                Err((rule, message)) => {
                    self.cells[place] = Cell::Null;
                    self.breaks(&name, rule, message);
                }
            }
        }
        Ok(())
    }
}

/// The cell that a JSON value becomes in a column.
fn cell<'a>(json: &'a str, column: &ColumnRules) -> Result<Cell<'a>, (Rule, String)> {
    let is_json = matches!(column.kind, ColumnType::Json | ColumnType::JsonBinary);
    match json.as_bytes().first() {
        Some(b'n') => Ok(Cell::Null),
        // A column of type json takes the value as it is written.
        _ if is_json => Ok(Cell::Text(Cow::Borrowed(json))),
        Some(b'"') if !json.contains('\\') => {
            Ok(Cell::Text(Cow::Borrowed(&json[1..json.len() - 1])))
        }
        Some(b'"') => match serde_json::from_str(json) {
            Ok(text) => Ok(Cell::Text(Cow::Owned(text))),
            Err(_) => Err((
                Rule::Encoding,
                "holds half of a surrogate pair, which is not a character".to_owned(),
            )),
        },
        // Only the server knows which of these columns are arrays.
        Some(b'[') if column.server_type.is_some() => match array::text(json) {
            Some(text) => Ok(Cell::Text(Cow::Owned(text))),
            None => Err((
                Rule::Type,
                "is not an array that Postgres can hold".to_owned(),
            )),
        },
        Some(b'{' | b'[') => Err((
            Rule::Type,
            "is an object or an array, which the column does not accept: give it as text"
                .to_owned(),
        )),
        _ => Ok(Cell::Text(Cow::Borrowed(json))),
    }
}
