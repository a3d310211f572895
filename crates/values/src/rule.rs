//! The rules that a row can break, and how a broken rule is reported.

use serde::Serialize;

/// A rule that every row must keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The row has as many fields as the file has columns.
    Shape,
    /// Quotes are closed, and nothing but a delimiter follows them.
    Quote,
    /// No CR or LF stands outside of quotes but for the file's line ends.
    LineEnd,
    /// The record is no longer than records may be.
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
    /// The text is no longer than the column allows.
    Length,
    /// The text is one of the enum's labels.
    Label,
    /// The column holds something.
    Required,
    /// The value lies in the range that the dataset gives.
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

/// A rule that a single value breaks. The message follows the value or the column: "is not an integer".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The rule that is broken.
    pub rule: Rule,
    /// What is wrong, in words that follow the value or the column.
    pub message: String,
}

impl Fault {
    /// A broken rule and what is wrong.
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self {
            rule,
            message: message.into(),
        }
    }

    /// A text that is not a value of the column's type: "is not an integer".
    pub fn not_a(what: &str) -> Self {
        Self::new(Rule::Type, format!("is not {what}"))
    }
}

/// A rule that a row breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The column or columns (`a, b`); empty if the row as a whole is at fault.
    pub column: String,
    /// The rule that is broken.
    pub rule: Rule,
    /// What is wrong, in a sentence.
    pub message: String,
}
