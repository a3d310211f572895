//! The core: a row of fields becomes the row that Postgres would store, or the list of all rules that it
//! breaks. A pure function: no file, no database, no clock.

use values::rule::Violation;
use values::value::Value;

use crate::rules::column::{Cell, ColumnRules};

/// The longest part of a value that a message repeats, in characters.
const SHOWN_CHARS: usize = 40;

/// What rows of a table must keep, as far as a row alone can tell.
#[derive(Debug, Clone)]
pub struct RowRules {
    /// The columns that a row has fields for, in the order in which they are given.
    pub columns: Vec<ColumnRules>,
}

/// A row that breaks rules.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokenRow<'a> {
    /// Every rule that it breaks, in the order of columns.
    pub violations: Vec<Violation>,
    /// Its values, NULL in place of the broken ones, for the rules that look beyond the row.
    pub values: Vec<Value<'a>>,
}

impl RowRules {
    /// Checks one row, which has as many cells as there are columns.
    ///
    /// # Errors
    /// All rules that it breaks.
    pub fn check<'a>(
        &self,
        cells: impl IntoIterator<Item = Cell<'a>>,
    ) -> Result<Vec<Value<'a>>, BrokenRow<'a>> {
        let mut values = Vec::with_capacity(self.columns.len());
        let mut violations = Vec::new();
        for (column, cell) in self.columns.iter().zip(cells) {
            // Its text goes into the value; a borrowed one costs nothing to keep for the message.
            match column.value(cell.clone()) {
                Ok(value) => values.push(value),
                Err(fault) => {
                    values.push(Value::Null);
                    violations.push(Violation {
                        column: column.name.clone(),
                        rule: fault.rule,
                        message: message(&cell, &fault.message),
                    });
                }
            }
        }
        if violations.is_empty() {
            Ok(values)
        } else {
            Err(BrokenRow { violations, values })
        }
    }
}

/// A sentence about a cell: "`12a` is not an integer".
fn message(cell: &Cell<'_>, fault: &str) -> String {
    match cell {
        Cell::Text(text) if text.chars().nth(SHOWN_CHARS).is_some() => {
            let beginning: String = text.chars().take(SHOWN_CHARS).collect();
            format!("`{beginning}…` {fault}")
        }
        Cell::Text(text) => format!("`{text}` {fault}"),
        _ => fault.to_owned(),
    }
}
