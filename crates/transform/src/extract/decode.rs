//! Binary COPY into typed columns. Pure: bytes in, column blocks out, no database.
//!
//! The format is described at <https://www.postgresql.org/docs/current/sql-copy.html> (binary format), the
//! fields' in the `*send` functions of the server's `src/backend/utils/adt`.

use std::fmt::{Display, Write};

use anyhow::bail;
use dataset::failure::Kind;
use dataset::{Column, ColumnType};

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, length of the header's extension.
const HEADER_BYTES: usize = SIGNATURE.len() + 4 + 4;

/// Days and microseconds from 1970-01-01 to Postgres's epoch, 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROSECONDS: i64 = EPOCH_DAYS as i64 * DAY_MICROSECONDS;
const DAY_MICROSECONDS: i64 = 86_400_000_000;
/// The years 1 to 9999, in days from 1970-01-01: what `YYYY-MM-DD` can say.
const DAYS_CARRIED: std::ops::Range<i32> = -719_162..2_932_897;

/// One column of a block of rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnBlock {
    pub(crate) kind: ColumnType,
    pub(crate) values: Values,
    /// A bit per row, least significant first, unset for NULL; `None` if no row is NULL.
    pub(crate) validity: Option<Vec<u8>>,
    pub(crate) rows: usize,
}

/// The values of a column; a NULL takes a place, of any value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    Boolean(Vec<bool>),
    SmallInt(Vec<i16>),
    /// Integers, and dates as days from 1970-01-01.
    Integer(Vec<i32>),
    /// Big integers, timestamps as microseconds from 1970-01-01, times as microseconds from midnight.
    BigInt(Vec<i64>),
    Real(Vec<f32>),
    Double(Vec<f64>),
    /// Numerics as integers at the column's scale.
    Numeric(Vec<i128>),
    Text(Text),
    Bytes(Bytes),
}

/// Strings end to end; row `i` ends at `ends[i]`, always between characters.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) ends: Vec<usize>,
}

/// The same for bytes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Bytes {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Vec<usize>,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Header,
    Rows,
    End,
}

/// Decodes the blocks of one COPY of one table's columns.
pub(crate) struct Decoder {
    table: String,
    columns: Vec<Column>,
    builders: Vec<Builder>,
    position: Position,
    /// The beginning of a row that the last block cut: servers send a row per message, but need not.
    carry: Vec<u8>,
}

impl Decoder {
    pub(crate) fn new(table: &str, columns: &[Column]) -> Self {
        Self {
            table: table.to_owned(),
            columns: columns.to_vec(),
            builders: columns
                .iter()
                .map(|column| Builder::new(column.kind))
                .collect(),
            position: Position::Header,
            carry: Vec::new(),
        }
    }

    /// Decodes the rows that are whole after `block`; a column block each, perhaps of no rows.
    ///
    /// # Errors
    /// [`Kind::Refused`] naming table and column of a value that cannot be carried exactly.
    pub(crate) fn decode(&mut self, block: Vec<u8>) -> anyhow::Result<Vec<ColumnBlock>> {
        let bytes = if self.carry.is_empty() {
            block
        } else {
            let mut joined = std::mem::take(&mut self.carry);
            joined.extend_from_slice(&block);
            joined
        };
        let mut rest = bytes.as_slice();
        if self.position == Position::Header {
            match header(rest)? {
                Some(after) => {
                    rest = after;
                    self.position = Position::Rows;
                }
                None => {
                    self.carry = bytes;
                    return self.take();
                }
            }
        }
        while self.position == Position::Rows && !rest.is_empty() {
            match self.row(rest)? {
                Some(after) => rest = after,
                None => break,
            }
        }
        if self.position == Position::End && !rest.is_empty() {
            bail!(
                "table `{}`: the server sent {} bytes after the end of the COPY",
                self.table,
                rest.len()
            );
        }
        self.carry = rest.to_vec();
        self.take()
    }

    /// Makes sure that the COPY came to its end.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        if self.position != Position::End {
            return Err(Kind::Connection.error(format!(
                "table `{}`: the server ended the COPY early",
                self.table
            )));
        }
        Ok(())
    }

    /// Decodes one row and returns what follows; `None` if the row is cut, with nothing of it kept.
    fn row<'a>(&mut self, bytes: &'a [u8]) -> anyhow::Result<Option<&'a [u8]>> {
        let Some((fields, mut rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        let fields = i16::from_be_bytes(*fields);
        if fields == -1 {
            self.position = Position::End;
            return Ok(Some(rest));
        }
        if usize::try_from(fields).ok() != Some(self.columns.len()) {
            bail!(
                "table `{}`: the server sent {fields} fields for {} columns",
                self.table,
                self.columns.len()
            );
        }
        for index in 0..self.builders.len() {
            let Some((value, after)) = field(rest) else {
                for builder in &mut self.builders[..index] {
                    builder.pop();
                }
                return Ok(None);
            };
            rest = after;
            self.builders[index]
                .push(value)
                .map_err(|refusal| refusal.at(&self.table, &self.columns[index]))?;
        }
        Ok(Some(rest))
    }

    fn take(&mut self) -> anyhow::Result<Vec<ColumnBlock>> {
        self.columns
            .iter()
            .zip(&mut self.builders)
            .map(|(column, builder)| {
                let next = Builder::new(column.kind);
                std::mem::replace(builder, next)
                    .finish()
                    .map_err(|refusal| refusal.at(&self.table, column))
            })
            .collect()
    }
}

/// What follows the header, or `None` if it is cut.
fn header(bytes: &[u8]) -> anyhow::Result<Option<&[u8]>> {
    if bytes.len() < HEADER_BYTES {
        return Ok(None);
    }
    let (fixed, rest) = bytes.split_at(HEADER_BYTES);
    if !fixed.starts_with(SIGNATURE) {
        bail!("the server's answer is not a binary COPY");
    }
    let extension = fixed
        .last_chunk()
        .map_or(0, |length| u32::from_be_bytes(*length));
    Ok(rest.get(extension as usize..))
}

/// A field's bytes (`None`: NULL) and what follows, or `None` if it is cut.
fn field(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    match usize::try_from(i32::from_be_bytes(*length)) {
        Ok(length) => rest
            .split_at_checked(length)
            .map(|(value, rest)| (Some(value), rest)),
        Err(_) => Some((None, rest)),
    }
}

/// Why a value is not taken.
enum Refusal {
    /// It cannot be carried exactly; says which.
    Inexact(String),
    /// The bytes are not what the type sends.
    Malformed(ColumnType, usize),
}

impl Refusal {
    fn inexact(what: impl Display) -> Self {
        Self::Inexact(what.to_string())
    }

    fn at(self, table: &str, column: &Column) -> anyhow::Error {
        let place = format!("table `{table}`, column `{}`", column.name);
        match self {
            Self::Inexact(what) => Kind::Refused.error(format!(
                "{place}: {what} cannot be carried exactly: correct it, or list the column under `cast_to_text` of \
                 the table in dataset.toml"
            )),
            Self::Malformed(kind, bytes) => {
                anyhow::anyhow!("{place}: the server sent {bytes} bytes that are not a {kind}")
            }
        }
    }
}

/// A column under construction.
struct Builder {
    kind: ColumnType,
    values: Values,
    validity: Option<Vec<u8>>,
    rows: usize,
}

impl Builder {
    fn new(kind: ColumnType) -> Self {
        let values = match kind {
            ColumnType::Boolean => Values::Boolean(vec![]),
            ColumnType::SmallInt => Values::SmallInt(vec![]),
            ColumnType::Integer | ColumnType::Date => Values::Integer(vec![]),
            ColumnType::BigInt
            | ColumnType::Time
            | ColumnType::Timestamp
            | ColumnType::TimestampTz => Values::BigInt(vec![]),
            ColumnType::Real => Values::Real(vec![]),
            ColumnType::Double => Values::Double(vec![]),
            ColumnType::Numeric { .. } => Values::Numeric(vec![]),
            ColumnType::Text
            | ColumnType::Json
            | ColumnType::JsonBinary
            | ColumnType::Uuid
            | ColumnType::Bytes => Values::Bytes(Bytes::default()),
        };
        Self {
            kind,
            values,
            validity: None,
            rows: 0,
        }
    }

    fn push(&mut self, value: Option<&[u8]>) -> Result<(), Refusal> {
        match value {
            Some(bytes) => self.push_value(bytes)?,
            None => self.push_null(),
        }
        if let Some(validity) = &mut self.validity {
            set_bit(validity, self.rows, value.is_some());
        }
        self.rows += 1;
        Ok(())
    }

    fn push_null(&mut self) {
        match &mut self.values {
            Values::Boolean(values) => values.push(false),
            Values::SmallInt(values) => values.push(0),
            Values::Integer(values) => values.push(0),
            Values::BigInt(values) => values.push(0),
            Values::Real(values) => values.push(0.0),
            Values::Double(values) => values.push(0.0),
            Values::Numeric(values) => values.push(0),
            Values::Bytes(values) => values.ends.push(values.bytes.len()),
            Values::Text(_) => unreachable!("text is built as bytes"),
        }
        let rows = self.rows;
        self.validity
            .get_or_insert_with(|| vec![0xff; rows.div_ceil(8)]);
    }

    fn push_value(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let kind = self.kind;
        let malformed = || Refusal::Malformed(kind, bytes.len());
        match &mut self.values {
            Values::Boolean(values) => values.push(bytes == [1]),
            Values::SmallInt(values) => {
                values.push(i16::from_be_bytes(
                    bytes.try_into().map_err(|_| malformed())?,
                ));
            }
            Values::Integer(values) => {
                let raw = i32::from_be_bytes(bytes.try_into().map_err(|_| malformed())?);
                values.push(if kind == ColumnType::Date {
                    date(raw)?
                } else {
                    raw
                });
            }
            Values::BigInt(values) => {
                let raw = i64::from_be_bytes(bytes.try_into().map_err(|_| malformed())?);
                values.push(match kind {
                    ColumnType::Timestamp | ColumnType::TimestampTz => timestamp(raw)?,
                    // The one time beyond the last microsecond of a day: no other reader has it.
                    ColumnType::Time if raw >= DAY_MICROSECONDS => {
                        return Err(Refusal::inexact("the time 24:00:00"));
                    }
                    _ => raw,
                });
            }
            Values::Real(values) => {
                values.push(f32::from_be_bytes(
                    bytes.try_into().map_err(|_| malformed())?,
                ));
            }
            Values::Double(values) => {
                values.push(f64::from_be_bytes(
                    bytes.try_into().map_err(|_| malformed())?,
                ));
            }
            Values::Numeric(values) => {
                let ColumnType::Numeric { scale, .. } = kind else {
                    return Err(malformed());
                };
                values.push(numeric(bytes, scale).ok_or_else(malformed)??);
            }
            Values::Bytes(values) => {
                match kind {
                    ColumnType::Uuid => {
                        let id = u128::from_be_bytes(bytes.try_into().map_err(|_| malformed())?);
                        values.bytes.extend_from_slice(uuid(id).as_bytes());
                    }
                    ColumnType::JsonBinary => {
                        // The format's version comes first.
                        let text = bytes.strip_prefix(&[1]).ok_or_else(malformed)?;
                        values.bytes.extend_from_slice(text);
                    }
                    _ => values.bytes.extend_from_slice(bytes),
                }
                values.ends.push(values.bytes.len());
            }
            Values::Text(_) => unreachable!("text is built as bytes"),
        }
        Ok(())
    }

    /// Takes the last value back.
    fn pop(&mut self) {
        self.rows -= 1;
        match &mut self.values {
            Values::Boolean(values) => drop(values.pop()),
            Values::SmallInt(values) => drop(values.pop()),
            Values::Integer(values) => drop(values.pop()),
            Values::BigInt(values) => drop(values.pop()),
            Values::Real(values) => drop(values.pop()),
            Values::Double(values) => drop(values.pop()),
            Values::Numeric(values) => drop(values.pop()),
            Values::Bytes(values) => {
                values.ends.pop();
                values
                    .bytes
                    .truncate(values.ends.last().copied().unwrap_or(0));
            }
            Values::Text(_) => unreachable!("text is built as bytes"),
        }
    }

    fn finish(self) -> Result<ColumnBlock, Refusal> {
        let values = match self.values {
            Values::Bytes(Bytes { bytes, ends }) if self.kind != ColumnType::Bytes => {
                // Once for the whole block; a database in SQL_ASCII may hold anything.
                let text = String::from_utf8(bytes)
                    .map_err(|_| Refusal::inexact("text that is not UTF-8"))?;
                if !ends.iter().all(|end| text.is_char_boundary(*end)) {
                    return Err(Refusal::inexact("text that is not UTF-8"));
                }
                Values::Text(Text { text, ends })
            }
            values => values,
        };
        Ok(ColumnBlock {
            kind: self.kind,
            values,
            validity: self.validity,
            rows: self.rows,
        })
    }
}

fn set_bit(bits: &mut Vec<u8>, index: usize, value: bool) {
    if index / 8 == bits.len() {
        bits.push(0);
    }
    let mask = 1 << (index % 8);
    if value {
        bits[index / 8] |= mask;
    } else {
        bits[index / 8] &= !mask;
    }
}

fn date(raw: i32) -> Result<i32, Refusal> {
    match raw.checked_add(EPOCH_DAYS) {
        Some(days) if DAYS_CARRIED.contains(&days) => Ok(days),
        _ => Err(Refusal::inexact(
            "an infinite date, or one outside the years 1 to 9999,",
        )),
    }
}

fn timestamp(raw: i64) -> Result<i64, Refusal> {
    let carried = i64::from(DAYS_CARRIED.start) * DAY_MICROSECONDS
        ..i64::from(DAYS_CARRIED.end) * DAY_MICROSECONDS;
    match raw.checked_add(EPOCH_MICROSECONDS) {
        Some(microseconds) if carried.contains(&microseconds) => Ok(microseconds),
        _ => Err(Refusal::inexact(
            "an infinite timestamp, or one outside the years 1 to 9999,",
        )),
    }
}

/// A `numeric` as an integer at `scale`. Sent as: number of digits (base 10,000), weight of the first,
/// sign, displayed scale, digits. `None` if malformed.
fn numeric(bytes: &[u8], scale: u8) -> Option<Result<i128, Refusal>> {
    const NEGATIVE: u16 = 0x4000;
    let (head, digits) = bytes.split_first_chunk::<8>()?;
    let [count, weight, sign, _] =
        [0, 2, 4, 6].map(|at| u16::from_be_bytes([head[at], head[at + 1]]));
    if digits.len() != usize::from(count) * 2 {
        return None;
    }
    if count == 0 && sign == 0 {
        return Some(Ok(0));
    }
    if sign != 0 && sign != NEGATIVE {
        return Some(Err(Refusal::inexact("a numeric NaN or infinity")));
    }
    let mut digits = digits
        .chunks_exact(2)
        .map(|digit| u16::from_be_bytes([digit[0], digit[1]]));
    // The last digit counts 10,000 ^ (weight - count + 1); at the column's scale, 10 ^ exponent.
    let exponent = (i32::from(weight as i16) - i32::from(count) + 1) * 4 + i32::from(scale);
    // One that reaches below the scale holds zeros there. It goes in last and shortened: whole, it could
    // overflow where the value itself doesn't.
    let below = if exponent < 0 {
        digits.next_back()
    } else {
        None
    };
    let mut value: i128 = 0;
    for digit in digits {
        value = value.checked_mul(10_000)?.checked_add(digit.into())?;
    }
    let value = match (below, exponent) {
        (None, exponent) => value.checked_mul(10_i128.checked_pow(exponent.unsigned_abs())?)?,
        (Some(last), -3..0) if last % 10_u16.pow(exponent.unsigned_abs()) == 0 => {
            let kept = last / 10_u16.pow(exponent.unsigned_abs());
            let places = (exponent + 4).unsigned_abs();
            value
                .checked_mul(10_i128.pow(places))?
                .checked_add(kept.into())?
        }
        _ => {
            return Some(Err(Refusal::inexact(
                "a numeric with digits beyond its column's scale",
            )));
        }
    };
    Some(Ok(if sign == NEGATIVE { -value } else { value }))
}

fn uuid(id: u128) -> String {
    let hex = format!("{id:032x}");
    let mut text = String::with_capacity(36);
    for (index, part) in [0..8, 8..12, 12..16, 16..20, 20..32]
        .into_iter()
        .enumerate()
    {
        let dash = if index == 0 { "" } else { "-" };
        // Writing into a string cannot fail.
        let _ = write!(text, "{dash}{}", &hex[part]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns(kinds: &[ColumnType]) -> Vec<Column> {
        kinds
            .iter()
            .enumerate()
            .map(|(index, kind)| Column {
                name: format!("c{index}"),
                kind: *kind,
                cast_to_text: false,
                nullable: true,
            })
            .collect()
    }

    fn copy(rows: &[Vec<Option<Vec<u8>>>]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend_from_slice(&[0; 8]);
        for row in rows {
            bytes.extend_from_slice(&(row.len() as i16).to_be_bytes());
            for field in row {
                match field {
                    Some(value) => {
                        bytes.extend_from_slice(&(value.len() as i32).to_be_bytes());
                        bytes.extend_from_slice(value);
                    }
                    None => bytes.extend_from_slice(&(-1_i32).to_be_bytes()),
                }
            }
        }
        bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        bytes
    }

    fn refused(kind: ColumnType, bytes: &[u8]) -> String {
        let mut decoder = Decoder::new("t", &columns(&[kind]));
        let error = decoder
            .decode(copy(&[vec![Some(bytes.to_vec())]]))
            .unwrap_err();
        assert_eq!(
            dataset::failure::Failure::kind_of(&error),
            Some(Kind::Refused),
            "{error}"
        );
        error.to_string()
    }

    fn numeric_bytes(weight: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
        let head = [digits.len() as u16, weight as u16, sign, 0];
        head.iter()
            .chain(digits)
            .flat_map(|word| word.to_be_bytes())
            .collect()
    }

    #[test]
    fn numerics_come_out_at_the_columns_scale() {
        let cases = [
            (numeric_bytes(0, 0, &[]), 2, 0),
            (numeric_bytes(0, 0, &[1]), 2, 100),
            (numeric_bytes(0, 0x4000, &[12, 3400]), 2, -1234),
            (numeric_bytes(-1, 0, &[100]), 2, 1),
            (numeric_bytes(1, 0, &[9999, 9999, 9900]), 2, 9_999_999_999),
            (numeric_bytes(4, 0, &[1]), 0, 10_i128.pow(16)),
        ];
        for (bytes, scale, expected) in cases {
            assert_eq!(
                numeric(&bytes, scale).and_then(Result::ok),
                Some(expected),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_carried_is_refused_with_table_and_column() {
        let numeric = ColumnType::Numeric {
            precision: 10,
            scale: 2,
        };
        for (kind, bytes) in [
            (numeric, numeric_bytes(0, 0xC000, &[])),
            (numeric, numeric_bytes(0, 0xD000, &[])),
            (numeric, numeric_bytes(-1, 0, &[123])),
            (ColumnType::Timestamp, i64::MAX.to_be_bytes().to_vec()),
            (ColumnType::TimestampTz, i64::MIN.to_be_bytes().to_vec()),
            (
                ColumnType::Timestamp,
                (252_455_616_000_000_000_i64).to_be_bytes().to_vec(),
            ),
            (ColumnType::Date, i32::MAX.to_be_bytes().to_vec()),
            (ColumnType::Date, (-730_120_i32).to_be_bytes().to_vec()),
            (ColumnType::Time, DAY_MICROSECONDS.to_be_bytes().to_vec()),
            (ColumnType::Text, vec![0xff]),
        ] {
            let message = refused(kind, &bytes);
            assert!(message.starts_with("table `t`, column `c0`: "), "{message}");
        }
    }

    #[test]
    fn two_halves_of_a_character_in_two_rows_are_not_text() {
        let mut decoder = Decoder::new("t", &columns(&[ColumnType::Text]));
        let rows = [vec![Some(vec![0xc3])], vec![Some(vec![0xa9])]];
        assert!(decoder.decode(copy(&rows)).is_err());
    }

    #[test]
    fn a_copy_that_ends_early_is_an_error() {
        let bytes = copy(&[vec![Some(vec![0, 0, 0, 1])]]);
        let mut decoder = Decoder::new("t", &columns(&[ColumnType::Integer]));
        decoder.decode(bytes[..bytes.len() - 2].to_vec()).unwrap();
        assert!(decoder.finish().is_err());
    }

    proptest! {
        #[test]
        fn blocks_may_be_cut_anywhere(
            rows in prop::collection::vec((any::<Option<i32>>(), prop::option::of(".{0,9}"), any::<Option<bool>>()), 0..40),
            cuts in prop::collection::vec(1_usize..30, 1..20),
        ) {
            let fields: Vec<_> = rows.iter().map(|(number, text, flag)| vec![
                number.map(|number| number.to_be_bytes().to_vec()),
                text.as_ref().map(|text| text.clone().into_bytes()),
                flag.map(|flag| vec![u8::from(flag)]),
            ]).collect();
            let bytes = copy(&fields);
            let mut decoder = Decoder::new("t", &columns(&[ColumnType::Integer, ColumnType::Text, ColumnType::Boolean]));
            let mut read = vec![];
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (head, tail) = rest.split_at((*cut).min(rest.len()));
                rest = tail;
                let block = decoder.decode(head.to_vec()).unwrap();
                for row in 0..block[0].rows {
                    let valid = |column: &ColumnBlock| column.validity.as_ref().is_none_or(|bits| bits[row / 8] >> (row % 8) & 1 == 1);
                    let Values::Integer(numbers) = &block[0].values else { panic!() };
                    let Values::Text(text) = &block[1].values else { panic!() };
                    let Values::Boolean(flags) = &block[2].values else { panic!() };
                    let start = if row == 0 { 0 } else { text.ends[row - 1] };
                    read.push((
                        valid(&block[0]).then(|| numbers[row]),
                        valid(&block[1]).then(|| text.text[start..text.ends[row]].to_owned()),
                        valid(&block[2]).then(|| flags[row]),
                    ));
                }
            }
            decoder.finish().unwrap();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn any_numeric_of_38_digits_is_exact(value in -(10_i128.pow(38) - 1)..10_i128.pow(38), scale in 0_u8..=38) {
            // Base-10,000 digits of |value| at `scale`, aligned to the point.
            let padding = (4 - u32::from(scale) % 4) % 4;
            let digits_after = (u32::from(scale) + padding) / 4;
            let text = format!("{}{}", value.unsigned_abs(), "0".repeat(padding as usize));
            let padded = format!("{}{text}", "0".repeat((4 - text.len() % 4) % 4));
            let digits: Vec<u16> = padded.as_bytes().chunks(4).map(|four| std::str::from_utf8(four).unwrap().parse().unwrap()).collect();
            let weight = digits.len() as i16 - digits_after as i16 - 1;
            let trimmed = digits.iter().rposition(|digit| *digit != 0).map_or(0, |last| last + 1);
            let sign = if value < 0 { 0x4000 } else { 0 };
            prop_assert_eq!(numeric(&numeric_bytes(weight, sign, &digits[..trimmed]), scale).and_then(Result::ok), Some(value));
        }
    }
}
