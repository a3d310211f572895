//! The outcomes of rows.

use tokio_postgres::error::DbError;
use values::rule::{Rule, Violation};

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The row is in the table.
    Inserted,
    /// The row replaced the one with the same primary key.
    Updated,
    /// Another row already has the key, and the request asked to leave such rows out.
    Skipped,
    /// The row breaks these rules.
    Rejected(Vec<Violation>),
    /// The row is valid, but others of the request are not, and the request wanted all or none.
    LeftOut,
}

impl Outcome {
    /// The outcome's name in answers.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Inserted => "inserted",
            Self::Updated => "updated",
            Self::Skipped => "skipped",
            Self::Rejected(_) => "rejected",
            Self::LeftOut => "left_out",
        }
    }
}

/// How many rows of a request had which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) inserted: u32,
    pub(crate) updated: u32,
    pub(crate) skipped: u32,
    pub(crate) rejected: u32,
    pub(crate) left_out: u32,
}

impl Counts {
    /// Counts outcomes.
    pub(crate) fn of(outcomes: &[Outcome]) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            *match outcome {
                Outcome::Inserted => &mut counts.inserted,
                Outcome::Updated => &mut counts.updated,
                Outcome::Skipped => &mut counts.skipped,
                Outcome::Rejected(_) => &mut counts.rejected,
                Outcome::LeftOut => &mut counts.left_out,
            } += 1;
        }
        counts
    }

    /// How many rows were taken.
    pub(crate) fn taken(&self) -> u32 {
        self.inserted + self.updated + self.skipped
    }

    /// How many rows the request had.
    pub(crate) fn all(&self) -> u32 {
        self.taken() + self.rejected + self.left_out
    }
}

/// The broken rule that an error of the server reports; `None` for an error that is not about a row.
pub(crate) fn violation(error: &DbError) -> Option<Violation> {
    let rule = match error.code().code() {
        "23502" => Rule::Required,
        "23503" => Rule::Reference,
        "23505" | "23P01" => Rule::Unique,
        "22001" => Rule::Length,
        "22003" => Rule::Overflow,
        code => match code.get(..2) {
            Some("22") => Rule::Type,
            // CHECK constraints, and errors that triggers raise.
            Some("23" | "44" | "P0") => Rule::Check,
            _ => return None,
        },
    };
    Some(Violation {
        column: error.column().unwrap_or_default().to_owned(),
        rule,
        message: error.message().to_owned(),
    })
}
