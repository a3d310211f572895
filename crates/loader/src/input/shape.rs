//! What makes a record no row at all, apart from the rules of its columns: torn lines, a wrong number of fields, nothing but
//! delimiters, a second header, NUL bytes, a reference of which only a part is NULL.

use memchr::memchr;
use values::records::{Field, Form, Record, Torn};
use values::rule::{Rule, Violation};
use values::value::Value;

use crate::input::header::counted;
use crate::input::row_plan::RowPlan;
use crate::rules::row::{BLANKS, QUOTE_BEHIND_BLANK, half_null, holds_nul};

/// A byte order mark, which stands inside a file where two files were joined.
const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];
/// The message about a row that holds nothing.
pub(super) const EMPTY_ROW: &str = "the row is empty: it has delimiters and nothing else";

impl RowPlan {
    /// The references of a row of which some columns are NULL and others are not, as broken rules.
    pub(super) fn half_null<'a>(
        &'a self,
        values: &'a [Value<'a>],
    ) -> impl Iterator<Item = Violation> + 'a {
        self.match_full.iter().filter_map(|columns| {
            let nulls = columns.iter().filter(|column| values[**column].is_null());
            let names = columns
                .iter()
                .map(|column| &*self.rows.columns[*column].name);
            half_null(&names.collect::<Vec<_>>(), nulls.count())
        })
    }

    /// The rule that keeps a record from being a row at all.
    pub(super) fn unfit(&self, record: &Record, fields: &[Field], raw: &[u8]) -> Option<Violation> {
        let (rule, message) = match record.torn {
            Some(Torn::Unclosed) => (
                Rule::Quote,
                "a quote is opened and not closed within the row".to_owned(),
            ),
            Some(Torn::AfterQuote) => (Rule::Quote, "something follows a closing quote".to_owned()),
            Some(Torn::TooLong) => (
                Rule::Size,
                format!(
                    "the line has more than {} bytes (--max-record takes longer ones)",
                    self.grammar.longest_bytes
                ),
            ),
            Some(Torn::LineBreak) => (
                Rule::LineEnd,
                format!(
                    "a line break outside of quotes is not {}, with which the file's first line ends",
                    self.grammar.line_end.name()
                ),
            ),
            None => (Rule::Shape, self.misshapen(fields, raw)?),
        };
        Some(of_row(rule, message))
    }

    /// What is wrong with how many fields a record has, or with the record as a whole.
    fn misshapen(&self, fields: &[Field], raw: &[u8]) -> Option<String> {
        let repeats = |header: &Vec<u8>| raw.strip_prefix(&UTF8_MARK).unwrap_or(raw) == header;
        if self.header.as_ref().is_some_and(repeats) {
            return Some("repeats the header".to_owned());
        }
        if fields.len() != self.grammar.fields {
            return Some(match self.is_empty(raw) {
                true => EMPTY_ROW.to_owned(),
                false => format!(
                    "the row has {}, the file {}{}",
                    counted(fields.len(), "field"),
                    counted(self.grammar.fields, "column"),
                    match self.has_quote_behind_blank(raw) {
                        true => format!(": {QUOTE_BEHIND_BLANK}"),
                        false => String::new(),
                    }
                ),
            });
        }
        let holds_something = |field: &Field| field.start < field.end || field.form != Form::Plain;
        if self.trailing && fields.last().is_some_and(holds_something) {
            return Some(
                "something follows the delimiter that ends the file's other lines".to_owned(),
            );
        }
        None
    }

    /// Whether a field of a record begins with blanks followed by a quote.
    fn has_quote_behind_blank(&self, raw: &[u8]) -> bool {
        let Some(quote) = self.grammar.quote else {
            return false;
        };
        let is_blank = |byte: &&u8| BLANKS.contains(&char::from(**byte));
        let mut fields = raw.split(|byte| *byte == self.grammar.delimiter);
        fields.any(|field| {
            let blanks = field.iter().take_while(is_blank).count();
            blanks > 0 && field.get(blanks) == Some(&quote)
        })
    }

    /// Whether a record holds nothing but delimiters.
    pub(super) fn is_empty(&self, raw: &[u8]) -> bool {
        !raw.is_empty() && raw.iter().all(|byte| *byte == self.grammar.delimiter)
    }

    /// The columns that hold a NUL byte, as broken rules.
    pub(super) fn nul<'a>(
        &'a self,
        bytes: &'a [u8],
        fields: &'a [Field],
    ) -> impl Iterator<Item = Violation> + 'a {
        let holding = self
            .fields
            .iter()
            .zip(&self.rows.columns)
            .filter(|(field, _)| {
                let field = &fields[**field];
                memchr(0, &bytes[field.start as usize..field.end as usize]).is_some()
            });
        holding.map(|(_, column)| holds_nul(&column.name))
    }
}

/// A broken rule of the row as a whole.
pub(super) fn of_row(rule: Rule, message: String) -> Violation {
    Violation {
        column: String::new(),
        rule,
        message,
    }
}
