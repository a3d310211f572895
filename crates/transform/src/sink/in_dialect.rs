//! CSV in a dialect other than the default.

use values::text;

use super::cells::Cells;
use super::encode::Encode;
use crate::dialect::{Dialect, LineEnd, Quote};

/// Writes CSV in a dialect.
pub(super) struct InDialect {
    delimiter: u8,
    has_decimal_comma: bool,
    quotes_all: bool,
    null_word: Vec<u8>,
    line_end: &'static [u8],
    byte_order_mark: &'static str,
}

impl InDialect {
    pub(super) fn of(dialect: &Dialect) -> Self {
        Self {
            delimiter: dialect.delimiter as u8,
            has_decimal_comma: dialect.has_decimal_comma(),
            quotes_all: dialect.quote == Quote::All,
            null_word: dialect.null_word.clone().into_bytes(),
            line_end: match dialect.line_end {
                LineEnd::Lf => b"\n",
                LineEnd::CrLf => b"\r\n",
            },
            byte_order_mark: match dialect.byte_order_mark {
                true => "\u{feff}",
                false => "",
            },
        }
    }

    /// The line of names at the beginning of a file.
    pub(super) fn header<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<u8> {
        let mut header = self.byte_order_mark.as_bytes().to_vec();
        for (field, name) in names.enumerate() {
            self.before(field, &mut header);
            self.text(name, &mut header);
        }
        self.end(&mut header);
        header
    }

    /// Appends a text. It is quoted if it could otherwise be taken for NULL, for several fields or rows, or for the end of a COPY
    /// of psql.
    fn text(&self, text: &str, out: &mut Vec<u8>) {
        let special = |byte: &u8| *byte == self.delimiter || matches!(byte, b'"' | b'\n' | b'\r');
        let bytes = text.as_bytes();
        let is_quoted = self.quotes_all
            || matches!(text, "" | "\\.")
            || bytes == self.null_word
            || bytes.iter().any(special);
        match is_quoted {
            true => text::csv_quoted(text, out),
            false => out.extend_from_slice(bytes),
        }
    }

    /// Appends a value of another type, whose text has no quotes, delimiters or line ends.
    fn typed(&self, cells: &Cells, row: usize, out: &mut Vec<u8>) {
        let start = out.len();
        cells.write_plain(row, out);
        let is_fractional = matches!(
            cells,
            Cells::Decimal { .. } | Cells::Real(_) | Cells::Double(_)
        );
        if self.has_decimal_comma
            && is_fractional
            && let Some(point) = out[start..].iter().position(|byte| *byte == b'.')
        {
            out[start + point] = b',';
        }
        if self.quotes_all || out[start..] == self.null_word {
            out.insert(start, b'"');
            out.push(b'"');
        }
    }
}

impl Encode for InDialect {
    fn before(&self, field: usize, out: &mut Vec<u8>) {
        if field > 0 {
            out.push(self.delimiter);
        }
    }

    fn field(&self, _field: usize, cells: &Cells, row: Option<usize>, out: &mut Vec<u8>) {
        match (row.filter(|row| !cells.is_null(*row)), cells) {
            (None, _) => out.extend_from_slice(&self.null_word),
            (Some(row), Cells::Text(array)) => self.text(array.value(row), out),
            (Some(row), cells) => self.typed(cells, row, out),
        }
    }

    fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.line_end);
    }
}
