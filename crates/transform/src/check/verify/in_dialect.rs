//! Turns the rows of a CSV file in another dialect into records of the default dialect.
//!
//! Reading is strict: it ends at a row that the dialect cannot have written, so that a manifest with a wrong dialect is found where
//! that changes a value.

use std::borrow::Cow;

use dataset::ColumnType;
use dataset::failure::Kind;
use storage::place::Place;
use values::text;

use super::form::Form;
use super::records::{fields_between, unquoted};
use crate::dialect::{Dialect, LineEnd, Quote};

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Turns records of a dialect into records of the default dialect.
pub(crate) struct FromDialect {
    place: Place,
    dialect: Dialect,
    kinds: Vec<ColumnType>,
    /// The number of the last row, from 1.
    row: u64,
    record: Vec<u8>,
}

impl FromDialect {
    /// Reads the file at `place`.
    pub(super) fn new(place: &Place, form: &Form) -> Self {
        Self {
            place: place.clone(),
            dialect: form.dialect.clone(),
            kinds: form.columns.iter().map(|(_, kind)| *kind).collect(),
            row: 0,
            record: Vec::new(),
        }
    }

    /// The columns' names in the first record of a file.
    pub(super) fn names<'r>(&self, record: &'r [u8]) -> anyhow::Result<Vec<Option<Cow<'r, [u8]>>>> {
        let wrong = |why: &str| Kind::Check.error(format!("{}: {why}", self.place));
        let marked = record.strip_prefix(BYTE_ORDER_MARK);
        let names = match (marked, self.dialect.byte_order_mark) {
            (Some(names), true) => names,
            (None, false) => record,
            (None, true) => {
                return Err(wrong(
                    "it begins without the byte order mark that the manifest names",
                ));
            }
            (Some(_), false) => {
                return Err(wrong(
                    "it begins with a byte order mark, which the manifest doesn't name",
                ));
            }
        };
        let names = self
            .line(names)
            .ok_or_else(|| wrong("its lines don't end as the manifest says"))?;
        fields_between(names, self.dialect.delimiter as u8)
            .map(|field| {
                let name = self.value(field);
                name.map_err(|why| wrong(&format!("its first line {why}")))
            })
            .collect()
    }

    /// Turns a row into a record of the default dialect.
    pub(super) fn row(&mut self, record: &[u8]) -> anyhow::Result<&[u8]> {
        self.row += 1;
        let mut converted = std::mem::take(&mut self.record);
        converted.clear();
        let made = self.convert(record, &mut converted);
        self.record = converted;
        match made {
            Ok(()) => Ok(&self.record),
            Err(why) => Err(Kind::Check.error(format!(
                "{}, row {}: it {why}, which is not the manifest's dialect",
                self.place, self.row
            ))),
        }
    }

    fn convert(&self, record: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let line = self
            .line(record)
            .ok_or_else(|| "ends with another line end".to_owned())?;
        let mut count = 0;
        for field in fields_between(line, self.dialect.delimiter as u8) {
            if count > 0 {
                out.push(b',');
            }
            if let Some(value) = self.value(field)? {
                let Ok(value) = str::from_utf8(&value) else {
                    return Err("is not UTF-8".to_owned());
                };
                match self.kinds.get(count) {
                    Some(kind) if kind.is_number() => self.number(value, *kind, out)?,
                    _ => text::csv_field(value, out),
                }
            }
            count += 1;
        }
        match count == self.kinds.len() {
            true => Ok(()),
            false => Err(format!(
                "has {count} fields instead of {}",
                self.kinds.len()
            )),
        }
    }

    /// A record without the rest of its line's end; `None` if the line ends otherwise.
    fn line<'r>(&self, record: &'r [u8]) -> Option<&'r [u8]> {
        match self.dialect.line_end {
            LineEnd::Lf => (!record.ends_with(b"\r")).then_some(record),
            LineEnd::CrLf => record.strip_suffix(b"\r"),
        }
    }

    /// The value of a field: `None` for NULL.
    fn value<'r>(&self, field: &'r [u8]) -> Result<Option<Cow<'r, [u8]>>, String> {
        if let Some(inside) = unquoted(field) {
            return Ok(Some(inside));
        }
        let shown = || String::from_utf8_lossy(field);
        if field == self.dialect.null_word.as_bytes() {
            return Ok(None);
        }
        if self.dialect.quote == Quote::All {
            return Err(format!("has `{}` without quotes", shown()));
        }
        if field.is_empty() || field.contains(&b'"') || field.contains(&b'\r') {
            return Err(format!("has the field `{}`", shown()));
        }
        Ok(Some(field.into()))
    }

    /// Appends a number with a decimal point.
    fn number(&self, value: &str, kind: ColumnType, out: &mut Vec<u8>) -> Result<(), String> {
        let mark = self.dialect.decimal_mark;
        let number = value.replace(mark, ".");
        let has_other = mark != '.' && value.contains('.');
        let reads = match kind {
            ColumnType::Real | ColumnType::Double => number.parse::<f64>().is_ok(),
            _ => {
                let digits = number.strip_prefix('-').unwrap_or(&number);
                digits.starts_with(|first: char| first.is_ascii_digit())
                    && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
            }
        };
        match reads && !has_other {
            true => out.extend_from_slice(number.as_bytes()),
            false => {
                return Err(format!(
                    "has `{value}` where a number with the decimal mark `{mark}` is expected"
                ));
            }
        }
        Ok(())
    }
}
