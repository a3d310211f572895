//! Numerics with a scale of their own, computed as in Postgres (src/backend/utils/adt/numeric.c).

use std::cmp::Ordering;

use super::digits::{carried, to_digits};
use crate::model::tree::Function;

/// A numeric with the digits after the point that Postgres shows for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal {
    /// The value without its point.
    pub(super) digits: i128,
    /// How many digits come after the point; this may be more than `digits` has.
    pub(super) scale: u32,
}

/// A result, or why it cannot be computed.
type Result<T> = std::result::Result<T, String>;

/// Whether Postgres shows exactly the digits after the point that a decimal has, or possibly fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Known,
    AtMost,
}

/// How many significant digits a quotient has at least (`NUMERIC_MIN_SIG_DIGITS`).
const SIGNIFICANT_DIGITS: i64 = 16;
/// How many decimal digits one of Postgres's digits has (`DEC_DIGITS`).
const GROUP: i64 = 4;
/// How many digits after the point a quotient has at most (`NUMERIC_MAX_DISPLAY_SCALE`).
const MOST_SCALE: i64 = 1000;

impl Decimal {
    /// The digits of the same value at a larger scale.
    fn widened(self, scale: u32) -> Result<i128> {
        if scale == self.scale {
            return Ok(self.digits);
        }
        let factor = 10_i128.checked_pow(scale - self.scale);
        match self.digits {
            0 => Ok(0),
            digits => carried(factor.and_then(|factor| digits.checked_mul(factor))),
        }
    }

    /// Adds, subtracts or multiplies.
    pub(super) fn with(self, function: Function, other: Self) -> Result<Self> {
        if function == Function::Multiply {
            return Ok(Self {
                digits: carried(self.digits.checked_mul(other.digits))?,
                scale: self.scale + other.scale,
            });
        }
        let scale = self.scale.max(other.scale);
        let (one, other) = (self.widened(scale)?, other.widened(scale)?);
        let digits = match function {
            Function::Add => one.checked_add(other),
            _ => one.checked_sub(other),
        };
        Ok(Self {
            digits: carried(digits)?,
            scale,
        })
    }

    /// The quotient, rounded half away from zero to the digits after the point that Postgres gives it (`select_div_scale`).
    pub(super) fn divided(self, other: Self, scales: [Scale; 2]) -> Result<Self> {
        if other.digits == 0 {
            return Err("division by zero".to_owned());
        }
        let scale = self.quotient_scale(other, scales)?;
        let short = other.shortened();
        let divisor = short.digits.unsigned_abs();
        let dividend = self.digits.unsigned_abs();
        let (mut quotient, mut rest) = (dividend / divisor, dividend % divisor);
        let mut missing = scale + short.scale - self.scale;
        while missing > 0 && (quotient, rest) != (0, 0) {
            let step = (u128::MAX / divisor).ilog10().min(missing).min(37);
            if step == 0 {
                return Err("a divisor has too many digits".to_owned());
            }
            let factor = 10_u128.pow(step);
            rest *= factor;
            let more = quotient.checked_mul(factor);
            let more = more.and_then(|more| more.checked_add(rest / divisor));
            quotient = more.unwrap_or(u128::MAX);
            if quotient > i128::MAX.unsigned_abs() {
                carried(None)?;
            }
            rest %= divisor;
            missing -= step;
        }
        let is_half = rest >= divisor - rest && rest > 0;
        let quotient = quotient as i128 + i128::from(is_half);
        let is_negative = (self.digits < 0) != (other.digits < 0);
        Ok(Self {
            digits: carried(Some(if is_negative { -quotient } else { quotient }))?,
            scale,
        })
    }

    fn quotient_scale(self, other: Self, scales: [Scale; 2]) -> Result<u32> {
        let (weight, first) = self.weight();
        let (weight_of_other, first_of_other) = other.weight();
        let mut weight = weight - weight_of_other;
        if first <= first_of_other {
            weight -= 1;
        }
        let own = [i64::from(self.scale), i64::from(other.scale)];
        let mut scale = SIGNIFICANT_DIGITS - weight * GROUP;
        for (own, of) in own.into_iter().zip(scales) {
            if of == Scale::Known {
                scale = scale.max(own);
            }
        }
        let is_open = |(own, of): (i64, Scale)| of == Scale::AtMost && own > scale;
        if own.into_iter().zip(scales).any(is_open) {
            return Err(
                "how many digits Postgres would give a quotient depends on how its two sides were written: cast them \
                 to numeric(p,s)"
                    .to_owned(),
            );
        }
        Ok(scale.clamp(0, MOST_SCALE) as u32)
    }

    /// The power of 10,000 of the first of Postgres's digits that isn't zero, and that digit.
    fn weight(self) -> (i64, u128) {
        let digits = self.digits.unsigned_abs();
        if digits == 0 {
            return (0, 0);
        }
        let count = i64::from(digits.ilog10()) + 1;
        let before_point = count - i64::from(self.scale);
        let weight = (before_point - 1).div_euclid(GROUP);
        let of_first = before_point - weight * GROUP;
        let first = match count - of_first {
            rest @ 0.. => digits / 10_u128.pow(rest as u32),
            lacking => digits * 10_u128.pow(-lacking as u32),
        };
        (weight, first)
    }

    /// Rounds the value, cuts it, or goes to the next whole number, at `scale` digits after the point; if `scale` is negative,
    /// before the point.
    pub(super) fn to_scale(self, function: Function, scale: i64) -> Result<i128> {
        if scale >= i64::from(self.scale) {
            return self.widened(scale as u32);
        }
        if self.scale > 38 && matches!(function, Function::Ceiling | Function::Floor) {
            // The value is between zero and one unit, above or below zero.
            let is_above = function == Function::Ceiling;
            return Ok(match self.digits.signum() {
                1 if is_above => 1,
                -1 if !is_above => -1,
                _ => 0,
            });
        }
        to_digits(function, self.digits, self.scale.into(), scale)
    }

    /// The same value with the fewest digits after the point, so that equal values have equal digits.
    pub(super) fn shortened(mut self) -> Self {
        while self.scale > 0 && self.digits % 10 == 0 {
            if self.digits == 0 {
                self.scale = 0;
                break;
            }
            self.digits /= 10;
            self.scale -= 1;
        }
        self
    }

    /// Compares two values.
    pub(super) fn compare(self, other: Self) -> Ordering {
        let signs = self.digits.signum().cmp(&other.digits.signum());
        if signs.is_ne() || self.digits == 0 {
            return signs;
        }
        let (one, of_other) = (self.digits.unsigned_abs(), other.digits.unsigned_abs());
        let (digits, digits_of_other) = (one.ilog10(), of_other.ilog10());
        let before_point = |digits: u32, scale: u32| i64::from(digits) - i64::from(scale);
        let sizes = before_point(digits, self.scale)
            .cmp(&before_point(digits_of_other, other.scale))
            .then_with(|| {
                // The first digits of both have the same power of ten, so both are brought to equally many digits.
                let most = digits.max(digits_of_other);
                let one = one * 10_u128.pow(most - digits);
                one.cmp(&(of_other * 10_u128.pow(most - digits_of_other)))
            });
        match self.digits < 0 {
            true => sizes.reverse(),
            false => sizes,
        }
    }

    /// The value as Postgres writes it.
    pub(super) fn text(self) -> String {
        let sign = if self.digits < 0 { "-" } else { "" };
        let scale = self.scale as usize;
        let digits = format!("{:0>width$}", self.digits.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        match fraction {
            "" => format!("{sign}{whole}"),
            fraction => format!("{sign}{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Decimal {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        Decimal {
            digits: format!("{whole}{fraction}").parse().expect("digits"),
            scale: fraction.len() as u32,
        }
    }

    #[test]
    fn quotients_have_the_digits_that_postgres_gives_them() {
        for (one, other, expected) in [
            ("1", "3", "0.33333333333333333333"),
            ("2", "3", "0.66666666666666666667"),
            ("-2", "3", "-0.66666666666666666667"),
            ("10", "4", "2.5000000000000000"),
            ("10000", "3", "3333.3333333333333333"),
            ("1", "10000", "0.000100000000000000000000"),
            ("0", "7", "0.00000000000000000000"),
            ("0.00", "0.001", "0.0000000000000000"),
            ("123456789012345678", "1", "123456789012345678"),
            (
                "99999999999999999999",
                "1.000000",
                "99999999999999999999.000000",
            ),
            ("5", "0.0001", "50000.000000000000"),
        ] {
            let quotient = of(one).divided(of(other), [Scale::Known; 2]);
            assert_eq!(
                quotient.map(Decimal::text),
                Ok(expected.to_owned()),
                "{one} / {other}"
            );
        }
        let zero = of("1").divided(of("0.00"), [Scale::Known; 2]);
        assert!(zero.is_err());
    }

    #[test]
    fn a_scale_that_is_not_known_matters_only_beyond_the_digits_of_the_quotient() {
        let scales = [Scale::AtMost, Scale::Known];
        assert!(of("1.50").divided(of("3"), scales).is_ok());
        assert!(
            of("99999999999999999999.000000")
                .divided(of("1"), scales)
                .is_err()
        );
    }

    #[test]
    fn texts_have_all_digits() {
        for text in ["0", "0.00", "-0.05", "12.500", "-100"] {
            assert_eq!(of(text).text(), text);
        }
    }

    proptest! {
        #[test]
        fn values_are_ordered_whatever_their_scale(one in -2000..2000_i128, other in -2000..2000_i128, scale in 0..4_u32) {
            let wide = Decimal { digits: other * 10_i128.pow(scale), scale: scale + 1 };
            let order = Decimal { digits: one, scale: 1 }.compare(wide);
            prop_assert_eq!(order, one.cmp(&other));
            let short = wide.shortened();
            prop_assert!(short.compare(wide).is_eq() && short.digits % 10 != 0 || short.scale == 0);
        }
    }
}
