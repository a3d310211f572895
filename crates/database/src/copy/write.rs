//! Runs COPY into a table: rows are encoded in Postgres's binary format, gathered in blocks, and streamed. If only the server
//! knows a type, rows are encoded in the text format.
//!
//! The binary format is described on the manual's page on COPY ("Binary Format"); each field is what the type's
//! `…recv` function reads.

use std::fmt;
use std::io::{self, Write};

use anyhow::Context;
use dataset::failure::Kind;
use postgres::{Client, CopyInWriter};

use crate::catalogue::identifier::{qualified, quoted};

/// How many encoded bytes are sent at once: so many that a message's overhead doesn't matter, so few that they stay
/// in the processor's cache.
pub const BLOCK_BYTES: usize = 256 * 1024;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Appends rows to one buffer in the binary COPY format. It allocates only while the buffer grows.
#[derive(Debug, Default)]
pub struct RowEncoder {
    bytes: Vec<u8>,
}

impl RowEncoder {
    /// Appends the header of a stream: the signature, no flags, no extension.
    pub fn header(&mut self) {
        self.bytes.extend_from_slice(SIGNATURE);
        self.bytes.extend_from_slice(&[0; 8]);
    }

    /// Begins a row; exactly `fields` fields must follow.
    pub fn row(&mut self, fields: i16) {
        self.bytes.extend_from_slice(&fields.to_be_bytes());
    }

    /// Appends fields of the row that were encoded before.
    pub fn fields(&mut self, encoded: &[u8]) {
        self.bytes.extend_from_slice(encoded);
    }

    /// Appends the trailer of a stream.
    pub fn trailer(&mut self) {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
    }

    /// Appends NULL, of any type.
    pub fn null(&mut self) {
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    /// Appends a boolean.
    pub fn bool(&mut self, value: bool) {
        self.field([u8::from(value)]);
    }

    /// Appends a smallint.
    pub fn int2(&mut self, value: i16) {
        self.field(value.to_be_bytes());
    }

    /// Appends an integer.
    pub fn int4(&mut self, value: i32) {
        self.field(value.to_be_bytes());
    }

    /// Appends a bigint.
    pub fn int8(&mut self, value: i64) {
        self.field(value.to_be_bytes());
    }

    /// Appends a timestamp without time zone, in microseconds since 2000-01-01T00:00:00.
    pub fn timestamp(&mut self, micros: i64) {
        self.field(micros.to_be_bytes());
    }

    /// Appends a real.
    pub fn float4(&mut self, value: f32) {
        self.field(value.to_be_bytes());
    }

    /// Appends a double precision.
    pub fn float8(&mut self, value: f64) {
        self.field(value.to_be_bytes());
    }

    /// Appends a date, in days since 2000-01-01.
    pub fn date(&mut self, days: i32) {
        self.field(days.to_be_bytes());
    }

    /// Appends a time without time zone, in microseconds since midnight.
    pub fn time(&mut self, micros: i64) {
        self.field(micros.to_be_bytes());
    }

    /// Appends a uuid, whose bytes are in the order in which it is written.
    pub fn uuid(&mut self, value: [u8; 16]) {
        self.field(value);
    }

    /// Appends a bytea, or also a json or a text that is known to be UTF-8.
    ///
    /// # Panics
    /// If `value` is 2 GiB or longer, which no Postgres field can hold.
    pub fn bytea(&mut self, value: &[u8]) {
        let length = i32::try_from(value.len()).expect("a field is shorter than 2 GiB");
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(value);
    }

    /// Appends a jsonb, given as text.
    ///
    /// # Panics
    /// If `value` is 2 GiB or longer, which no Postgres field can hold.
    pub fn jsonb(&mut self, value: &str) {
        /// The version of `jsonb`'s binary format, the only one there is (`jsonb_recv`).
        const VERSION: u8 = 1;
        let length = i32::try_from(value.len() + 1).expect("a field is shorter than 2 GiB");
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.push(VERSION);
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// Appends a text, varchar or char, or the label of an enum.
    ///
    /// # Panics
    /// If `value` is 2 GiB or longer, which no Postgres field can hold.
    pub fn text(&mut self, value: &str) {
        self.bytea(value.as_bytes());
    }

    /// Appends the numeric `unscaled` · 10^-`scale` exactly; it has `scale` digits after the point. Postgres
    /// allows scales up to 16,383.
    pub fn numeric(&mut self, unscaled: i64, scale: u16) {
        // The wire has groups of four decimal digits, aligned at the point. So the last group holds only the digits of the
        // fraction that are left over, shifted to the left of the group.
        let spare = (4 - u32::from(scale) % 4) % 4;
        let shift = 10_u64.pow(spare);
        let first = 10_000 / shift;
        let magnitude = unscaled.unsigned_abs();
        let fraction_groups = scale.div_ceil(4) as i16;

        // Lowest group first. A u64 has at most twenty digits, so there are at most six groups.
        let mut groups = [0_i16; 6];
        let mut count = 0;
        let mut rest = magnitude;
        let mut divisor = first;
        let mut factor = shift;
        while rest > 0 {
            groups[count] = ((rest % divisor) * factor) as i16;
            rest /= divisor;
            (divisor, factor) = (10_000, 1);
            count += 1;
        }
        // The weight is the power of 10,000 of the highest group.
        let weight = count as i16 - 1 - fraction_groups;
        let zeros = groups[..count]
            .iter()
            .take_while(|&&group| group == 0)
            .count();
        let digits = &groups[zeros..count];
        let weight = if digits.is_empty() { 0 } else { weight };
        let sign = if unscaled < 0 { 0x4000_i16 } else { 0 };

        self.digits(digits, weight, sign, scale);
    }

    /// Appends a numeric of up to 38 digits, otherwise like [`numeric`](Self::numeric).
    pub fn numeric_wide(&mut self, unscaled: i128, scale: u16) {
        if let Ok(narrow) = i64::try_from(unscaled) {
            return self.numeric(narrow, scale);
        }
        let spare = (4 - u32::from(scale) % 4) % 4;
        let shift = 10_u128.pow(spare);
        // A u128 has at most 39 digits: eleven groups, of which the lowest may be cut.
        let mut groups = [0_i16; 11];
        let mut count = 0;
        let mut rest = unscaled.unsigned_abs();
        groups[0] = ((rest % (10_000 / shift)) * shift) as i16;
        rest /= 10_000 / shift;
        count += 1;
        while rest > 0 {
            groups[count] = (rest % 10_000) as i16;
            rest /= 10_000;
            count += 1;
        }
        let weight = count as i16 - 1 - scale.div_ceil(4) as i16;
        let zeros = groups[..count]
            .iter()
            .take_while(|&&group| group == 0)
            .count();
        let sign = if unscaled < 0 { 0x4000_i16 } else { 0 };
        self.digits(&groups[zeros..count], weight, sign, scale);
    }

    /// Appends a numeric's parts; `groups` are its groups of digits, lowest first.
    fn digits(&mut self, groups: &[i16], weight: i16, sign: i16, scale: u16) {
        self.bytes
            .extend_from_slice(&(8 + 2 * groups.len() as i32).to_be_bytes());
        for word in [groups.len() as i16, weight, sign, scale as i16] {
            self.bytes.extend_from_slice(&word.to_be_bytes());
        }
        for digit in groups.iter().rev() {
            self.bytes.extend_from_slice(&digit.to_be_bytes());
        }
    }

    /// Appends text as a field in the text format, followed by `end`: a tab or, after the last field, a line
    /// feed. `None` is NULL.
    pub fn text_field(&mut self, text: Option<&str>, end: u8) {
        match text {
            None => self.bytes.extend_from_slice(b"\\N"),
            Some(text) => {
                for byte in text.bytes() {
                    match byte {
                        b'\\' => self.bytes.extend_from_slice(b"\\\\"),
                        b'\n' => self.bytes.extend_from_slice(b"\\n"),
                        b'\r' => self.bytes.extend_from_slice(b"\\r"),
                        b'\t' => self.bytes.extend_from_slice(b"\\t"),
                        other => self.bytes.push(other),
                    }
                }
            }
        }
        self.bytes.push(end);
    }

    /// The bytes that were encoded since the last [`take`](Self::take) or [`clear`](Self::clear).
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Drops what was encoded, but keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Gives away what was encoded so far, and goes on in `buffer`, whose contents are dropped.
    pub fn take(&mut self, mut buffer: Vec<u8>) -> Vec<u8> {
        buffer.clear();
        std::mem::replace(&mut self.bytes, buffer)
    }

    fn field<const N: usize>(&mut self, value: [u8; N]) {
        self.bytes.extend_from_slice(&(N as i32).to_be_bytes());
        self.bytes.extend_from_slice(&value);
    }
}

/// The rows and bytes of one COPY.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// The number of rows that the server counted.
    pub rows: u64,
    /// The number of bytes sent, headers and trailers included.
    pub bytes: u64,
}

/// How the rows of a COPY are encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RowForm {
    /// Postgres's binary format, for values whose types are known.
    #[default]
    Binary,
    /// The text format, from which the server's input functions make values.
    Text,
}

impl fmt::Display for RowForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Binary => "binary",
            Self::Text => "text",
        })
    }
}

/// A running `COPY … FROM STDIN`. If it is dropped before [`finish`](Self::finish), no row of it stays.
pub struct CopyIn<'a> {
    writer: CopyInWriter<'a>,
    table: String,
    form: RowForm,
    sent: Written,
}

impl<'a> CopyIn<'a> {
    /// Starts a COPY into these columns of `schema.table`. Their types must be those that the rows are
    /// encoded as, since the binary format converts nothing. With `freeze` the rows are frozen at once,
    /// which the server allows only in the transaction that created or truncated the table.
    ///
    /// # Errors
    /// The server's errors, with the table: it or a column is missing, or the right to insert.
    pub fn start(
        client: &'a mut Client,
        schema: &str,
        table: &str,
        columns: &[&str],
        freeze: bool,
    ) -> anyhow::Result<Self> {
        Self::start_as(client, schema, table, columns, RowForm::Binary, freeze)
    }

    /// Starts a COPY as [`start`](Self::start) does, for rows that are encoded in the given form.
    ///
    /// # Errors
    /// The server's errors, with the table.
    pub fn start_as(
        client: &'a mut Client,
        schema: &str,
        table: &str,
        columns: &[&str],
        form: RowForm,
        freeze: bool,
    ) -> anyhow::Result<Self> {
        let names: Vec<_> = columns.iter().map(|name| quoted(name)).collect();
        let target = qualified(schema, table);
        let statement = format!(
            "COPY {target} ({}) FROM STDIN (FORMAT {form}, FREEZE {freeze})",
            names.join(", ")
        );
        let writer = client
            .copy_in(&statement)
            .with_context(|| format!("cannot copy into {schema}.{table}"))?;
        let mut copy = Self {
            writer,
            table: format!("{schema}.{table}"),
            form,
            sent: Written::default(),
        };
        if form == RowForm::Binary {
            let mut header = RowEncoder::default();
            header.header();
            copy.send(header.bytes(), 0)?;
        }
        Ok(copy)
    }

    /// Sends complete encoded rows; `rows` says how many they are.
    ///
    /// # Errors
    /// An error if the connection is gone.
    pub fn send(&mut self, block: &[u8], rows: u64) -> anyhow::Result<()> {
        self.writer
            .write_all(block)
            .map_err(server_error)
            .with_context(|| format!("cannot copy into {}", self.table))?;
        self.sent.bytes += block.len() as u64;
        self.sent.rows += rows;
        Ok(())
    }

    /// Ends the COPY and returns what the server took.
    ///
    /// # Errors
    /// The server's errors about any of the rows, since it speaks only now; and [`Kind::Check`]
    /// if it counts a different number of rows than were sent.
    pub fn finish(mut self) -> anyhow::Result<Written> {
        if self.form == RowForm::Binary {
            let mut trailer = RowEncoder::default();
            trailer.trailer();
            self.send(trailer.bytes(), 0)?;
        }
        let Self {
            writer,
            table,
            sent,
            ..
        } = self;
        let rows = writer
            .finish()
            .with_context(|| format!("cannot copy into {table}"))?;
        if rows != sent.rows {
            return Err(Kind::Check.error(format!(
                "{table}: {} rows were sent, the server counts {rows}",
                sent.rows
            )));
        }
        Ok(sent)
    }
}

/// Takes the client's own error out of the wrapper that `io::Write` needs, so that its code stays visible.
pub fn server_error(error: io::Error) -> anyhow::Error {
    if !error
        .get_ref()
        .is_some_and(|inner| inner.is::<postgres::Error>())
    {
        return error.into();
    }
    match error
        .into_inner()
        .map(|inner| inner.downcast::<postgres::Error>())
    {
        Some(Ok(inner)) => anyhow::Error::new(*inner),
        Some(Err(other)) => anyhow::anyhow!(other),
        None => anyhow::anyhow!("the connection failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(encode: impl FnOnce(&mut RowEncoder)) -> Vec<u8> {
        let mut encoder = RowEncoder::default();
        encode(&mut encoder);
        encoder.bytes
    }

    #[test]
    fn fields_bear_their_length_in_network_order() {
        assert_eq!(encoded(RowEncoder::null), [255; 4]);
        assert_eq!(encoded(|e| e.bool(true)), [0, 0, 0, 1, 1]);
        assert_eq!(encoded(|e| e.int2(-2)), [0, 0, 0, 2, 255, 254]);
        assert_eq!(encoded(|e| e.int4(258)), [0, 0, 0, 4, 0, 0, 1, 2]);
        assert_eq!(encoded(|e| e.text("é")), [0, 0, 0, 2, 0xc3, 0xa9]);
        assert_eq!(encoded(|e| e.text("")), [0; 4]);
        assert_eq!(encoded(|e| e.bytea(&[7])), [0, 0, 0, 1, 7]);
        assert_eq!(encoded(|e| e.jsonb("1")), [0, 0, 0, 2, 1, b'1']);
        assert_eq!(encoded(|e| e.date(-1)), [0, 0, 0, 4, 255, 255, 255, 255]);
        assert_eq!(encoded(|e| e.uuid([7; 16]))[..5], [0, 0, 0, 16, 7]);
        assert_eq!(encoded(|e| e.float4(1.0)), [0, 0, 0, 4, 63, 128, 0, 0]);
        assert_eq!(encoded(|e| e.row(5)), [0, 5]);
        assert_eq!(encoded(RowEncoder::trailer), [255, 255]);
    }

    #[test]
    fn numerics_are_groups_of_four_digits_around_the_point() {
        // In Postgres: SELECT numeric_send(x). The words are: number of groups, weight, sign, scale, the groups.
        let cases: [(i64, u16, &[i16]); 9] = [
            (0, 2, &[0, 0, 0, 2]),
            (1, 2, &[1, -1, 0, 2, 100]),
            (-1, 2, &[1, -1, 0x4000, 2, 100]),
            (12_345, 2, &[2, 0, 0, 2, 123, 4500]),
            (10_000, 2, &[1, 0, 0, 2, 100]),
            (1_000_000, 2, &[1, 1, 0, 2, 1]),
            (10_000, 0, &[1, 1, 0, 0, 1]),
            (5, 5, &[1, -2, 0, 5, 5000]),
            (9_999_999_999, 2, &[3, 1, 0, 2, 9999, 9999, 9900]),
        ];
        for (unscaled, scale, words) in cases {
            let bytes = encoded(|encoder| encoder.numeric(unscaled, scale));
            let expected: Vec<u8> = (words.len() as i32 * 2)
                .to_be_bytes()
                .into_iter()
                .chain(words.iter().flat_map(|word| word.to_be_bytes()))
                .collect();
            assert_eq!(bytes, expected, "{unscaled} / 10^{scale}");
        }
    }

    #[test]
    fn wide_numerics_are_groups_of_four_digits_too() {
        // The value is -(10^37 + 1) / 10^2: its lowest group holds two digits of the fraction, its highest one digit.
        let bytes = encoded(|encoder| encoder.numeric_wide(-(10_i128.pow(37) + 1), 2));
        let words = [10_i16, 8, 0x4000, 2, 1000, 0, 0, 0, 0, 0, 0, 0, 0, 100];
        let expected: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        assert_eq!(bytes[4..], expected);
        assert_eq!(
            encoded(|encoder| encoder.numeric_wide(-12_345, 2)),
            encoded(|encoder| encoder.numeric(-12_345, 2))
        );
    }
}
