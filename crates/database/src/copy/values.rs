//! Decodes single values of the binary format, or says why they are refused.

use std::fmt::{Display, Write};

use dataset::calendar::{
    CARRIED_DAYS, DAY_MICROSECONDS, POSTGRES_EPOCH_DAYS, POSTGRES_EPOCH_MICROSECONDS,
};
use dataset::failure::Kind;
use dataset::{Column, ColumnType, MAX_PRECISION};

/// The reason why a value is refused.
pub(super) enum Refusal {
    /// The value, which the text describes, cannot be carried exactly.
    Inexact(String),
    /// The numeric, given as text, is not a value of the type that its column is carried as.
    Unheld(String),
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
                "{place}: {what} cannot be carried exactly: correct it, list the column under `cast_to_text` of the table \
                 in dataset.toml, or cast it to text in the SELECT, with --engine postgres"
            )),
            Self::Unheld(value) => {
                // More digits help a number, but not NaN or infinity.
                let wider = match value.bytes().any(|byte| byte.is_ascii_digit()) {
                    true => ", carry the column as a wider numeric(p,s) by `carry_as`",
                    false => "",
                };
                Kind::Refused.error(format!(
                    "{place}: {value} does not fit {}, which the column is carried as, and no value is rounded: \
                     correct it{wider}, or list the column under `cast_to_text` of the table in dataset.toml",
                    column.kind
                ))
            }
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

const NEGATIVE: u16 = 0x4000;

/// For each number of digits, the lowest number that has more digits.
const BEYOND: [i128; MAX_PRECISION as usize + 1] = {
    let mut powers = [1; MAX_PRECISION as usize + 1];
    let mut digits = 1;
    while digits < powers.len() {
        powers[digits] = powers[digits - 1] * 10;
        digits += 1;
    }
    powers
};

/// Decodes a `numeric` as an integer at `scale`, with at most `precision` digits; `None` if it is malformed. On the wire it is the
/// number of digits (base 10,000), the weight of the first, the sign, the displayed scale, and the digits.
pub(super) fn numeric(bytes: &[u8], precision: u8, scale: u8) -> Option<Result<i128, Refusal>> {
    let digits = bytes.get(8..)?;
    let count = u16::from_be_bytes([bytes[0], bytes[1]]);
    if digits.len() != usize::from(count) * 2 {
        return None;
    }
    let value = unscaled(bytes, scale)
        .filter(|value| value.unsigned_abs() < BEYOND[usize::from(precision)].unsigned_abs());
    Some(value.ok_or_else(|| Refusal::Unheld(shown(bytes))))
}

/// Decodes a well-formed `numeric` as an integer at `scale`; `None` if it doesn't fit in 128 bits or the scale.
fn unscaled(bytes: &[u8], scale: u8) -> Option<i128> {
    let (head, digits) = bytes.split_first_chunk::<8>()?;
    let [count, weight, sign, _] =
        [0, 2, 4, 6].map(|at| u16::from_be_bytes([head[at], head[at + 1]]));
    if count == 0 && sign == 0 {
        return Some(0);
    }
    if sign != 0 && sign != NEGATIVE {
        return None;
    }
    let mut digits = digits
        .chunks_exact(2)
        .map(|digit| u16::from_be_bytes([digit[0], digit[1]]));
    // The last digit stands for multiples of 10,000 ^ (weight - count + 1); at the column's scale, of 10 ^ exponent.
    let exponent = (i32::from(weight as i16) - i32::from(count) + 1) * 4 + i32::from(scale);
    if count <= 3 && (-3..=6).contains(&exponent) {
        // This is true of nearly every amount: twelve digits and up to six zeros fit in 64 bits, whose arithmetic is several
        // times faster.
        let value = digits.fold(0, |value, digit| value * 10_000 + i64::from(digit));
        let power = 10_i64.pow(exponent.unsigned_abs());
        let value = match exponent {
            0.. => value * power,
            _ if value % power == 0 => value / power,
            _ => return None,
        };
        let value = i128::from(value);
        return Some(if sign == NEGATIVE { -value } else { value });
    }
    // A last digit that reaches below the scale must end in zeros there. It is added last, and shortened: in full it could
    // overflow although the value itself doesn't.
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
        _ => return None,
    };
    Some(if sign == NEGATIVE { -value } else { value })
}

/// A well-formed `numeric` as Postgres writes it, shortened if it is very long.
fn shown(bytes: &[u8]) -> String {
    const MOST_DIGITS: i32 = 60;
    let words: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|word| u16::from_be_bytes([word[0], word[1]]))
        .collect();
    let [_, weight, sign, scale] = [0, 1, 2, 3].map(|at| words.get(at).copied().unwrap_or(0));
    let mut text = String::new();
    match sign {
        0 => {}
        NEGATIVE => text.push('-'),
        0xd000 => return "Infinity".to_owned(),
        0xf000 => return "-Infinity".to_owned(),
        _ => return "NaN".to_owned(),
    }
    // Gives the decimal digit that stands for multiples of 10 ^ `power`.
    let weight = i32::from(weight as i16);
    let digit = |power: i32| {
        let at = weight - power.div_euclid(4);
        let word = usize::try_from(at).ok().and_then(|at| words.get(4 + at));
        let word = word.copied().unwrap_or(0);
        char::from(b'0' + (word / 10_u16.pow(power.rem_euclid(4).unsigned_abs()) % 10) as u8)
    };
    let highest = (0..weight * 4 + 4).rev().find(|power| digit(*power) != '0');
    let (first, last) = (highest.unwrap_or(0), -i32::from(scale));
    for power in (last..=first).rev().take(MOST_DIGITS as usize) {
        if power == -1 {
            text.push('.');
        }
        text.push(digit(power));
    }
    if first - last >= MOST_DIGITS {
        text.push('…');
    }
    text
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
                numeric(&bytes, 38, scale).and_then(Result::ok),
                Some(expected),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn what_a_type_does_not_hold_is_refused_with_its_text() {
        let with_scale = |mut bytes: Vec<u8>, scale: u16| {
            bytes[6..8].copy_from_slice(&scale.to_be_bytes());
            bytes
        };
        let long = numeric_bytes(30_000, 0, &[7]);
        for (bytes, precision, scale, expected) in [
            (
                with_scale(numeric_bytes(0, 0x4000, &[1, 2345]), 4),
                10,
                3,
                "-1.2345",
            ),
            (
                with_scale(numeric_bytes(-2, 0, &[1]), 8),
                10,
                4,
                "0.00000001",
            ),
            (numeric_bytes(0, 0, &[1234]), 5, 2, "1234"),
            (
                numeric_bytes(9, 0x4000, &[1]),
                38,
                2,
                "-1000000000000000000000000000000000000",
            ),
            (
                numeric_bytes(9, 0, &[100]),
                38,
                0,
                "100000000000000000000000000000000000000",
            ),
            (numeric_bytes(0, 0xc000, &[]), 38, 2, "NaN"),
            (numeric_bytes(0, 0xd000, &[]), 38, 2, "Infinity"),
            (numeric_bytes(0, 0xf000, &[]), 38, 2, "-Infinity"),
            (long, 38, 2, &format!("7{}…", "0".repeat(59))),
        ] {
            match numeric(&bytes, precision, scale) {
                Some(Err(Refusal::Unheld(value))) => assert_eq!(value, expected),
                other => panic!("{expected}: {:?}", other.map(|it| it.ok())),
            }
        }
        assert!(numeric(&numeric_bytes(0, 0, &[1])[..9], 38, 2).is_none());
        assert!(numeric(&[0; 7], 38, 2).is_none());
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
            let bytes = numeric_bytes(weight, sign, &digits[..trimmed]);
            prop_assert_eq!(numeric(&bytes, 38, scale).and_then(Result::ok), Some(value));
            // It has as many digits as its text, and no type of fewer holds it.
            let count = value.unsigned_abs().to_string().len() as u8;
            prop_assert!(value == 0 || numeric(&bytes, count - 1, scale).is_some_and(|it| it.is_err()));
            prop_assert!(numeric(&bytes, count, scale).is_some_and(|it| it.is_ok()));
        }
    }
}
