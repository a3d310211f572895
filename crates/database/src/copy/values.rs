//! Single values of the binary format, and why one is refused.

use std::fmt::{Display, Write};

use dataset::calendar::{
    CARRIED_DAYS, DAY_MICROSECONDS, POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_MICROSECONDS,
};
use dataset::failure::Kind;
use dataset::{Column, ColumnType};

/// Why a value is not taken.
pub(super) enum Refusal {
    /// The value cannot be carried exactly; says which it is.
    Inexact(String),
    /// The bytes are not what the type sends.
    Malformed(ColumnType, usize),
}

impl Refusal {
    pub(super) fn inexact(what: impl Display) -> Self {
        Self::Inexact(what.to_string())
    }

    pub(super) fn at(self, table: &str, column: &Column) -> anyhow::Error {
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

pub(super) fn date(raw: i32) -> Result<i32, Refusal> {
    match raw.checked_add(POSTGRES_EPOCH_DAYS) {
        Some(days) if CARRIED_DAYS.contains(&days) => Ok(days),
        _ => Err(Refusal::inexact(
            "an infinite date, or one outside the years 1 to 9999,",
        )),
    }
}

pub(super) fn timestamp(raw: i64) -> Result<i64, Refusal> {
    let carried = i64::from(CARRIED_DAYS.start) * DAY_MICROSECONDS
        ..i64::from(CARRIED_DAYS.end) * DAY_MICROSECONDS;
    match raw.checked_add(POSTGRES_EPOCH_MICROSECONDS) {
        Some(microseconds) if carried.contains(&microseconds) => Ok(microseconds),
        _ => Err(Refusal::inexact(
            "an infinite timestamp, or one outside the years 1 to 9999,",
        )),
    }
}

/// A `numeric` as an integer at `scale`. Sent as: number of digits (base 10,000), weight of the first,
/// sign, displayed scale, digits. `None` if malformed.
pub(super) fn numeric(bytes: &[u8], scale: u8) -> Option<Result<i128, Refusal>> {
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
    if count <= 3 && (-3..=6).contains(&exponent) {
        // Nearly every amount: twelve digits and up to six zeros fit 64 bits, whose arithmetic is several
        // times faster.
        let value = digits.fold(0, |value, digit| value * 10_000 + i64::from(digit));
        let power = 10_i64.pow(exponent.unsigned_abs());
        let value = match exponent {
            0.. => value * power,
            _ if value % power == 0 => value / power,
            _ => return Some(Err(beyond_scale())),
        };
        let value = i128::from(value);
        return Some(Ok(if sign == NEGATIVE { -value } else { value }));
    }
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
        _ => return Some(Err(beyond_scale())),
    };
    Some(Ok(if sign == NEGATIVE { -value } else { value }))
}

fn beyond_scale() -> Refusal {
    Refusal::inexact("a numeric with digits beyond its column's scale")
}

pub(super) fn uuid(id: u128) -> String {
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

/// A `numeric` as the server sends it.
#[cfg(test)]
pub(super) fn numeric_bytes(weight: i16, sign: u16, digits: &[u16]) -> Vec<u8> {
    let head = [digits.len() as u16, weight as u16, sign, 0];
    head.iter()
        .chain(digits)
        .flat_map(|word| word.to_be_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
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
