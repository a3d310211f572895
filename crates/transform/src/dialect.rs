//! The dialect of CSV files: delimiters, line ends, and how values are written.

use dataset::failure::Kind;
use serde::{Deserialize, Serialize};

/// How CSV files are written. By default: commas, decimal points, NULL as an empty field, lines that end with a line feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    /// The character between fields, one of ASCII.
    pub delimiter: char,
    /// The decimal mark of numbers, a point or a comma.
    pub decimal_mark: char,
    /// Whether each file begins with a byte order mark, which tells Excel that the file is UTF-8.
    pub byte_order_mark: bool,
    /// Which fields are quoted.
    pub quote: Quote,
    /// The word for NULL, never quoted; empty by default.
    pub null_word: String,
    /// The end of each line.
    pub line_end: LineEnd,
}

/// Which fields are quoted. NULL never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quote {
    /// Only texts that would otherwise be read as something else, such as the empty one
    #[default]
    Needed,
    /// All but NULL
    All,
}

/// The end of a line of CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineEnd {
    /// A line feed
    #[default]
    Lf,
    /// A carriage return and a line feed, as on Windows
    #[value(name = "crlf")]
    CrLf,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: ',',
            decimal_mark: '.',
            byte_order_mark: false,
            quote: Quote::Needed,
            null_word: String::new(),
            line_end: LineEnd::Lf,
        }
    }
}

impl Dialect {
    /// The dialect that Excel opens with a double click where the decimal mark is a comma, as in Brazil.
    pub fn excel() -> Self {
        Self {
            delimiter: ';',
            decimal_mark: ',',
            byte_order_mark: true,
            line_end: LineEnd::CrLf,
            ..Self::default()
        }
    }

    /// Whether this is the default dialect.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the decimal mark is a comma.
    pub(crate) fn has_decimal_comma(&self) -> bool {
        self.decimal_mark == ','
    }

    /// Checks that a file in this dialect can be read in one way only.
    ///
    /// # Errors
    /// [`Kind::Usage`] with what clashes.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let refused = |why: String| Err(Kind::Usage.error(why));
        let (delimiter, null_word) = (self.delimiter, &self.null_word);
        if delimiter == self.decimal_mark {
            return refused(format!(
                "the delimiter and the decimal mark are both `{delimiter}`, so no reader could tell fields from \
                 fractions: name another --delimiter, such as ';'"
            ));
        }
        if !may_delimit(delimiter) {
            return refused(format!(
                "--delimiter {delimiter:?} cannot stand between fields, since values, quotes or line ends contain it: \
                 name one ASCII character such as , ; | or \\t"
            ));
        }
        if !matches!(self.decimal_mark, '.' | ',') {
            return refused(format!(
                "--decimal-mark {:?} is neither a point nor a comma",
                self.decimal_mark
            ));
        }
        if let Some(clash) = null_word.find([delimiter, '"', '\r', '\n', '\0']) {
            return refused(format!(
                "--null-word {null_word:?} has {:?} in it, which a field without quotes cannot have: name another word",
                null_word[clash..].chars().next().unwrap_or_default()
            ));
        }
        if null_word == "\\." {
            return refused(
                "--null-word \\. ends a COPY in psql: name another word, such as \\N".to_owned(),
            );
        }
        Ok(())
    }
}

/// Whether a character can be a delimiter: no number, date, boolean or `bytea` contains it.
fn may_delimit(character: char) -> bool {
    character.is_ascii()
        && !character.is_ascii_alphanumeric()
        && !matches!(
            character,
            '.' | '-' | '+' | ':' | '\\' | '"' | '\0' | '\n' | '\r' | '\x7f'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::failure::Failure;

    fn refusal(dialect: &Dialect) -> String {
        let error = dialect.check().unwrap_err();
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage));
        error.to_string()
    }

    #[test]
    fn what_can_be_read_in_one_way_only_passes() {
        for delimiter in [',', ';', '|', '\t', ' ', '\u{1}', '\u{1f}', '~', '^'] {
            let dialect = Dialect {
                delimiter,
                null_word: "NULL".to_owned(),
                ..Dialect::default()
            };
            assert!(dialect.check().is_ok(), "{delimiter:?}");
        }
        assert!(Dialect::excel().check().is_ok());
        assert!(Dialect::default().check().is_ok());
    }

    #[test]
    fn every_clash_is_refused_by_name() {
        for delimiter in ['.', '"', '\n', '\r', '\0', '0', 'x', '-', ':', '\\', 'é'] {
            let dialect = Dialect {
                delimiter,
                decimal_mark: ',',
                ..Dialect::default()
            };
            assert!(refusal(&dialect).contains("--delimiter"), "{delimiter:?}");
        }
        let both = Dialect {
            decimal_mark: ',',
            ..Dialect::default()
        };
        assert!(refusal(&both).contains("both `,`"));
        let mark = Dialect {
            decimal_mark: '\'',
            ..Dialect::default()
        };
        assert!(refusal(&mark).contains("--decimal-mark"));
        for word in ["a;b", "\"", "\"\"", "a\n", "\r", "\\."] {
            let dialect = Dialect {
                null_word: word.to_owned(),
                ..Dialect::excel()
            };
            assert!(refusal(&dialect).contains("--null-word"), "{word:?}");
        }
    }
}
