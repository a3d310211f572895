//! The rows that a run of a query gave, for comparison with those of another run.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// The relative difference that two floats may have, since sums may be computed in different orders.
const TOLERANCE: f64 = 1e-9;

/// The contents of a CSV file without line breaks in its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    header: String,
    /// The rows, in the order of their bytes.
    rows: Vec<String>,
}

impl Answer {
    /// Reads a file with a header.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::of(&text).with_context(|| format!("{} is empty", path.display()))
    }

    fn of(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::to_owned);
        let header = lines.next()?;
        let mut rows: Vec<_> = lines.collect();
        rows.sort();
        Some(Self { header, rows })
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Fails unless the header and the rows are as expected, digit for digit.
    pub(super) fn check_same(&self, expected: &Self) -> anyhow::Result<()> {
        self.check_count(expected)?;
        let (found, wanted) = (
            [&self.header].into_iter().chain(&self.rows),
            [&expected.header].into_iter().chain(&expected.rows),
        );
        match found.zip(wanted).find(|(found, wanted)| found != wanted) {
            None => Ok(()),
            Some((found, wanted)) => Err(differing(found, wanted)),
        }
    }

    /// Fails unless the rows are as expected, except for the last digits of floats and blanks at the end of texts.
    pub(super) fn check_alike(&self, expected: &Self) -> anyhow::Result<()> {
        self.check_count(expected)?;
        for (found, wanted) in self.cells().iter().zip(&expected.cells()) {
            let alike = found.len() == wanted.len()
                && found
                    .iter()
                    .zip(wanted)
                    .all(|(one, other)| one.is_like(other));
            if !alike {
                return Err(differing(&format!("{found:?}"), &format!("{wanted:?}")));
            }
        }
        Ok(())
    }

    fn check_count(&self, expected: &Self) -> anyhow::Result<()> {
        let (found, wanted) = (self.rows(), expected.rows());
        anyhow::ensure!(
            found == wanted,
            "{found} rows were given instead of {wanted}"
        );
        Ok(())
    }

    /// The cells of all rows, in an order that does not depend on last digits.
    fn cells(&self) -> Vec<Vec<Cell>> {
        let mut rows: Vec<Vec<Cell>> = self.rows.iter().map(|row| cells(row)).collect();
        rows.sort_by_cached_key(|row| row.iter().map(Cell::key).collect::<Vec<_>>());
        rows
    }
}

fn differing(found: &str, wanted: &str) -> anyhow::Error {
    anyhow::anyhow!("a row is {found} instead of {wanted}")
}

/// A value in the form in which it is compared.
#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Number(f64),
    Text(String),
}

impl Cell {
    fn of(text: &str) -> Self {
        let text = text.trim_end();
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Self::Number(number),
            _ => Self::Text(text.to_owned()),
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => {
                (one - other).abs() <= TOLERANCE * one.abs().max(other.abs())
            }
            _ => self == other,
        }
    }

    fn key(&self) -> String {
        match self {
            Self::Number(number) => format!("{number:.6e}"),
            Self::Text(text) => text.clone(),
        }
    }
}

/// The cells of a row of CSV.
fn cells(row: &str) -> Vec<Cell> {
    let (mut texts, mut quoted) = (vec![String::new()], false);
    let mut characters = row.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => push(&mut texts, '"'),
            '"' => quoted = !quoted,
            ',' if !quoted => texts.push(String::new()),
            other => push(&mut texts, other),
        }
    }
    texts.iter().map(|text| Cell::of(text)).collect()
}

fn push(texts: &mut [String], character: char) {
    if let Some(text) = texts.last_mut() {
        text.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer::of(text).expect("a header")
    }

    #[test]
    fn a_row_of_csv_has_cells() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let expected = [text("a,\"b\""), text(""), Cell::Number(1.5), text("c")];
        assert_eq!(cells("\"a,\"\"b\"\"\",,1.50,c   "), expected);
    }

    #[test]
    fn rows_are_the_same_in_any_order_and_to_the_last_digit() {
        let expected = answer("a,b\n1,x\n2,y\n");
        let found = |text: &str| answer(text).check_same(&expected);
        found("a,b\n2,y\n1,x\n").expect("the same rows");
        for (other, why) in [
            ("a,b\n1,x\n", "1 rows were given instead of 2"),
            ("a,c\n1,x\n2,y\n", "a row is a,c instead of a,b"),
            ("a,b\n1,x\n2.0,y\n", "a row is 2.0,y instead of 2,y"),
        ] {
            let error = found(other).expect_err("they differ");
            assert_eq!(error.to_string(), why);
        }
    }

    #[test]
    fn rows_are_alike_but_for_the_last_digits_and_blanks() {
        let expected = answer("a,b\n0.10000000000000000000,x  \n2,y\n");
        let found = |text: &str| answer(text).check_alike(&expected);
        found("b,a\n2.0000000001,y\n0.1,x\n").expect("alike");
        found("a,b\n2.001,y\n0.1,x\n").expect_err("another number");
        found("a,b\n2,z\n0.1,x\n").expect_err("another text");
        found("a,b\n2\n0.1,x\n").expect_err("no text");
    }
}
