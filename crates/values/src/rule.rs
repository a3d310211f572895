//! The rules that a row can break, and how a broken rule is reported.

use serde::Serialize;

/// A rule that every row must obey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The row has as many fields as the file has columns.
    Shape,
    /// Quotes are closed, and nothing but a delimiter follows them.
    Quote,
    /// Outside of quotes there are no CR or LF other than the file's line ends.
    LineEnd,
    /// The record is not longer than records may be.
    Size,
    /// The bytes are text in the file's encoding.
    Encoding,
    /// No byte is NUL, which no text in Postgres can hold.
    Nul,
    /// The text is a value of the column's type.
    Type,
    /// The number fits the type.
    Overflow,
    /// There are no digits beyond the column's scale, and no fractions of a second beyond microseconds.
    Scale,
    /// The text is not longer than the column allows.
    Length,
    /// The text is one of the enum's labels.
    Label,
    /// The column is neither NULL nor, if it must hold something, empty.
    Required,
    /// The value is in the range that the dataset gives.
    Range,
    /// No CHECK constraint of the table, or of the column's domain, is false.
    Check,
    /// No other row has the same key.
    Unique,
    /// The row that is referred to exists.
    Reference,
}

impl Rule {
    /// The rule's name in reports and in the files and the table of rejects.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Quote => "quote",
            Self::LineEnd => "line_end",
            Self::Size => "size",
            Self::Encoding => "encoding",
            Self::Nul => "nul",
            Self::Type => "type",
            Self::Overflow => "overflow",
            Self::Scale => "scale",
            Self::Length => "length",
            Self::Label => "label",
            Self::Required => "required",
            Self::Range => "range",
            Self::Check => "check",
            Self::Unique => "unique",
            Self::Reference => "reference",
        }
    }
}

/// A rule that a single value breaks, with a message that follows the value or the column: "is not an integer".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The rule that is broken.
    pub rule: Rule,
    /// What is wrong, in words that follow the name of the value or the column.
    pub message: String,
}

impl Fault {
    /// A broken rule, with what is wrong.
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self {
            rule,
            message: message.into(),
        }
    }

    /// The fault of a text that is not a value of the column's type: "is not an integer".
    pub fn not_a(what: &str) -> Self {
        Self::new(Rule::Type, format!("is not {what}"))
    }
}

/// A rule that a row breaks, with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The name of the column, or of several (`a, b`); empty if the fault is the whole row's.
    pub column: String,
    /// The rule that is broken.
    pub rule: Rule,
    /// What is wrong, as a sentence.
    pub message: String,
}
