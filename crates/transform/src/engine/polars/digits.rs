//! Numerics as integers without their point: the limit of digits, and rounding to fewer digits.

use crate::model::tree::Function;

/// A result, or why it cannot be computed.
type Result<T> = std::result::Result<T, String>;

/// Numerics must be less than this: 38 digits are carried.
pub(in crate::engine) const LIMIT: i128 = 10_i128.pow(38);

/// Checks that a numeric has no more digits than are carried.
pub(in crate::engine) fn carried(value: Option<i128>) -> Result<i128> {
    value
        .filter(|value| value.abs() < LIMIT)
        .ok_or_else(|| format!("a numeric has more than {} digits", dataset::MAX_PRECISION))
}

/// Rounds or cuts a numeric with `scale` digits after the point to `digits` of them. With fewer digits it stays as it is. Negative
/// `digits` go on before the point, and leave zeros there.
pub(in crate::engine) fn to_digits(
    function: Function,
    value: i128,
    scale: i64,
    digits: i64,
) -> Result<i128> {
    if digits >= scale {
        return Ok(value);
    }
    // More digits are dropped than any numeric has.
    let Some(unit) = u32::try_from(scale - digits)
        .ok()
        .and_then(|digits| 10_i128.checked_pow(digits))
    else {
        return Ok(0);
    };
    let units = match function {
        Function::Round => rounded(value, unit),
        Function::Ceiling => -(-value).div_euclid(unit),
        Function::Floor => value.div_euclid(unit),
        _ => value / unit,
    };
    // The digits before the point that were dropped become zeros.
    let zeros = u32::try_from((-digits).max(0))
        .ok()
        .and_then(|zeros| 10_i128.checked_pow(zeros));
    carried(zeros.and_then(|zeros| units.checked_mul(zeros)))
}

/// Divides a value by a unit, rounding half away from zero.
pub(in crate::engine) fn rounded(value: i128, unit: i128) -> i128 {
    let (units, rest) = (value / unit, value % unit);
    let is_half = rest.unsigned_abs() >= unit.unsigned_abs().div_ceil(2);
    units + if is_half { value.signum() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_away_from_zero() {
        for (value, unit, units) in [
            (15, 10, 2),
            (-15, 10, -2),
            (14, 10, 1),
            (1005, 10, 101),
            (-1005, 10, -101),
            (0, 10, 0),
            (7, 1, 7),
        ] {
            assert_eq!(rounded(value, unit), units, "{value}");
        }
    }

    #[test]
    fn digits_beyond_those_there_are_change_nothing_or_leave_nothing() {
        for (function, value, scale, digits, expected) in [
            (Function::Round, 1005, 2, 1, 101),
            (Function::Round, 1005, 2, 2, 1005),
            (Function::Round, 1005, 2, 9, 1005),
            (Function::Round, 14_999, 2, -2, 100),
            (Function::Round, 15_000, 2, -2, 200),
            (Function::Round, 15_000, 2, -40, 0),
            (Function::Truncate, -1009, 2, 1, -100),
            (Function::Ceiling, -1009, 2, 0, -10),
            (Function::Ceiling, 1001, 2, 0, 11),
            (Function::Floor, -1001, 2, 0, -11),
        ] {
            assert_eq!(
                to_digits(function, value, scale, digits),
                Ok(expected),
                "{function:?} {value} {digits}"
            );
        }
    }
}
