//! Turns a field of binary COPY into Avro.

use super::{DAY_MICROS, EPOCH_DAYS, EPOCH_MICROS, varint};
use crate::carriage::{Carried, Kind, POWERS, decimal_bytes};

/// The reason why a value cannot be carried.
type Why = &'static str;

/// Appends a column's value; `None` is NULL. `checks_text` is for databases whose encoding lets any bytes be text.
///
/// # Errors
/// The reason why the value cannot be carried.
#[inline]
pub(crate) fn field(
    column: &Carried,
    value: Option<&[u8]>,
    checks_text: bool,
    out: &mut Vec<u8>,
) -> Result<(), Why> {
    match (value, column.nullable) {
        (None, true) => {
            out.push(0);
            return Ok(());
        }
        (None, false) => return Err("NULL, which the column forbids"),
        (Some(_), true) => out.push(2),
        (Some(_), false) => {}
    }
    self::value(&column.kind, value.unwrap_or_default(), checks_text, out)
}

fn value(kind: &Kind, bytes: &[u8], checks_text: bool, out: &mut Vec<u8>) -> Result<(), Why> {
    match kind {
        Kind::Int2 => varint::write(i16::from_be_bytes(fixed(bytes)?).into(), out),
        Kind::Int4 => varint::write(i32::from_be_bytes(fixed(bytes)?).into(), out),
        Kind::Int8 => varint::write(i64::from_be_bytes(fixed(bytes)?), out),
        Kind::Bool => out.push(u8::from(fixed::<1>(bytes)? != [0])),
        Kind::Float4 => out.extend(fixed::<4>(bytes)?.iter().rev()),
        Kind::Float8 => out.extend(fixed::<8>(bytes)?.iter().rev()),
        Kind::Decimal { precision, scale } => {
            let unscaled = unscaled(bytes, *scale)?;
            let size = decimal_bytes(*precision);
            if unscaled.unsigned_abs() >= POWERS[usize::from(*precision)] {
                return Err("a number of more digits than its type has");
            }
            out.extend_from_slice(&unscaled.to_be_bytes()[16 - size..]);
        }
        Kind::Text | Kind::AsText => text(bytes, checks_text, out)?,
        Kind::Jsonb => match bytes.split_first() {
            Some((1, json)) => text(json, checks_text, out)?,
            _ => return Err("a jsonb of an unknown version"),
        },
        Kind::Uuid => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            varint::write(36, out);
            for (index, byte) in fixed::<16>(bytes)?.iter().enumerate() {
                if matches!(index, 4 | 6 | 8 | 10) {
                    out.push(b'-');
                }
                out.push(DIGITS[usize::from(byte >> 4)]);
                out.push(DIGITS[usize::from(byte & 15)]);
            }
        }
        Kind::Bytes => {
            varint::write(bytes.len() as i64, out);
            out.extend_from_slice(bytes);
        }
        Kind::Date => {
            let days = match i32::from_be_bytes(fixed(bytes)?) {
                i32::MIN | i32::MAX => return Err("an infinite date"),
                days => days.checked_add(EPOCH_DAYS),
            };
            varint::write(days.ok_or("a date beyond Avro's")?.into(), out);
        }
        Kind::Time => match i64::from_be_bytes(fixed(bytes)?) {
            DAY_MICROS => return Err("24:00, which some readers read as NULL"),
            micros => varint::write(micros, out),
        },
        Kind::Timestamp | Kind::TimestampTz => {
            let micros = match i64::from_be_bytes(fixed(bytes)?) {
                i64::MIN | i64::MAX => return Err("an infinite timestamp"),
                micros => micros.checked_add(EPOCH_MICROS),
            };
            varint::write(micros.ok_or("a timestamp beyond Avro's")?, out);
        }
        Kind::Array { of, .. } => array(of, bytes, checks_text, out)?,
    }
    Ok(())
}

/// Appends an array. `bytes` is what `array_send` writes: the number of dimensions, whether there are NULLs, the elements' type,
/// for each dimension its length and lower bound, then the elements.
fn array(of: &Kind, bytes: &[u8], checks_text: bool, out: &mut Vec<u8>) -> Result<(), Why> {
    let word = |index: usize| {
        let word = bytes.get(4 * index..4 * index + 4).ok_or(CUT)?;
        Ok::<_, Why>(i32::from_be_bytes(fixed(word)?))
    };
    match word(0)? {
        0 => {
            out.push(0);
            return Ok(());
        }
        1 => {}
        _ => return Err("an array of several dimensions"),
    }
    if word(4)? != 1 {
        return Err("an array that does not begin at 1");
    }
    let count = word(3)?;
    varint::write(count.into(), out);
    let mut rest = bytes.get(20..).ok_or(CUT)?;
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(CUT)?;
        rest = after;
        match usize::try_from(i32::from_be_bytes(*length)) {
            Err(_) => out.push(0),
            Ok(length) => {
                let (element, after) = rest.split_at_checked(length).ok_or(CUT)?;
                rest = after;
                out.push(2);
                value(of, element, checks_text, out)?;
            }
        }
    }
    out.push(0);
    Ok(())
}

const CUT: Why = "a value of an unexpected length";

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Why> {
    bytes.try_into().map_err(|_| CUT)
}

fn text(bytes: &[u8], checks: bool, out: &mut Vec<u8>) -> Result<(), Why> {
    if checks && std::str::from_utf8(bytes).is_err() {
        return Err("a text that is not UTF-8");
    }
    varint::write(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
    Ok(())
}

/// How many decimal digits fit into 64 bits.
const NARROW_DIGITS: usize = 18;

/// A numeric times 10^`scale`. On the wire, a numeric is the number of its groups of four decimal digits, the power of 10,000 of
/// the first group, the sign, the number of digits after the point, and then the groups.
fn unscaled(bytes: &[u8], scale: u8) -> Result<i128, Why> {
    const TOO_LONG: Why = "a number of more than 38 digits";
    const TOO_FINE: Why = "a number of more digits after the point than its type has";
    let word = |index: usize| {
        let word = bytes.get(2 * index..2 * index + 2).ok_or(CUT)?;
        Ok::<_, Why>(i16::from_be_bytes(fixed(word)?))
    };
    let (count, weight, sign) = (word(0)?, word(1)?, word(2)? as u16);
    let is_negative = match sign {
        0x0000 => false,
        0x4000 => true,
        0xc000 => return Err("NaN"),
        _ => return Err("an infinite number"),
    };
    if count == 0 {
        return Ok(0);
    }
    let count = usize::try_from(count).map_err(|_| CUT)?;
    let power = 4 * (i32::from(weight) - count as i32 + 1) + i32::from(scale);
    // Only those digits of the last group are taken that are within the scale: all four might be one digit too many to hold.
    let beyond = u32::try_from(-power).unwrap_or(0);
    let power = u32::try_from(power).unwrap_or(0);
    // The factor for the digits before a group, and the group itself.
    let group = |index: usize| {
        let group = word(4 + index)?;
        match beyond {
            1..=3 if index + 1 == count => {
                let cut = 10_i16.pow(beyond);
                match group % cut {
                    0 => Ok((10_000 / cut, group / cut)),
                    _ => Err(TOO_FINE),
                }
            }
            0..=3 => Ok((10_000, group)),
            _ => Err(TOO_FINE),
        }
    };
    // Most numbers fit into 64 bits, whose arithmetic is many times faster.
    let unscaled = if 4 * count + power as usize <= NARROW_DIGITS {
        let mut digits = 0_i64;
        for index in 0..count {
            let (factor, group) = group(index)?;
            digits = digits * i64::from(factor) + i64::from(group);
        }
        i128::from(digits * 10_i64.pow(power))
    } else {
        let mut digits = 0_i128;
        for index in 0..count {
            let (factor, group) = group(index)?;
            digits = digits
                .checked_mul(factor.into())
                .and_then(|digits| digits.checked_add(group.into()))
                .ok_or(TOO_LONG)?;
        }
        let factor = 10_i128.checked_pow(power);
        factor
            .and_then(|factor| digits.checked_mul(factor))
            .ok_or(TOO_LONG)?
    };
    Ok(match is_negative {
        true => -unscaled,
        false => unscaled,
    })
}

#[cfg(test)]
mod tests {
    use database::copy::write::RowEncoder;

    #[test]
    fn a_number_is_itself_in_64_bits_and_beyond() {
        for digits in 0..38 {
            for scale in [0, 1, 2, 3, 4, 5, 10, 37] {
                let power = 10_i128.pow(digits);
                for number in [power - 1, power, -power, power + 1, 7 * power] {
                    let mut field = RowEncoder::default();
                    field.numeric_wide(number, scale);
                    let found = super::unscaled(&field.bytes()[4..], scale as u8);
                    assert_eq!(found, Ok(number), "{number} of scale {scale}");
                }
            }
        }
    }
}
