//! Turns rows of Avro into fields of binary COPY.

use database::copy::write::RowEncoder;

use super::parse::{AvroType, Field, Meaning, Slot};
use super::{DAY_MICROS, EPOCH_DAYS, EPOCH_MICROS, varint};
use crate::carriage::{Carried, Kind, POWERS};

/// Turns rows of a file into rows of binary COPY, field by field.
pub(crate) struct Decoder {
    steps: Vec<Step>,
    encoder: RowEncoder,
    fields: i16,
}

struct Step {
    column: String,
    slot: Slot,
    kind: Kind,
}

/// The most bytes that the server takes for a row (`MaxAllocSize` in src/include/utils/memutils.h).
const MAX_ROW_BYTES: usize = 0x3fff_ffff;
/// The message about a row that is too long.
const TOO_LONG: &str = "a row of more bytes than Postgres can have";
/// The message about a value that breaks off.
const CUT: &str = "the file is damaged: a value ends in the middle";

impl Decoder {
    /// Assigns each field to the column of its name.
    ///
    /// # Errors
    /// The reason why a field does not fit its column, or the field or column that has no counterpart.
    pub(crate) fn new(fields: Vec<Field>, columns: &[Carried]) -> Result<Self, String> {
        let mut steps: Vec<Step> = Vec::new();
        for Field { column, slot } in fields {
            let Some(of) = columns.iter().find(|of| of.name == column) else {
                return Err(format!("its field `{column}` is not a column of the table"));
            };
            if steps.iter().any(|step| step.column == column) {
                return Err(format!("its field `{column}` is there twice"));
            }
            if !fits(&of.kind, &slot.of) {
                return Err(format!(
                    "its field `{column}` is {}, which a column of type {} cannot hold",
                    name(&slot.of),
                    of.type_name
                ));
            }
            let kind = of.kind.clone();
            steps.push(Step { column, slot, kind });
        }
        let has = |name: &str| steps.iter().any(|step| step.column == name);
        if let Some(lacking) = columns.iter().find(|column| !has(&column.name)) {
            return Err(format!("it has no field for the column `{}`", lacking.name));
        }
        Ok(Self {
            fields: i16::try_from(steps.len()).map_err(|_| "it has too many fields")?,
            steps,
            encoder: RowEncoder::default(),
        })
    }

    /// The columns, in the order of the fields.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.column.as_str())
    }

    /// Takes a row off the front of `rows`, and encodes it.
    ///
    /// # Errors
    /// The column whose value cannot be taken, and why.
    pub(crate) fn row(&mut self, rows: &mut &[u8]) -> Result<(), String> {
        let before = self.encoder.bytes().len();
        self.encoder.row(self.fields);
        for step in &self.steps {
            let taken = take_slot(&step.slot, &step.kind, rows, &mut self.encoder);
            let taken = taken.and_then(|()| check_length(&self.encoder, before));
            taken.map_err(|why| format!("column `{}`: {why}", step.column))?;
        }
        Ok(())
    }

    /// The encoded rows since the last [`clear`](Self::clear).
    pub(crate) fn encoded(&self) -> &[u8] {
        self.encoder.bytes()
    }

    /// Drops the encoded rows.
    pub(crate) fn clear(&mut self) {
        self.encoder.clear();
    }
}

/// Refuses a row that the server would not take, before memory is allocated for it: a NULL takes one byte in Avro, but four in
/// COPY.
fn check_length(row: &RowEncoder, begins_at: usize) -> Result<(), String> {
    match row.bytes().len() - begins_at > MAX_ROW_BYTES {
        true => Err(TOO_LONG.to_owned()),
        false => Ok(()),
    }
}

/// Whether values of an Avro type become values of a column of this kind, either exactly or with an error.
fn fits(kind: &Kind, of: &AvroType) -> bool {
    use AvroType::{Array, Boolean, Bytes, Double, Enum, Fixed, Float, Int, Long, String};
    match (kind, of) {
        (Kind::Int2 | Kind::Int4 | Kind::Int8, Int(Meaning::Number) | Long(Meaning::Number))
        | (Kind::Bool, Boolean)
        | (Kind::Float4, Float)
        | (Kind::Float8, Float | Double)
        | (Kind::Decimal { .. }, Bytes(Some(_)) | Fixed(_, Some(_)))
        | (Kind::Text | Kind::Jsonb | Kind::AsText, String | Enum(_))
        | (Kind::Uuid, String | Fixed(16, None))
        | (Kind::Bytes, Bytes(None) | Fixed(_, None))
        | (Kind::Date, Int(Meaning::Date))
        | (Kind::Time, Int(Meaning::Time(_)) | Long(Meaning::Time(_)))
        | (Kind::Timestamp | Kind::TimestampTz, Long(Meaning::Timestamp(_))) => true,
        (Kind::Array { of, .. }, Array(slot)) => fits(of, &slot.of),
        _ => false,
    }
}

fn name(of: &AvroType) -> &'static str {
    match of {
        AvroType::Boolean => "a boolean",
        AvroType::Int(Meaning::Date) => "a date",
        AvroType::Int(Meaning::Time(_)) | AvroType::Long(Meaning::Time(_)) => "a time",
        AvroType::Long(Meaning::Timestamp(_)) => "a timestamp",
        AvroType::Int(_) => "an int",
        AvroType::Long(_) => "a long",
        AvroType::Float => "a float",
        AvroType::Double => "a double",
        AvroType::Bytes(None) => "bytes",
        AvroType::Fixed(_, None) => "fixed",
        AvroType::Bytes(Some(_)) | AvroType::Fixed(_, Some(_)) => "a decimal",
        AvroType::String => "a string",
        AvroType::Enum(_) => "an enum",
        AvroType::Array(_) => "an array",
    }
}

fn take_slot(
    slot: &Slot,
    kind: &Kind,
    rows: &mut &[u8],
    out: &mut RowEncoder,
) -> Result<(), String> {
    if is_null(slot, rows)? {
        out.null();
        return Ok(());
    }
    take(&slot.of, kind, rows, out)
}

fn is_null(slot: &Slot, rows: &mut &[u8]) -> Result<bool, String> {
    let Some(null) = slot.null else {
        return Ok(false);
    };
    match varint::read(rows) {
        Some(branch @ (0 | 1)) => Ok(branch == null),
        _ => Err(CUT.to_owned()),
    }
}

fn take(of: &AvroType, kind: &Kind, rows: &mut &[u8], out: &mut RowEncoder) -> Result<(), String> {
    match (kind, of) {
        (Kind::Array { oid, of }, AvroType::Array(slot)) => {
            return take_array(slot, *oid, of, rows, out);
        }
        (Kind::Bool, _) => out.bool(match bytes(rows, 1)? {
            [0] => false,
            [1] => true,
            _ => return Err("a boolean that is neither true nor false".to_owned()),
        }),
        (Kind::Int2, _) => out.int2(narrow(number(rows)?)?),
        (Kind::Int4, _) => out.int4(narrow(number(rows)?)?),
        (Kind::Int8, _) => out.int8(number(rows)?),
        (Kind::Float4, _) => out.float4(f32::from_le_bytes(array(rows)?)),
        (Kind::Float8, AvroType::Float) => out.float8(f32::from_le_bytes(array(rows)?).into()),
        (Kind::Float8, _) => out.float8(f64::from_le_bytes(array(rows)?)),
        (Kind::Decimal { precision, scale }, AvroType::Fixed(size, Some(of))) => {
            decimal(bytes(rows, *size)?, *of, *precision, *scale, out)?;
        }
        (Kind::Decimal { precision, scale }, AvroType::Bytes(Some(of))) => {
            decimal(sized(rows)?, *of, *precision, *scale, out)?;
        }
        (Kind::Text | Kind::AsText, _) => out.text(string(of, rows)?),
        (Kind::Jsonb, _) => out.jsonb(string(of, rows)?),
        (Kind::Uuid, AvroType::Fixed(..)) => out.uuid(array(rows)?),
        (Kind::Uuid, _) => out.uuid(uuid(string(of, rows)?).ok_or("a text that is not a uuid")?),
        (Kind::Bytes, AvroType::Fixed(size, _)) => out.bytea(bytes(rows, *size)?),
        (Kind::Bytes, _) => out.bytea(sized(rows)?),
        (Kind::Date, _) => {
            let days: i32 = narrow(number(rows)?)?;
            let days = days.checked_sub(EPOCH_DAYS);
            out.date(
                days.filter(|days| *days != i32::MIN)
                    .ok_or("a date beyond Postgres's")?,
            );
        }
        (
            Kind::Time,
            AvroType::Int(Meaning::Time(parts)) | AvroType::Long(Meaning::Time(parts)),
        ) => {
            let micros = number(rows)?.checked_mul(1_000_000 / parts);
            match micros {
                Some(micros @ 0..DAY_MICROS) => out.time(micros),
                _ => return Err("a time beyond a day".to_owned()),
            }
        }
        (Kind::Timestamp | Kind::TimestampTz, AvroType::Long(Meaning::Timestamp(parts))) => {
            let micros = number(rows)?
                .checked_mul(1_000_000 / parts)
                .and_then(|micros| micros.checked_sub(EPOCH_MICROS));
            // The least number stands for infinity.
            out.timestamp(
                micros
                    .filter(|micros| *micros != i64::MIN)
                    .ok_or("a timestamp beyond Postgres's")?,
            );
        }
        _ => return Err("a value of an unexpected type".to_owned()),
    }
    Ok(())
}

/// Takes an array, and writes it in its binary form: see [`encode`](super::encode).
fn take_array(
    slot: &Slot,
    oid: u32,
    kind: &Kind,
    rows: &mut &[u8],
    out: &mut RowEncoder,
) -> Result<(), String> {
    let mut elements = RowEncoder::default();
    let (mut count, mut has_nulls) = (0_i32, false);
    while let Some(more) = block_of_items(rows)? {
        for _ in 0..more {
            match is_null(slot, rows)? {
                true => {
                    has_nulls = true;
                    elements.null();
                }
                false => take(&slot.of, kind, rows, &mut elements)?,
            }
            check_length(&elements, 0)?;
            count = count.checked_add(1).ok_or(CUT)?;
        }
    }
    let mut array = Vec::with_capacity(20 + elements.bytes().len());
    let dimensions = i32::from(count > 0);
    for word in [dimensions, has_nulls.into()] {
        array.extend_from_slice(&word.to_be_bytes());
    }
    array.extend_from_slice(&oid.to_be_bytes());
    if count > 0 {
        for word in [count, 1] {
            array.extend_from_slice(&word.to_be_bytes());
        }
        array.extend_from_slice(elements.bytes());
    }
    out.bytea(&array);
    Ok(())
}

/// The number of items in an array's next block; `None` after the last block.
fn block_of_items(rows: &mut &[u8]) -> Result<Option<u64>, String> {
    let count = number(rows)?;
    if count < 0 {
        // A negative count is followed by the block's size in bytes, so that readers can skip the block.
        number(rows)?;
    }
    // Each item has at least one byte; otherwise the file could state any number of items.
    let count = count.unsigned_abs();
    match count {
        0 => Ok(None),
        count if count > rows.len() as u64 => Err(CUT.to_owned()),
        count => Ok(Some(count)),
    }
}

fn number(rows: &mut &[u8]) -> Result<i64, String> {
    varint::read(rows).ok_or_else(|| CUT.to_owned())
}

fn narrow<T: TryFrom<i64>>(number: i64) -> Result<T, String> {
    T::try_from(number).map_err(|_| format!("{number} is out of range"))
}

fn bytes<'a>(rows: &mut &'a [u8], count: usize) -> Result<&'a [u8], String> {
    let (taken, rest) = rows.split_at_checked(count).ok_or(CUT)?;
    *rows = rest;
    Ok(taken)
}

fn array<const N: usize>(rows: &mut &[u8]) -> Result<[u8; N], String> {
    bytes(rows, N)?.try_into().map_err(|_| CUT.to_owned())
}

fn sized<'a>(rows: &mut &'a [u8]) -> Result<&'a [u8], String> {
    let count = usize::try_from(number(rows)?).map_err(|_| CUT)?;
    bytes(rows, count)
}

fn string<'s, 'r: 's>(of: &'s AvroType, rows: &mut &'r [u8]) -> Result<&'s str, String> {
    if let AvroType::Enum(symbols) = of {
        let symbol = usize::try_from(number(rows)?).ok();
        let symbol = symbol.and_then(|symbol| symbols.get(symbol));
        return symbol.map(String::as_str).ok_or_else(|| CUT.to_owned());
    }
    std::str::from_utf8(sized(rows)?).map_err(|_| "a text that is not UTF-8".to_owned())
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let mut digits = text.bytes().filter(|byte| *byte != b'-');
    let mut uuid = [0; 16];
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    for byte in &mut uuid {
        *byte = (digit(digits.next())? << 4 | digit(digits.next())?) as u8;
    }
    digits.next().is_none().then_some(uuid)
}

/// Takes a decimal with the scale `of`, a number in two's complement, as a decimal of `precision` and `scale`. That must hold all
/// of its digits, since the server would round it.
fn decimal(
    bytes: &[u8],
    of: u8,
    precision: u8,
    scale: u8,
    out: &mut RowEncoder,
) -> Result<(), String> {
    let is_negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let too_long = || format!("a number of more digits than numeric({precision},{scale}) has");
    let is_within = |magnitude: u128| magnitude < POWERS[usize::from(precision)];
    // Most numbers fit into 64 bits, whose arithmetic is many times faster.
    if of == scale && bytes.len() <= 8 {
        let sign = if is_negative { -1_i64 } else { 0 };
        let number = bytes
            .iter()
            .fold(sign, |number, byte| number << 8 | i64::from(*byte));
        if !is_within(number.unsigned_abs().into()) {
            return Err(too_long());
        }
        out.numeric(number, scale.into());
        return Ok(());
    }
    let (sign, skipped) = match is_negative {
        true => (-1_i128, 0xff),
        false => (0, 0),
    };
    let start = bytes.len().saturating_sub(16);
    let (above, below) = bytes.split_at(start);
    let mut unscaled = sign;
    for byte in below {
        unscaled = unscaled << 8 | i128::from(*byte);
    }
    // Bits above the lowest 128 may only repeat the sign.
    let is_wide =
        above.iter().any(|byte| *byte != skipped) || (start > 0 && (unscaled < 0) != is_negative);
    if is_wide {
        return Err(too_long());
    }
    let unscaled = match scale.checked_sub(of) {
        Some(more) => 10_i128
            .checked_pow(more.into())
            .and_then(|factor| unscaled.checked_mul(factor))
            .ok_or_else(too_long)?,
        None => {
            let factor = 10_i128.pow((of - scale).into());
            if unscaled % factor != 0 {
                return Err(too_long());
            }
            unscaled / factor
        }
    };
    if !is_within(unscaled.unsigned_abs()) {
        return Err(too_long());
    }
    out.numeric_wide(unscaled, scale.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{RowEncoder, decimal};

    #[test]
    fn a_decimal_of_few_bytes_is_that_of_many() {
        let taken = |bytes: &[u8], precision| {
            let mut out = RowEncoder::default();
            let taken = decimal(bytes, 2, precision, 2, &mut out);
            taken.map(|()| out.bytes().to_vec())
        };
        for digits in 0..18 {
            let power = 10_i64.pow(digits);
            for number in [power - 1, power, -power, 1 - power, 9 * power] {
                let few = number.to_be_bytes();
                let many = i128::from(number).to_be_bytes();
                let precision = (digits as u8 + 1).max(2);
                let expected = taken(&many, precision);
                assert!(expected.is_ok(), "{number}");
                assert_eq!(taken(&few, precision), expected, "{number}");
                let refused = taken(&many, digits as u8);
                assert_eq!(taken(&few, digits as u8), refused, "{number}");
            }
        }
    }
}
