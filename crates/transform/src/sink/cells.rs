//! The cells of a column, and their text in CSV.
//!
//! NULL is an empty field and the empty string is `""`. Text is quoted if it must be, and nothing is
//! trimmed or replaced. A float is the shortest text that reads back as the same float.

use std::cmp::Ordering;

use dataset::calendar::Date;
use polars::prelude::{Column, DataType, TimeUnit};
use polars_arrow::array::{Array, BinaryViewArray, BooleanArray, PrimitiveArray, Utf8ViewArray};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The values of a column, in one piece.
pub(crate) enum Cells {
    Boolean(BooleanArray),
    SmallInt(PrimitiveArray<i16>),
    Integer(PrimitiveArray<i32>),
    BigInt(PrimitiveArray<i64>),
    Real(PrimitiveArray<f32>),
    Double(PrimitiveArray<f64>),
    Decimal {
        unscaled: PrimitiveArray<i128>,
        scale: usize,
    },
    Text(Utf8ViewArray),
    Bytes(BinaryViewArray),
    /// Days from 1970-01-01.
    Date(PrimitiveArray<i32>),
    /// Nanoseconds from midnight.
    Time(PrimitiveArray<i64>),
    /// Microseconds from 1970-01-01.
    Timestamp {
        microseconds: PrimitiveArray<i64>,
        utc: bool,
        days: DayTexts,
    },
}

impl Cells {
    /// The cells of a column of any type that the engine's declared types have.
    pub(crate) fn of(column: &Column) -> anyhow::Result<Self> {
        let series = column.as_materialized_series().rechunk();
        let physical = series.to_physical_repr();
        Ok(match series.dtype() {
            DataType::Boolean => Self::Boolean(series.bool()?.downcast_as_array().clone()),
            DataType::Int16 => Self::SmallInt(series.i16()?.downcast_as_array().clone()),
            DataType::Int32 => Self::Integer(series.i32()?.downcast_as_array().clone()),
            DataType::Int64 => Self::BigInt(series.i64()?.downcast_as_array().clone()),
            DataType::Float32 => Self::Real(series.f32()?.downcast_as_array().clone()),
            DataType::Float64 => Self::Double(series.f64()?.downcast_as_array().clone()),
            DataType::Decimal(_, scale) => Self::Decimal {
                unscaled: physical.i128()?.downcast_as_array().clone(),
                scale: *scale,
            },
            DataType::String => Self::Text(series.str()?.downcast_as_array().clone()),
            DataType::Binary => Self::Bytes(series.binary()?.downcast_as_array().clone()),
            DataType::Date => Self::Date(physical.i32()?.downcast_as_array().clone()),
            DataType::Time => Self::Time(physical.i64()?.downcast_as_array().clone()),
            DataType::Datetime(TimeUnit::Microseconds, zone) => {
                let microseconds = physical.i64()?.downcast_as_array().clone();
                Self::Timestamp {
                    utc: zone.is_some(),
                    days: DayTexts::of(&microseconds),
                    microseconds,
                }
            }
            other => anyhow::bail!(
                "column `{}` is {other}, which no declared type is",
                series.name()
            ),
        })
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Boolean(array) => array,
            Self::SmallInt(array) => array,
            Self::Integer(array) | Self::Date(array) => array,
            Self::BigInt(array) | Self::Time(array) => array,
            Self::Timestamp { microseconds, .. } => microseconds,
            Self::Real(array) => array,
            Self::Double(array) => array,
            Self::Decimal { unscaled, .. } => unscaled,
            Self::Text(array) => array,
            Self::Bytes(array) => array,
        }
    }

    /// Whether the cell is NULL.
    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.array()
            .validity()
            .is_some_and(|validity| !validity.get_bit(row))
    }

    /// How many cells there are.
    pub(crate) fn len(&self) -> usize {
        self.array().len()
    }

    /// Whether the cell is a text without a character.
    pub(crate) fn is_empty_text(&self, row: usize) -> bool {
        matches!(self, Self::Text(array) if array.value(row).is_empty())
    }

    /// Which comes first, a cell of this column or one of `other`, which is of the same type: NULL last, text and
    /// bytes by their bytes, NaN after all numbers.
    pub(crate) fn compare(&self, a: usize, other: &Self, b: usize) -> Ordering {
        match (self.is_null(a), other.is_null(b)) {
            (false, false) => {}
            (a, b) => return a.cmp(&b),
        }
        match (self, other) {
            (Self::Boolean(left), Self::Boolean(right)) => left.value(a).cmp(&right.value(b)),
            (Self::SmallInt(left), Self::SmallInt(right)) => left.value(a).cmp(&right.value(b)),
            (Self::Integer(left), Self::Integer(right)) | (Self::Date(left), Self::Date(right)) => {
                left.value(a).cmp(&right.value(b))
            }
            (Self::BigInt(left), Self::BigInt(right))
            | (Self::Time(left), Self::Time(right))
            | (
                Self::Timestamp {
                    microseconds: left, ..
                },
                Self::Timestamp {
                    microseconds: right,
                    ..
                },
            ) => left.value(a).cmp(&right.value(b)),
            (Self::Real(left), Self::Real(right)) => {
                compare_floats(left.value(a).into(), right.value(b).into())
            }
            (Self::Double(left), Self::Double(right)) => {
                compare_floats(left.value(a), right.value(b))
            }
            (
                Self::Decimal { unscaled: left, .. },
                Self::Decimal {
                    unscaled: right, ..
                },
            ) => left.value(a).cmp(&right.value(b)),
            (Self::Text(left), Self::Text(right)) => {
                left.value(a).as_bytes().cmp(right.value(b).as_bytes())
            }
            (Self::Bytes(left), Self::Bytes(right)) => left.value(a).cmp(right.value(b)),
            // Columns of one name and one declared type, always.
            _ => Ordering::Equal,
        }
    }

    /// The cell as an integer at its column's scale, for sums; `None` for NULL and for other types.
    pub(crate) fn unscaled(&self, row: usize) -> Option<i128> {
        if self.is_null(row) {
            return None;
        }
        match self {
            Self::SmallInt(array) => Some(array.value(row).into()),
            Self::Integer(array) => Some(array.value(row).into()),
            Self::BigInt(array) => Some(array.value(row).into()),
            Self::Decimal { unscaled, .. } => Some(unscaled.value(row)),
            _ => None,
        }
    }

    /// Appends the cell as a field of CSV.
    pub(crate) fn write_field(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Text(array) if !self.is_null(row) => write_text(array.value(row), out),
            _ => self.write_plain(row, out),
        }
    }

    /// Appends the cell without any quoting; NULL is nothing.
    pub(crate) fn write_plain(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            return;
        }
        match self {
            Self::Boolean(array) => {
                out.extend_from_slice(if array.value(row) { b"true" } else { b"false" })
            }
            Self::SmallInt(array) => write_integer(array.value(row), out),
            Self::Integer(array) => write_integer(array.value(row), out),
            Self::BigInt(array) => write_integer(array.value(row), out),
            Self::Real(array) => write_float(format!("{:e}", array.value(row)), 6, out),
            Self::Double(array) => write_float(format!("{:e}", array.value(row)), 15, out),
            Self::Decimal { unscaled, scale } => write_decimal(unscaled.value(row), *scale, out),
            Self::Text(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Self::Bytes(array) => write_bytes(array.value(row), out),
            Self::Date(array) => write_date(array.value(row), out),
            Self::Time(array) => write_time(array.value(row) / 1000, out),
            Self::Timestamp {
                microseconds,
                utc,
                days,
            } => {
                let microseconds = microseconds.value(row);
                days.write(microseconds.div_euclid(DAY) as i32, out);
                out.push(b'T');
                write_time(microseconds.rem_euclid(DAY), out);
                if *utc {
                    out.push(b'Z');
                }
            }
        }
    }
}

/// The order of floats in Postgres: 0 is -0, NaN is NaN and comes last.
fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b)
        .unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Appends text as a field: quoted if it is empty (which tells it from NULL) or holds a delimiter, a
/// quote or a line break, with quotes doubled.
pub(crate) fn write_text(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let special = |byte: &u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    if !bytes.is_empty() && !bytes.iter().any(special) {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for (index, part) in bytes.split(|byte| *byte == b'"').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(part);
    }
    out.push(b'"');
}

fn write_integer(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `unscaled` with `scale` digits after the point: 1234 at scale 2 is `12.34`.
pub(crate) fn write_decimal(unscaled: i128, scale: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let magnitude = unscaled.unsigned_abs();
    // 64-bit division is several times faster, and nearly every amount fits.
    let digits = match u64::try_from(magnitude) {
        Ok(small) => buffer.format(small),
        Err(_) => buffer.format(magnitude),
    };
    if unscaled < 0 {
        out.push(b'-');
    }
    if scale == 0 {
        out.extend_from_slice(digits.as_bytes());
        return;
    }
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    out.extend_from_slice(if whole.is_empty() {
        b"0"
    } else {
        whole.as_bytes()
    });
    out.push(b'.');
    out.extend(std::iter::repeat_n(b'0', scale - fraction.len()));
    out.extend_from_slice(fraction.as_bytes());
}

/// Appends a float as Postgres does: `scientific` is `d.ddde±x`, its digits the shortest that read back;
/// plain where the exponent lies from -4 to below `plain_digits` (src/common/d2s.c, f2s.c).
fn write_float(scientific: String, plain_digits: i32, out: &mut Vec<u8>) {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        out.extend_from_slice(match scientific.as_str() {
            "inf" => b"Infinity".as_slice(),
            "-inf" => b"-Infinity",
            _ => b"NaN",
        });
        return;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..plain_digits).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("{mantissa}e{sign}{:02}", exponent.abs()).as_bytes());
        return;
    }
    let (sign, magnitude) = match mantissa.strip_prefix('-') {
        Some(magnitude) => ("-", magnitude),
        None => ("", mantissa),
    };
    let digits: Vec<u8> = magnitude.bytes().filter(|byte| *byte != b'.').collect();
    out.extend_from_slice(sign.as_bytes());
    match usize::try_from(exponent) {
        Ok(exponent) => {
            let whole = exponent + 1;
            out.extend_from_slice(&digits[..whole.min(digits.len())]);
            out.extend(std::iter::repeat_n(
                b'0',
                whole.saturating_sub(digits.len()),
            ));
            if digits.len() > whole {
                out.push(b'.');
                out.extend_from_slice(&digits[whole..]);
            }
        }
        Err(_) => {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
            out.extend_from_slice(&digits);
        }
    }
}

/// Appends bytes as Postgres writes them: `\x` and hexadecimal digits.
fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b"\\x");
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// Appends `YYYY-MM-DD`.
pub(crate) fn write_date(days: i32, out: &mut Vec<u8>) {
    let date = Date::from_days(days);
    write_padded(date.year.into(), 4, out);
    out.push(b'-');
    write_padded(date.month.into(), 2, out);
    out.push(b'-');
    write_padded(date.day.into(), 2, out);
}

/// The texts of all days from the first to the last of a column, unless these are very many: a text is
/// looked up in a tenth of the time that it takes to make it.
pub(crate) struct DayTexts {
    first: i32,
    texts: Vec<[u8; 10]>,
}

impl DayTexts {
    /// A hundred years.
    const MOST: i64 = 36_525;

    fn of(microseconds: &PrimitiveArray<i64>) -> Self {
        let present = || microseconds.non_null_values_iter();
        let day = |microseconds: Option<i64>| microseconds.unwrap_or(0).div_euclid(DAY);
        let (first, last) = (day(present().min()), day(present().max()));
        // Few values, as of a small table or far apart, are sooner made than looked up.
        let worth = last - first < Self::MOST.min(microseconds.len() as i64);
        let texts = match worth {
            false => 0..0,
            true => first as i32..last as i32 + 1,
        };
        Self {
            first: first as i32,
            texts: texts
                .map(|day| {
                    let mut text = Vec::with_capacity(10);
                    write_date(day, &mut text);
                    text.try_into().unwrap_or_default()
                })
                .collect(),
        }
    }

    fn write(&self, day: i32, out: &mut Vec<u8>) {
        match self
            .texts
            .get((i64::from(day) - i64::from(self.first)) as usize)
        {
            Some(text) => out.extend_from_slice(text),
            None => write_date(day, out),
        }
    }
}

/// The digits of 00 to 99.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Appends `HH:MM:SS`, and six further digits if they are not zero. `microseconds` are of one day.
pub(crate) fn write_time(microseconds: i64, out: &mut Vec<u8>) {
    let (seconds, fraction) = (
        (microseconds / SECOND) as usize,
        (microseconds % SECOND) as usize,
    );
    let [hours, minutes, seconds] = [seconds / 3600, seconds / 60 % 60, seconds % 60].map(pair);
    let [a, b, c] = [fraction / 10_000, fraction / 100 % 100, fraction % 100].map(pair);
    let text = [
        hours[0], hours[1], b':', minutes[0], minutes[1], b':', seconds[0], seconds[1], b'.', a[0],
        a[1], b[0], b[1], c[0], c[1],
    ];
    out.extend_from_slice(if fraction == 0 { &text[..8] } else { &text });
}

fn pair(number: usize) -> [u8; 2] {
    PAIRS[number % 100]
}

fn write_padded(value: i64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b'0');
    let mut rest = value;
    for digit in out[start..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = vec![];
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_keep_every_digit() {
        for (unscaled, scale, expected) in [
            (0, 2, "0.00"),
            (5, 2, "0.05"),
            (-5, 2, "-0.05"),
            (-123_456, 2, "-1234.56"),
            (7, 0, "7"),
            (i128::MAX, 38, "1.70141183460469231731687303715884105727"),
            (
                10_i128.pow(37),
                38,
                "0.10000000000000000000000000000000000000",
            ),
        ] {
            assert_eq!(written(|out| write_decimal(unscaled, scale, out)), expected);
        }
    }

    #[test]
    fn floats_are_written_as_postgres_does() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (100.0, "100"),
            (123_456.75, "123456.75"),
            (1e15, "1e+15"),
            (1e14, "100000000000000"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-1.5e300, "-1.5e+300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(
                written(|out| write_float(format!("{value:e}"), 15, out)),
                expected
            );
        }
    }

    #[test]
    fn dates_and_times_are_iso() {
        assert_eq!(written(|out| write_date(0, out)), "1970-01-01");
        assert_eq!(written(|out| write_date(-719_162, out)), "0001-01-01");
        assert_eq!(written(|out| write_date(2_932_896, out)), "9999-12-31");
        assert_eq!(written(|out| write_date(19_782, out)), "2024-02-29");
        assert_eq!(written(|out| write_time(0, out)), "00:00:00");
        assert_eq!(written(|out| write_time(DAY - 1, out)), "23:59:59.999999");
        assert_eq!(written(|out| write_time(1, out)), "00:00:00.000001");
    }

    #[test]
    fn text_is_quoted_only_where_it_must_be() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", "\"\""),
            (" a ", " a "),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("\"", "\"\"\"\""),
            ("a\nb", "\"a\nb\""),
            ("a\r", "\"a\r\""),
        ] {
            assert_eq!(written(|out| write_text(text, out)), expected);
        }
    }

    proptest! {
        #[test]
        fn a_written_float_reads_back_as_itself(value in any::<f64>()) {
            let text = written(|out| write_float(format!("{value:e}"), 15, out));
            let read: f64 = text.parse().unwrap();
            prop_assert!(read.to_bits() == value.to_bits() || (read.is_nan() && value.is_nan()), "{text}");
        }
    }
}
