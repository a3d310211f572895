//! Faults that are planted on purpose, to test what becomes of them downstream.
//!
//! A dirty row has one fault, in one place, of a kind that clean rows never have; so a query can count each kind. Some faults
//! break a rule: no database takes them, so they are planted in files only, where whatever loads the files must refuse them.

use std::collections::BTreeMap;

use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use crate::draw::random::{Draws, Share, Stream};
use crate::table::time::DAY;

/// 0001-01-01T00:00:00 and 9999-12-31T23:59:59.999999, in microseconds from 2000-01-01.
pub(crate) const FAR_TIMES: [i64; 2] = [-730_119 * DAY, 2_921_940 * DAY - 1];
/// The highest amount of `numeric(10,2)`, in cents.
pub(crate) const EXTREME_CENTS: i64 = 9_999_999_999;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The text ends in a space.
    TrailingSpace,
    /// The text's accents are characters of their own (Unicode NFD), so that it looks equal to another and isn't.
    Decomposed,
    /// The text is empty.
    EmptyText,
    /// The text holds double and single quotes.
    Quotes,
    /// The text holds a line break.
    LineBreak,
    /// The text holds a comma, a semicolon and a tab.
    Delimiters,
    /// The text begins with `../` and holds `=` and `%2F`.
    PathCharacters,
    /// The client has the name and age of the client before.
    DuplicateClient,
    /// The date is the first or the last that a year of four digits can express.
    FarDate,
    /// The amount is the highest or the lowest that its type can hold.
    ExtremeAmount,
    /// In files: a field that is required is missing.
    MissingField,
    /// In files: a number is not a number.
    NotANumber,
    /// In files: a number is beyond its type.
    OutOfRange,
    /// In files: a time is not in the calendar, or not written as times are.
    ImpossibleTime,
    /// In files: a text is longer than its column.
    TooLong,
    /// In files: the text is not UTF-8.
    NotUtf8,
    /// In files: the text holds a NUL character, which Postgres has no place for.
    NulByte,
    /// In files: the row lacks its last field.
    RaggedRow,
    /// In files: the row has the key of the row before.
    DuplicateKey,
    /// In files: the row names a row that does not exist.
    UnknownReference,
    /// In files: the row itself is whole, but its parent is refused for a fault of its own.
    MissingParent,
}

/// A fault, and the column of its row that it is planted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultIn {
    /// What is wrong.
    pub fault: Fault,
    /// The column with the fault; empty if the fault is the whole row's.
    pub column: &'static str,
}

impl FaultIn {
    pub(crate) const fn new(fault: Fault, column: &'static str) -> Self {
        Self { fault, column }
    }
}

impl Fault {
    /// Plants the fault in a text. Faults that texts cannot have leave it as it is.
    pub(crate) fn plant_in(self, text: &mut String) {
        match self {
            Self::TrailingSpace => text.push(' '),
            Self::Decomposed => *text = text.nfd().collect(),
            Self::EmptyText => text.clear(),
            Self::Quotes => text.push_str(" \"D'OURO\""),
            Self::LineBreak => text.push_str("\nLTDA"),
            Self::Delimiters => text.push_str(",;\tLTDA"),
            Self::PathCharacters => text.insert_str(0, "../a=b%2F"),
            _ => {}
        }
    }
}

/// Decides which rows get which fault.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    share: Option<Share>,
}

impl Faults {
    /// Plants faults in a `share` of rows, of 1.
    pub(crate) fn new(seed: u64, share: f64) -> Self {
        Self {
            seed,
            share: (share > 0.0).then(|| Share::new(share)),
        }
    }

    /// Draws one of `faults` for the row with this index, if it is to have one. `stream` tells faults that a database can
    /// hold from those that break a rule.
    pub(crate) fn draw<F: Copy>(
        &self,
        stream: Stream,
        index: u64,
        faults: &'static [F],
    ) -> Option<F> {
        let mut draws = Draws::of(self.seed, stream, index);
        draws.chance(self.share?).then(|| *draws.pick(faults))
    }
}

/// How many rows of one table have which fault.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultCounts(BTreeMap<FaultIn, u64>);

impl FaultCounts {
    pub(crate) fn count(&mut self, fault: Option<FaultIn>) {
        if let Some(fault) = fault {
            *self.0.entry(fault).or_default() += 1;
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (&fault, rows) in &other.0 {
            *self.0.entry(fault).or_default() += rows;
        }
    }

    /// The counts as the report has them, for the table of this name.
    pub(crate) fn report(&self, table: &'static str) -> Vec<FaultCount> {
        let planted = self.0.iter();
        planted
            .map(|(&FaultIn { fault, column }, &rows)| FaultCount {
                table,
                column,
                fault,
                rows,
            })
            .collect()
    }
}

/// How many rows of a table have a certain fault.
#[derive(Debug, Clone, Serialize)]
pub struct FaultCount {
    /// The table's name.
    pub table: &'static str,
    /// The column with the fault: for a duplicate client, the first of the columns that are alike; empty if the fault is the
    /// whole row's.
    pub column: &'static str,
    /// What is wrong with the column.
    pub fault: Fault,
    /// How many rows have the fault.
    pub rows: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::calendar::Date;

    #[test]
    fn far_times_are_the_ends_of_the_calendar() {
        let days = |text: &str| i64::from(text.parse::<Date>().expect("a date").days() - 10_957);
        assert_eq!(
            FAR_TIMES,
            [days("0001-01-01") * DAY, (days("9999-12-31") + 1) * DAY - 1]
        );
    }

    #[test]
    fn texts_are_changed_as_said() {
        for (fault, expected) in [
            (Fault::TrailingSpace, "José "),
            (Fault::Decomposed, "Jose\u{301}"),
            (Fault::EmptyText, ""),
            (Fault::Quotes, "José \"D'OURO\""),
            (Fault::LineBreak, "José\nLTDA"),
            (Fault::Delimiters, "José,;\tLTDA"),
            (Fault::PathCharacters, "../a=b%2FJosé"),
            (Fault::FarDate, "José"),
        ] {
            let mut text = "José".to_owned();
            fault.plant_in(&mut text);
            assert_eq!(text, expected);
        }
    }
}
