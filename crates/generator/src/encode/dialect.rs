//! CSV as real files have it: with or without a byte order mark, with decimal commas, with words for missing values, and with
//! faults, each of which is noted with its line.
//!
//! A row is gathered field by field and written when it ends, since only then is its fault known: a fault that breaks a rule
//! replaces a field that was already made without it.

use std::fmt::Write;

use dataset::calendar::Date;
use values::text::{self, Case};

use crate::encode::notes::{FaultAt, Notes};
use crate::encode::{Buffer, Format};
use crate::table::dialect::Dialect;
use crate::table::faults::{Fault, FaultIn};
use crate::table::fields::Fields;
use crate::table::layout::Layout;
use crate::table::time::{DAY, EPOCH_DAYS, SECOND};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// The day, from 2000-01-01, since when times of [`Dialect::days`] are dates alone: 2013-07-01.
const DAYS_SINCE: i64 = 4_930;
/// A number with a thousands mark and a decimal comma, a notation that no file of the datasets uses.
const NOT_A_NUMBER: &[u8] = b"1.234,56";
const IMPOSSIBLE_DAY: &[u8] = b"31/02/2021";
/// A number beyond any smallint.
const OUT_OF_RANGE: &[u8] = b"99999";
/// How many characters are added to a text to make it longer than any text column of the datasets takes.
const TOO_LONG: usize = 300;

/// Rows as CSV in the dialect of their table.
#[derive(Debug, Default)]
pub(crate) struct DialectCsv {
    bytes: Vec<u8>,
    /// The row's fields so far, in buffers that are used again and again.
    fields: Vec<String>,
    used: usize,
    columns: &'static [&'static str],
    dialect: Option<Dialect>,
    notes: Notes,
}

impl DialectCsv {
    /// Begins a field.
    fn field(&mut self) -> &mut String {
        if self.used == self.fields.len() {
            self.fields.push(String::new());
        }
        let field = &mut self.fields[self.used];
        self.used += 1;
        field.clear();
        field
    }

    /// Whether the next field is one of those that `list` names.
    fn is_among(&self, list: impl Fn(&Dialect) -> &'static [&'static str]) -> bool {
        let column = self.columns.get(self.used);
        (self.dialect.as_ref())
            .zip(column)
            .is_some_and(|(dialect, column)| list(dialect).contains(column))
    }

    fn day(&mut self, micros: i64) -> &mut String {
        let date = Date::from_days(micros.div_euclid(DAY) as i32 + EPOCH_DAYS);
        let field = self.field();
        text::date(date, field);
        field
    }

    /// Writes the row, with a fault that breaks a rule if there is one.
    fn write_row(&mut self, file_fault: Option<FaultIn>) {
        let Some(dialect) = self.dialect else { return };
        let broken = file_fault.and_then(|broken| {
            let field = self.columns.iter().position(|name| *name == broken.column);
            Some((field?, broken.fault))
        });
        let ragged = file_fault.is_some_and(|broken| broken.fault == Fault::RaggedRow);
        for index in 0..self.used - usize::from(ragged) {
            if index > 0 {
                self.bytes.push(dialect.delimiter as u8);
            }
            let field = self.fields[index].as_bytes();
            match broken {
                Some((broken, fault)) if broken == index => {
                    let changed = broken_field(fault, field, &dialect);
                    write_field(&changed, &dialect, &mut self.bytes);
                }
                _ => write_field(field, &dialect, &mut self.bytes),
            }
        }
        self.bytes.extend_from_slice(dialect.line_end.as_bytes());
    }
}

/// What a field becomes when a fault in it breaks a rule.
fn broken_field(fault: Fault, field: &[u8], dialect: &Dialect) -> Vec<u8> {
    let after = |end: &[u8]| [field, end].concat();
    match fault {
        Fault::MissingField => dialect.null.into(),
        Fault::NotANumber => NOT_A_NUMBER.into(),
        Fault::OutOfRange => OUT_OF_RANGE.into(),
        Fault::ImpossibleTime if field.contains(&b'T') => {
            let spaced = |byte: &u8| if *byte == b':' { b' ' } else { *byte };
            field.iter().map(spaced).collect()
        }
        Fault::ImpossibleTime => IMPOSSIBLE_DAY.into(),
        Fault::TooLong => after(&[b'x'; TOO_LONG]),
        Fault::NotUtf8 => after(b"\xe9"),
        Fault::NulByte => after(b"\0"),
        Fault::DuplicateKey => {
            let key = String::from_utf8_lossy(field).parse().unwrap_or(1_u64);
            (key - 1).to_string().into()
        }
        Fault::UnknownReference => b"0".into(),
        _ => field.into(),
    }
}

/// Writes a field, in quotes only if it could be taken for something else without them.
fn write_field(field: &[u8], dialect: &Dialect, out: &mut Vec<u8>) {
    let special =
        |byte: &u8| matches!(byte, b'"' | b'\n' | b'\r') || *byte == dialect.delimiter as u8;
    // psql before version 18 takes a line of `\.` alone for the end of the data.
    if !field.ends_with(b" ") && field != b"\\." && !field.iter().any(special) {
        return out.extend_from_slice(field);
    }
    out.push(b'"');
    for &byte in field {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

impl Format for DialectCsv {
    fn begin(&mut self, table: &Layout) {
        (self.columns, self.dialect, self.used) = (table.columns, table.dialect, 0);
    }

    fn end(&mut self, fault: Option<FaultIn>, file_fault: Option<FaultIn>) -> Option<FaultIn> {
        let line = self.notes.lines + 1;
        let note = |fault, refused| FaultAt {
            line,
            fault,
            refused,
        };
        self.notes.faults.extend(fault.map(|it| note(it, false)));
        self.notes
            .faults
            .extend(file_fault.map(|it| note(it, true)));
        let start = self.bytes.len();
        self.write_row(file_fault);
        let ends = self.bytes[start..].iter().filter(|byte| **byte == b'\n');
        self.notes.lines += ends.count() as u64;
        file_fault
    }
}

impl Buffer for DialectCsv {
    fn header(&mut self, table: &Layout) {
        self.begin(table);
        let Some(dialect) = table.dialect else { return };
        if dialect.byte_order_mark {
            self.bytes.extend_from_slice(BYTE_ORDER_MARK);
        }
        if !dialect.header.is_empty() {
            dialect.header.iter().for_each(|name| self.text(name));
            self.end(None, None);
        }
    }

    fn trailer(&mut self) {}

    fn gathered_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self, mut buffer: Vec<u8>) -> Vec<u8> {
        buffer.clear();
        std::mem::replace(&mut self.bytes, buffer)
    }

    fn notes(&mut self) -> Notes {
        std::mem::take(&mut self.notes)
    }
}

impl Fields for DialectCsv {
    fn int4(&mut self, value: i32) {
        self.int8(value.into());
    }

    fn int8(&mut self, value: i64) {
        let field = self.field();
        // A String takes whatever is written.
        let _ = write!(field, "{value}");
    }

    fn int2(&mut self, value: i16) {
        self.int8(value.into());
    }

    fn numeric(&mut self, unscaled: i64, scale: u16) {
        let comma = self.is_among(|dialect| dialect.commas);
        let field = self.field();
        text::decimal(unscaled.into(), scale.into(), field);
        if comma && let Some(point) = field.rfind('.') {
            field.replace_range(point..=point, ",");
        }
        // Numbers with a decimal comma are money: at least two decimals, and more only where they are not zero.
        let cents = field.len() - usize::from(scale).saturating_sub(2);
        while comma && field.len() > cents && field.ends_with('0') {
            field.pop();
        }
    }

    fn text(&mut self, value: &str) {
        self.field().push_str(value);
    }

    fn timestamp(&mut self, micros: i64) {
        let days = self.is_among(|dialect| dialect.days);
        let time = micros.rem_euclid(DAY);
        let field = self.day(micros);
        if days && time == 0 && micros >= DAYS_SINCE * DAY {
            return;
        }
        field.push(' ');
        text::time(time - time % SECOND, field);
        let fraction = (time % SECOND) as u64;
        field.push('.');
        if fraction.is_multiple_of(1_000) {
            text::padded(fraction / 1_000, 3, field);
        } else {
            text::padded(fraction, 6, field);
        }
    }

    fn timestamptz(&mut self, micros: i64) {
        let time = micros.rem_euclid(DAY);
        let field = self.day(micros);
        field.push('T');
        text::time(time - time % SECOND, field);
        field.push('Z');
    }

    fn bool(&mut self, value: bool) {
        self.field().push(if value { '1' } else { '0' });
    }

    fn uuid(&mut self, value: [u8; 16]) {
        text::uuid(value, Case::Upper, self.field());
    }

    fn null(&mut self) {
        let null = self.dialect.map_or("", |dialect| dialect.null);
        self.field().push_str(null);
    }
}
