//! The commonest reasons why rows are rejected, each with a sample row, for the error that ends a load.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use values::rule::{Rule, Violation};
use values::text::printable;

/// How many reasons are shown.
const TOLD: usize = 3;
/// How many characters of a message, and of a row, are shown.
const TOLD_CHARS: usize = 120;
/// How many characters of a row are kept.
const KEPT_CHARS: usize = 1000;

/// The rules that rows broke, by the columns that broke them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reasons(BTreeMap<Rule, BTreeMap<String, Reason>>);

/// A rule that a column broke, with the first row in which it did.
#[derive(Debug, Clone)]
struct Reason {
    rows: u64,
    file: String,
    line: u64,
    message: String,
    raw: String,
}

impl Reasons {
    /// Counts a broken rule of the row that begins on a line of a file.
    pub(crate) fn add(&mut self, violation: &Violation, file: &str, line: u64, raw: &str) {
        let of_rule = self.0.entry(violation.rule).or_default();
        if let Some(reason) = of_rule.get_mut(&violation.column) {
            reason.rows += 1;
            return;
        }
        let reason = Reason {
            rows: 1,
            file: file.to_owned(),
            line,
            message: cut(&violation.message, KEPT_CHARS),
            raw: cut(raw, KEPT_CHARS),
        };
        of_rule.insert(violation.column.clone(), reason);
    }

    /// Adds the rules that later rows broke.
    pub(crate) fn extend(&mut self, behind: Self) {
        for (rule, columns) in behind.0 {
            let of_rule = self.0.entry(rule).or_default();
            for (column, reason) in columns {
                match of_rule.get_mut(&column) {
                    Some(known) => known.rows += reason.rows,
                    None => {
                        of_rule.insert(column, reason);
                    }
                }
            }
        }
    }

    /// The rows that are kept as samples.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &str> {
        let reasons = self.0.values().flat_map(BTreeMap::values);
        reasons.map(|reason| reason.raw.as_str())
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &Reason)> {
        let by_column = self.0.values().flatten();
        by_column.map(|(column, reason)| (column.as_str(), reason))
    }
}

/// The commonest reasons why rows of these tables are rejected, one reason a line.
pub(crate) fn commonest<'r>(tables: impl Iterator<Item = (&'r str, &'r Reasons)>) -> String {
    let mut all: Vec<(&str, &str, &Reason)> = tables
        .flat_map(|(table, reasons)| {
            let of_table = reasons.iter();
            of_table.map(move |(column, reason)| (table, column, reason))
        })
        .collect();
    all.sort_by_key(|(_, _, reason)| Reverse(reason.rows));
    let mut lines = String::new();
    for (table, column, reason) in all.iter().take(TOLD) {
        let dot = if column.is_empty() { "" } else { "." };
        let rows = if reason.rows == 1 { "row" } else { "rows" };
        lines += &format!(
            "\n  {} {rows}: {table}{dot}{column}: {}; as {}, line {}: {}",
            reason.rows,
            printable(&cut(&reason.message, TOLD_CHARS)),
            reason.file,
            reason.line,
            printable(&cut(&reason.raw, TOLD_CHARS))
        );
    }
    lines
}

/// The first `most_chars` characters of a text.
fn cut(text: &str, most_chars: usize) -> String {
    match text.char_indices().nth(most_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(column: &str, rule: Rule, message: &str) -> Violation {
        Violation {
            column: column.to_owned(),
            rule,
            message: message.to_owned(),
        }
    }

    #[test]
    fn the_three_commonest_reasons_are_told_with_their_first_rows_and_nothing_that_a_terminal_obeys()
     {
        let mut reasons = Reasons::default();
        for line in 1..=4 {
            reasons.add(
                &broken("", Rule::Shape, "has 2 fields"),
                "a.csv",
                line,
                "1,2",
            );
            if line > 1 {
                reasons.add(
                    &broken("id", Rule::Type, "`\u{1b}` is not"),
                    "a.csv",
                    line,
                    "\u{1b}\n",
                );
            }
            if line > 2 {
                let long = "é".repeat(200);
                reasons.add(
                    &broken("name", Rule::Length, "is long"),
                    "a.csv",
                    line,
                    &long,
                );
            }
        }
        reasons.add(
            &broken("name", Rule::Required, "is missing"),
            "a.csv",
            9,
            ",",
        );
        let told = commonest([("t", &reasons)].into_iter());
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines.len(), 4, "{told}");
        assert_eq!(lines[1], "  4 rows: t: has 2 fields; as a.csv, line 1: 1,2");
        assert_eq!(
            lines[2],
            "  3 rows: t.id: `\\x1b` is not; as a.csv, line 2: \\x1b\\n"
        );
        assert!(lines[3].starts_with("  2 rows: t.name: is long; as a.csv, line 3: éé"));
        assert!(lines[3].ends_with("é…"), "{told}");
    }
}
