//! The rules of a column, by which a field's text becomes a value.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use database::catalogue::constraints::ServerType;
use dataset::ColumnType;
use values::number;
use values::rule::{Fault, Rule};
use values::strftime::Format;
use values::value::Value;
use values::{binary, datetime, json};

/// What values a column takes.
#[derive(Debug, Clone)]
pub struct ColumnRules {
    /// The column's name in the database.
    pub name: String,
    /// The column's type.
    pub kind: ColumnType,
    /// Whether the column may be NULL.
    pub nullable: bool,
    /// Whether the column must hold something: neither NULL nor the empty string.
    pub required: bool,
    /// The `n` of `varchar(n)` and `char(n)`.
    pub max_chars: Option<usize>,
    /// Whether the column is a `char(n)`, to which trailing blanks mean nothing.
    pub blank_padded: bool,
    /// How many digits a second's fraction may have.
    pub fraction_digits: Option<u32>,
    /// The labels of the type, if it is an enum.
    pub labels: Option<Vec<String>>,
    /// What the type is, if only the server can judge its texts.
    pub server_type: Option<ServerType>,
    /// The least value that the dataset allows.
    pub min: Option<Value<'static>>,
    /// The greatest value that the dataset allows.
    pub max: Option<Value<'static>>,
    /// The character before a number's fraction.
    pub decimal_mark: u8,
    /// Formats of dates and timestamps beside ISO 8601.
    pub formats: Arc<[Format]>,
}

/// A field's text, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// NULL, or nothing at all.
    Null,
    /// Text, which may be empty.
    Text(Cow<'a, str>),
    /// Bytes that are not text in the file's encoding.
    Undecodable,
}

impl ColumnRules {
    /// Makes a value of a cell, or names the rule that the cell breaks.
    ///
    /// # Errors
    /// The first rule that the cell breaks.
    pub fn value<'a>(&self, cell: Cell<'a>) -> Result<Value<'a>, Fault> {
        let text = match cell {
            Cell::Null if self.required || !self.nullable => {
                return Err(Fault::new(Rule::Required, "is missing"));
            }
            Cell::Null => return Ok(Value::Null),
            // Quotes around nothing make a text, and nothing else.
            Cell::Text(text) if text.is_empty() && !self.takes_empty_text() => {
                return match self.required || !self.nullable {
                    true => Err(Fault::new(Rule::Required, "is missing")),
                    false => Ok(Value::Null),
                };
            }
            Cell::Text(text) if text.is_empty() && self.required => {
                return Err(Fault::new(Rule::Required, "is empty"));
            }
            Cell::Text(text) => text,
            Cell::Undecodable => {
                return Err(Fault::new(Rule::Encoding, "is not of the file's encoding"));
            }
        };
        let value = self.parse(text)?;
        self.in_range(&value)?;
        self.is_fine(&value)?;
        Ok(value)
    }

    /// Whether the empty text may be a value: of types that only the server knows, of those alone that are texts.
    fn takes_empty_text(&self) -> bool {
        matches!(self.server_type, None | Some(ServerType::Text))
    }

    /// Checks that the server would take a time without rounding it.
    fn is_fine(&self, value: &Value<'_>) -> Result<(), Fault> {
        let unit = self
            .fraction_digits
            .map_or(1, |digits| 10_i64.pow(6 - digits.min(6)));
        match value {
            Value::Time(micros) | Value::Timestamp(micros) if micros % unit != 0 => {
                Err(Fault::new(
                    Rule::Scale,
                    "has more digits after the second than the column",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Makes a value of a text, whatever its range and fraction.
    ///
    /// # Errors
    /// The rule of the type that the text breaks.
    pub fn parse<'a>(&self, text: Cow<'a, str>) -> Result<Value<'a>, Fault> {
        match self.kind {
            ColumnType::Boolean => number::boolean(&text),
            ColumnType::SmallInt => number::whole(&text, "smallint").map(Value::SmallInt),
            ColumnType::Integer => number::whole(&text, "integer").map(Value::Integer),
            ColumnType::BigInt => number::whole(&text, "bigint").map(Value::BigInt),
            ColumnType::Real => number::real(&text, self.decimal_mark),
            ColumnType::Double => number::double(&text, self.decimal_mark),
            ColumnType::Numeric { precision, scale } => {
                number::numeric(&text, self.decimal_mark, precision, scale)
            }
            ColumnType::Text if self.server_type == Some(ServerType::Number) => {
                self.with_point(text)
            }
            ColumnType::Text => self.text(text),
            ColumnType::Date => datetime::date(&text, &self.formats),
            ColumnType::Time => datetime::time(&text),
            ColumnType::Timestamp => datetime::timestamp(&text, &self.formats),
            ColumnType::TimestampTz => datetime::timestamp_tz(&text, &self.formats),
            ColumnType::Uuid => binary::uuid(&text),
            ColumnType::Bytes => binary::bytea(&text),
            ColumnType::Json => json::json(&text).map(|()| Value::Text(text)),
            ColumnType::JsonBinary => json::jsonb(&text).map(|()| Value::JsonBinary(text)),
        }
    }

    /// Gives a number that the server will judge a decimal point.
    fn with_point<'a>(&self, text: Cow<'a, str>) -> Result<Value<'a>, Fault> {
        let mark = char::from(self.decimal_mark);
        match mark {
            '.' => Ok(Value::Text(text)),
            _ if text.contains('.') => Err(Fault::not_a("a number with a decimal comma")),
            _ => Ok(Value::Text(text.replace(mark, ".").into())),
        }
    }

    fn text<'a>(&self, mut text: Cow<'a, str>) -> Result<Value<'a>, Fault> {
        if let Some(labels) = &self.labels {
            return match labels.iter().any(|label| *label == *text) {
                true => Ok(Value::Text(text)),
                false => Err(Fault::new(
                    Rule::Label,
                    format!("is not one of {}", labels.join(", ")),
                )),
            };
        }
        if self.blank_padded {
            let length = text.trim_end_matches(' ').len();
            match &mut text {
                Cow::Borrowed(borrowed) => *borrowed = &borrowed[..length],
                Cow::Owned(owned) => owned.truncate(length),
            }
        }
        if let Some(most) = self.max_chars
            && text.len() > most
        {
            let length = text.chars().count();
            if length > most {
                return Err(Fault::new(
                    Rule::Length,
                    format!("has {length} characters of at most {most}"),
                ));
            }
        }
        Ok(Value::Text(text))
    }

    fn in_range(&self, value: &Value<'_>) -> Result<(), Fault> {
        let beyond = |bound: &Option<Value<'static>>, wrong: Ordering| {
            let bound = bound.as_ref()?;
            // NaN lies in no range.
            let order = value.order(bound);
            (order.is_none() || order == Some(wrong)).then(|| bound.shown())
        };
        if let Some(min) = beyond(&self.min, Ordering::Less) {
            return Err(Fault::new(Rule::Range, format!("is less than {min}")));
        }
        if let Some(max) = beyond(&self.max, Ordering::Greater) {
            return Err(Fault::new(Rule::Range, format!("is greater than {max}")));
        }
        Ok(())
    }
}
