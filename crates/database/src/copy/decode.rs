//! Decodes binary COPY into typed columns. Pure: bytes in, blocks of columns out, no database.
//!
//! The format is described at <https://www.postgresql.org/docs/current/sql-copy.html> (binary format); fields are
//! written by the `*send` functions in the server's `src/backend/utils/adt`.

use anyhow::bail;
use dataset::calendar::DAY_MICROSECONDS;
use dataset::failure::Kind;
use dataset::{Column, ColumnType};

use super::values::{Refusal, date, numeric, timestamp, uuid};

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// The length of the header: signature, flags, length of the header's extension.
const HEADER_BYTES: usize = SIGNATURE.len() + 4 + 4;

/// A column of a block of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnBlock {
    /// The column's type.
    pub kind: ColumnType,
    /// A value for each row.
    pub values: Values,
    /// A bit per row, least significant first, unset for NULL; `None` if no row is NULL.
    pub validity: Option<Vec<u8>>,
    /// How many rows there are.
    pub rows: usize,
}

/// The values of a column. A NULL also takes a place, with any value.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Truth values.
    Boolean(Vec<bool>),
    /// Days from 1970-01-01.
    Date(Vec<i32>),
    /// Integers of any width, timestamps as microseconds from 1970-01-01, times as microseconds from midnight.
    BigInt(Vec<i64>),
    /// Floats of single precision.
    Real(Vec<f32>),
    /// Floats of double precision.
    Double(Vec<f64>),
    /// Numerics as integers at the column's scale.
    Numeric(Vec<i128>),
    /// Texts of any text type, and values that are read as their text.
    Text(Text),
    /// `bytea`.
    Bytes(Bytes),
}

/// Strings, joined without separators; row `i` ends at `ends[i]`, which is always between characters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Text {
    /// All strings, joined.
    pub text: String,
    /// The end of each string in `text`, in bytes.
    pub ends: Vec<usize>,
}

/// Byte strings, joined without separators; row `i` ends at `ends[i]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bytes {
    /// All byte strings, joined.
    pub bytes: Vec<u8>,
    /// The end of each byte string in `bytes`.
    pub ends: Vec<usize>,
}

/// The part of the stream that the next byte belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Header,
    Rows,
    End,
}

/// Decodes the blocks of one COPY of one table's columns.
pub struct Decoder {
    table: String,
    columns: Vec<Column>,
    builders: Vec<Builder>,
    position: Position,
    /// The beginning of a row that the last block cut off. Servers send one row in a message, but they need not.
    carry: Vec<u8>,
}

impl Decoder {
    /// Creates a decoder for these columns, in COPY's order. `table` is the name in errors.
    pub fn new(table: &str, columns: &[Column]) -> Self {
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

    /// Decodes the rows that are complete after `block`. Returns one block for each column, perhaps without rows.
    ///
    /// # Errors
    /// [`Kind::Refused`] naming the table and column of a value that cannot be carried exactly.
    pub fn decode(&mut self, block: Vec<u8>) -> anyhow::Result<Vec<ColumnBlock>> {
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

    /// Checks that the COPY came to its end.
    pub fn finish(&self) -> anyhow::Result<()> {
        if self.position != Position::End {
            return Err(Kind::Connection.error(format!(
                "table `{}`: the server ended the COPY early",
                self.table
            )));
        }
        Ok(())
    }

    /// Decodes one row and returns the bytes after it; `None`, with nothing kept, if the row is incomplete.
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
                // The next block will have about the same size.
                let next = Builder::like(column.kind, builder);
                std::mem::replace(builder, next)
                    .finish()
                    .map_err(|refusal| refusal.at(&self.table, column))
            })
            .collect()
    }
}

/// The bytes after the header; `None` if the header is incomplete.
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

/// A field's bytes (`None` for NULL) and the bytes after it; `None` if the field is incomplete.
fn field(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    match usize::try_from(i32::from_be_bytes(*length)) {
        Ok(length) => rest
            .split_at_checked(length)
            .map(|(value, rest)| (Some(value), rest)),
        Err(_) => Some((None, rest)),
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
        Self::with_capacity(kind, 0, 0)
    }

    /// Creates an empty builder with room for as much as `former` holds.
    fn like(kind: ColumnType, former: &Self) -> Self {
        let bytes = match &former.values {
            Values::Bytes(bytes) => bytes.bytes.len(),
            _ => 0,
        };
        // Rows differ a little in length.
        Self::with_capacity(kind, former.rows + former.rows / 16, bytes + bytes / 16)
    }

    fn with_capacity(kind: ColumnType, rows: usize, bytes: usize) -> Self {
        let values = match kind {
            ColumnType::Boolean => Values::Boolean(Vec::with_capacity(rows)),
            ColumnType::Date => Values::Date(Vec::with_capacity(rows)),
            ColumnType::SmallInt
            | ColumnType::Integer
            | ColumnType::BigInt
            | ColumnType::Time
            | ColumnType::Timestamp
            | ColumnType::TimestampTz => Values::BigInt(Vec::with_capacity(rows)),
            ColumnType::Real => Values::Real(Vec::with_capacity(rows)),
            ColumnType::Double => Values::Double(Vec::with_capacity(rows)),
            ColumnType::Numeric { .. } => Values::Numeric(Vec::with_capacity(rows)),
            ColumnType::Text
            | ColumnType::Json
            | ColumnType::JsonBinary
            | ColumnType::Uuid
            | ColumnType::Bytes => Values::Bytes(Bytes {
                bytes: Vec::with_capacity(bytes),
                ends: Vec::with_capacity(rows),
            }),
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
            Values::Date(values) => values.push(0),
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
            Values::Date(values) => {
                let raw = i32::from_be_bytes(bytes.try_into().map_err(|_| malformed())?);
                values.push(date(raw)?);
            }
            Values::BigInt(values) => {
                let raw = integer(kind, bytes).ok_or_else(malformed)?;
                values.push(match kind {
                    ColumnType::Timestamp | ColumnType::TimestampTz => timestamp(raw)?,
                    // 24:00:00 is the only time after a day's last microsecond, and no other reader has it.
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
                let ColumnType::Numeric { precision, scale } = kind else {
                    return Err(malformed());
                };
                values.push(numeric(bytes, precision, scale).ok_or_else(malformed)??);
            }
            Values::Bytes(values) => {
                match kind {
                    ColumnType::Uuid => {
                        let id = u128::from_be_bytes(bytes.try_into().map_err(|_| malformed())?);
                        values.bytes.extend_from_slice(uuid(id).as_bytes());
                    }
                    ColumnType::JsonBinary => {
                        // The version of jsonb's format comes first.
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

    /// Removes the last value.
    fn pop(&mut self) {
        self.rows -= 1;
        match &mut self.values {
            Values::Boolean(values) => drop(values.pop()),
            Values::Date(values) => drop(values.pop()),
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
                // Checked once for the whole block: a database in SQL_ASCII may hold anything.
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

/// Reads an integer of the width that its type has on the wire.
fn integer(kind: ColumnType, bytes: &[u8]) -> Option<i64> {
    Some(match kind {
        ColumnType::SmallInt => i16::from_be_bytes(bytes.try_into().ok()?).into(),
        ColumnType::Integer => i32::from_be_bytes(bytes.try_into().ok()?).into(),
        _ => i64::from_be_bytes(bytes.try_into().ok()?),
    })
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

#[cfg(test)]
mod tests {
    use super::super::values::numeric_bytes;
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
                fixed_scale: true,
                text: None,
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
                    let Values::BigInt(numbers) = &block[0].values else { panic!() };
                    let Values::Text(text) = &block[1].values else { panic!() };
                    let Values::Boolean(flags) = &block[2].values else { panic!() };
                    let start = if row == 0 { 0 } else { text.ends[row - 1] };
                    read.push((
                        valid(&block[0]).then(|| numbers[row] as i32),
                        valid(&block[1]).then(|| text.text[start..text.ends[row]].to_owned()),
                        valid(&block[2]).then(|| flags[row]),
                    ));
                }
            }
            decoder.finish().unwrap();
            prop_assert_eq!(read, rows);
        }

    }
}
