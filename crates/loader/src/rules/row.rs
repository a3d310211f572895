//! Turns the fields of a row into the row that Postgres would store, or into the list of all rules that it breaks: a pure
//! function, without a file, a database or a clock.

use values::rule::{Rule, Violation};
use values::text::printable;
use values::value::Value;

use crate::rules::column::{Cell, ColumnRules};

/// The longest part of a value that a message repeats, in characters.
const SHOWN_CHARS: usize = 40;
/// The blanks that people put after a delimiter to make a file easier to read.
pub(crate) const BLANKS: [char; 2] = [' ', '\t'];

/// The rules that each row of a table must obey by itself.
#[derive(Debug, Clone)]
pub struct RowRules {
    /// The columns for which a row has fields, in the order of the cells.
    pub columns: Vec<ColumnRules>,
}

/// A row that breaks rules.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokenRow<'a> {
    /// Every rule that the row breaks, in the order of columns.
    pub violations: Vec<Violation>,
    /// The row's values, with NULL in place of the broken ones, for the rules that look beyond the row.
    pub values: Vec<Value<'a>>,
}

impl RowRules {
    /// Checks one row, which has as many cells as there are columns.
    ///
    /// # Errors
    /// All rules that the row breaks.
    pub fn check<'a>(
        &self,
        cells: impl IntoIterator<Item = Cell<'a>>,
    ) -> Result<Vec<Value<'a>>, BrokenRow<'a>> {
        let mut values = Vec::with_capacity(self.columns.len());
        let mut violations = Vec::new();
        for (column, cell) in self.columns.iter().zip(cells) {
            // The cell's text goes into the value, so it is cloned for the message; that costs nothing for a borrowed one.
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

/// The broken rule of a row that holds a NUL byte in a column.
pub fn holds_nul(column: &str) -> Violation {
    Violation {
        column: column.to_owned(),
        rule: Rule::Nul,
        message: "holds a NUL byte".to_owned(),
    }
}

/// The broken rule of a reference of which `nulls` columns are NULL, if all or none of them must be; `None` if it is not broken.
pub fn half_null(columns: &[&str], nulls: usize) -> Option<Violation> {
    (1..columns.len()).contains(&nulls).then(|| {
        let names = columns.join(", ");
        Violation {
            message: format!("either all or none of {names} may be NULL (MATCH FULL)"),
            column: names,
            rule: Rule::Reference,
        }
    })
}

/// The message about quotes that were meant to enclose a field and do not.
pub(crate) const QUOTE_BEHIND_BLANK: &str = "a quote after a blank does not enclose a field";

/// Says what is wrong with a cell: "`12a` is not an integer".
fn message(cell: &Cell<'_>, fault: &str) -> String {
    let fault = match cell {
        Cell::Text(text) if has_quote_behind_blank(text) => {
            &format!("{fault}: {QUOTE_BEHIND_BLANK}")
        }
        _ => fault,
    };
    match cell {
        Cell::Text(text) if text.chars().nth(SHOWN_CHARS).is_some() => {
            let beginning: String = text.chars().take(SHOWN_CHARS).collect();
            format!("`{}…` {fault}", printable(&beginning))
        }
        Cell::Text(text) => format!("`{}` {fault}", printable(text)),
        _ => fault.to_owned(),
    }
}

/// Whether a field begins with blanks followed by a quote, which then is a character like any other.
fn has_quote_behind_blank(text: &str) -> bool {
    let unblanked = text.trim_start_matches(BLANKS);
    unblanked.len() < text.len() && unblanked.starts_with('"')
}
