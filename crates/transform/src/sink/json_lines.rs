//! JSON Lines: an object for each row, with its columns in order.
//!
//! Numbers keep their digits. NaN and the infinities, which JSON's numbers don't have, are strings, as in Postgres. Values that are
//! JSON are embedded unchanged, except that each line break becomes a space.

use std::io::Write;

use dataset::ColumnType;

use super::cells::Cells;
use super::encode::Encode;

/// Writes JSON Lines.
pub(super) struct JsonLines {
    fields: Vec<Named>,
}

struct Named {
    /// The text before the value: a comma or a brace, the name and a colon.
    before: Vec<u8>,
    /// Whether the text of the value is JSON.
    is_json: bool,
}

impl JsonLines {
    pub(super) fn of<'c>(columns: impl Iterator<Item = &'c (String, ColumnType)>) -> Self {
        let named = columns.enumerate().map(|(number, (name, kind))| {
            let mut before = vec![if number == 0 { b'{' } else { b',' }];
            string(name, &mut before);
            before.push(b':');
            let is_json = matches!(kind, ColumnType::Json | ColumnType::JsonBinary);
            Named { before, is_json }
        });
        Self {
            fields: named.collect(),
        }
    }
}

impl Encode for JsonLines {
    fn before(&self, field: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.fields[field].before);
    }

    fn field(&self, field: usize, cells: &Cells, row: Option<usize>, out: &mut Vec<u8>) {
        let Some(row) = row.filter(|row| !cells.is_null(*row)) else {
            return out.extend_from_slice(b"null");
        };
        let is_bare = match cells {
            Cells::Text(array) if self.fields[field].is_json => {
                return on_one_line(array.value(row), out);
            }
            Cells::Text(array) => return string(array.value(row), out),
            Cells::Boolean(_)
            | Cells::SmallInt(_)
            | Cells::Integer(_)
            | Cells::BigInt(_)
            | Cells::Decimal { .. } => true,
            Cells::Real(array) => array.value(row).is_finite(),
            Cells::Double(array) => array.value(row).is_finite(),
            Cells::Bytes(_) | Cells::Date(_) | Cells::Time(_) | Cells::Timestamp { .. } => false,
        };
        if is_bare {
            return cells.write_plain(row, out);
        }
        out.push(b'"');
        if matches!(cells, Cells::Bytes(_)) {
            // This is the backslash of `\\x`; what follows are digits.
            out.push(b'\\');
        }
        cells.write_plain(row, out);
        out.push(b'"');
    }

    fn end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"}\n");
    }
}

/// Appends a JSON text on one line. Its line breaks can only stand between tokens.
fn on_one_line(json: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(json.as_bytes());
    for byte in &mut out[start..] {
        if matches!(*byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

/// Appends a text as a JSON string.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[start..at]);
        match escape.is_empty() {
            false => out.extend_from_slice(escape),
            // Writing into a vector cannot fail.
            true => drop(write!(out, "\\u{byte:04x}")),
        }
        start = at + 1;
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_one_line_and_reads_back(text in any::<String>()) {
            let mut out = Vec::new();
            string(&text, &mut out);
            prop_assert!(!out.contains(&b'\n'));
            let read: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read, text);
        }

        #[test]
        fn control_characters_are_escaped(text in "[\u{0}-\u{22}\\\\\u{7f}é\u{2028}]{0,20}") {
            let mut out = Vec::new();
            string(&text, &mut out);
            let read: String = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
