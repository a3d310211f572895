//! The rules of a column, by which a field's text becomes a value.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use database::catalogue::constraints::ServerType;
use dataset::ColumnType;
use dataset::cell_rules::ThousandsMark;
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
    /// How many digits the fraction of a second may have.
    pub fraction_digits: Option<u32>,
    /// The labels of the type, if it is an enum.
    pub labels: Option<Vec<String>>,
    /// How the server names and judges the type, if only the server can judge its texts.
    pub server_type: Option<ServerType>,
    /// The least value that the dataset allows.
    pub min: Option<Value<'static>>,
    /// The greatest value that the dataset allows.
    pub max: Option<Value<'static>>,
    /// The character before a number's fraction.
    pub decimal_mark: u8,
    /// What may stand between a number's groups of three digits, if anything.
    pub thousands_mark: Option<ThousandsMark>,
    /// Whether an integer may have a fraction of zeros: `8.0`.
    pub zero_fraction: bool,
    /// Words that mean NULL.
    pub null: Arc<[String]>,
    /// Whether an empty field and the words for NULL mean NULL in quotes too.
    pub quoted_null: bool,
    /// Formats of dates and timestamps beside ISO 8601.
    pub formats: Arc<[Format]>,
}

/// The marks that a number is written with.
#[derive(Debug, Clone, Copy)]
struct Marks {
    decimal: u8,
    thousands: Option<ThousandsMark>,
    zero_fraction: bool,
}

/// A field's text, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// NULL: a word for it, or an empty field.
    Null,
    /// No cell at all: the column takes the database's default value.
    Default,
    /// Text, which may be empty.
    Text(Cow<'a, str>),
    /// Bytes that are not text in the file's encoding.
    Undecodable,
}

impl ColumnRules {
    /// Turns a cell into a value.
    ///
    /// # Errors
    /// The first rule that the cell breaks.
    pub fn value<'a>(&self, cell: Cell<'a>) -> Result<Value<'a>, Fault> {
        let text = match cell {
            Cell::Null if self.required || !self.nullable => {
                return Err(Fault::new(Rule::Required, "is missing"));
            }
            Cell::Default if self.required => {
                return Err(Fault::new(Rule::Required, "is missing"));
            }
            Cell::Null | Cell::Default => return Ok(Value::Null),
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

    /// Checks that the server would take a time without rounding it.
    fn is_fine(&self, value: &Value<'_>) -> Result<(), Fault> {
        let unit = self
            .fraction_digits
            .map_or(1, |digits| 10_i64.pow(6 - digits.min(6)));
        match value {
            Value::Time(micros) | Value::Timestamp(micros) if micros % unit != 0 => {
                Err(Fault::new(
                    Rule::Scale,
                    "has more digits after the second than the column keeps",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Turns a text into a value of the column's type, without checking range and fraction.
    ///
    /// # Errors
    /// The rule of the type that the text breaks.
    pub fn parse<'a>(&self, text: Cow<'a, str>) -> Result<Value<'a>, Fault> {
        match self.kind {
            ColumnType::Boolean => number::boolean(&text),
            ColumnType::SmallInt
            | ColumnType::Integer
            | ColumnType::BigInt
            | ColumnType::Real
            | ColumnType::Double
            | ColumnType::Numeric { .. } => self
                .number(&text, self.marks())
                .map_err(|fault| self.with_hint(&text, fault)),
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

    fn marks(&self) -> Marks {
        Marks {
            decimal: self.decimal_mark,
            thousands: self.thousands_mark,
            zero_fraction: self.zero_fraction,
        }
    }

    /// Turns a text that is written with these marks into a number.
    fn number(&self, text: &str, marks: Marks) -> Result<Value<'static>, Fault> {
        let digits = match marks.thousands {
            Some(thousands) => number::ungrouped(text, thousands, marks.decimal)
                .ok_or_else(|| Fault::not_a("a number with thousands marks"))?,
            None => Cow::Borrowed(text),
        };
        let whole = match marks.zero_fraction {
            true => number::without_zero_fraction(&digits, marks.decimal),
            false => &*digits,
        };
        match self.kind {
            ColumnType::SmallInt => number::whole(whole, "smallint").map(Value::SmallInt),
            ColumnType::Integer => number::whole(whole, "integer").map(Value::Integer),
            ColumnType::BigInt => number::whole(whole, "bigint").map(Value::BigInt),
            ColumnType::Real => number::real(&digits, marks.decimal),
            ColumnType::Numeric { precision, scale } => {
                number::numeric(&digits, marks.decimal, precision, scale)
            }
            _ => number::double(&digits, marks.decimal),
        }
    }

    /// Adds to the fault of a number the options with which it would be one. One number cannot tell which of them, if any, is right
    /// for the column: `1,234` may be either.
    fn with_hint(&self, text: &str, fault: Fault) -> Fault {
        let is_marked = |c: char| {
            ThousandsMark::ALL
                .iter()
                .any(|mark| mark.characters().contains(&c))
        };
        if fault.rule != Rule::Type || !text.contains(is_marked) {
            return fault;
        }
        let is_whole = matches!(
            self.kind,
            ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt
        );
        let marks = self.marks();
        let fraction = Marks {
            zero_fraction: is_whole,
            ..marks
        };
        let thousands = ThousandsMark::ALL.map(Some).into_iter().chain([None]);
        let mut others = thousands.flat_map(|thousands| {
            [b'.', b','].map(|decimal| Marks {
                decimal,
                thousands,
                ..marks
            })
        });
        let fits = |marks: Marks| {
            let apart = |mark: ThousandsMark| !mark.is(marks.decimal);
            marks.thousands.is_none_or(apart) && self.number(text, marks).is_ok()
        };
        let hint = if fits(fraction) {
            "see the option zero_fraction"
        } else if others.clone().any(fits) {
            "see the options decimal_mark and thousands_mark"
        } else if is_whole
            && others.any(|marks| {
                fits(Marks {
                    zero_fraction: true,
                    ..marks
                })
            })
        {
            "see the options decimal_mark, thousands_mark and zero_fraction"
        } else {
            return fault;
        };
        Fault::new(fault.rule, format!("{}: {hint}", fault.message))
    }

    /// Rewrites a number with a decimal point, for a column whose numbers the server judges.
    fn with_point<'a>(&self, text: Cow<'a, str>) -> Result<Value<'a>, Fault> {
        let text = match self.thousands_mark {
            Some(thousands) => number::ungrouped(&text, thousands, self.decimal_mark)
                .ok_or_else(|| Fault::not_a("a number with thousands marks"))?
                .into_owned()
                .into(),
            None => text,
        };
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
            // NaN is in no range.
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
