//! Arithmetic that fails where Postgres's does, and never wraps around or loses digits.

use dataset::calendar::CARRIED_DAYS;

use super::super::array::Array;
use super::super::digits::{carried, to_digits};
use super::arguments::{Arguments, Result, binary, unary};
use super::unconstrained;
use crate::model::literal::holds;
use crate::model::tree::Function;
use crate::model::types::{Held, Type};

/// Computes a call of numbers or dates. `kinds` are the types of the arguments.
pub(super) fn compute(
    function: Function,
    arguments: &Arguments<'_>,
    kinds: &[&Type],
    kind: &Type,
) -> Result<Array> {
    if *kind == Type::Unconstrained || kinds.contains(&&Type::Unconstrained) {
        return unconstrained::compute(function, arguments, kinds, kind);
    }
    if let Type::Date = kind {
        return dates(function, arguments, kinds);
    }
    if let [Type::Date, Type::Date] = kinds {
        let days = binary(arguments.dates(0)?, arguments.dates(1)?, |left, right| {
            Ok(i64::from(left) - i64::from(right))
        })?;
        return Ok(Array::of_integers(days));
    }
    match (kind.held(), arguments.len()) {
        (Held::Integers, 1) => {
            let values = unary(arguments.integers(0)?, |value| {
                integer(function, value, 0, kind)
            })?;
            Ok(Array::of_integers(values))
        }
        (Held::Integers, _) => {
            let (left, right) = (arguments.integers(0)?, arguments.integers(1)?);
            Ok(Array::of_integers(binary(left, right, |left, right| {
                integer(function, left, right, kind)
            })?))
        }
        (Held::Numerics, _) => numerics(function, arguments, kinds),
        (Held::Reals, 1) => Ok(Array::of_reals(unary(arguments.reals(0)?, |value| {
            Ok(float(function, value.into())? as f32)
        })?)),
        (Held::Reals, _) => {
            let (left, right) = (arguments.reals(0)?, arguments.reals(1)?);
            let values = binary(left, right, |left, right| {
                let exact = operation(function, left, right)?;
                checked(function, left.into(), right.into(), exact.into())?;
                Ok(exact)
            })?;
            Ok(Array::of_reals(values))
        }
        (Held::Doubles, 1) => Ok(Array::of_doubles(unary(arguments.doubles(0)?, |value| {
            float(function, value)
        })?)),
        (Held::Doubles, _) => {
            let (left, right) = (arguments.doubles(0)?, arguments.doubles(1)?);
            let values = binary(left, right, |left, right| {
                let value = operation(function, left, right)?;
                checked(function, left, right, value)?;
                Ok(value)
            })?;
            Ok(Array::of_doubles(values))
        }
        _ => Err(format!("{function:?} does not give {kind}")),
    }
}

fn dates(function: Function, arguments: &Arguments<'_>, kinds: &[&Type]) -> Result<Array> {
    let (date, days) = if kinds[0] == &Type::Date {
        (0, 1)
    } else {
        (1, 0)
    };
    let moved = binary(
        arguments.dates(date)?,
        arguments.integers(days)?,
        |date, days| {
            let days = if function == Function::Subtract {
                -days
            } else {
                days
            };
            let moved = i64::from(date) + days;
            i32::try_from(moved)
                .ok()
                .filter(|moved| CARRIED_DAYS.contains(moved))
                .ok_or_else(|| "a date is outside of the years 1 to 9999".to_owned())
        },
    )?;
    Ok(Array::of_dates(moved))
}

fn integer(function: Function, left: i64, right: i64, kind: &Type) -> Result<i64> {
    if right == 0 && matches!(function, Function::Divide | Function::Modulo) {
        return Err("division by zero".to_owned());
    }
    let value = match function {
        Function::Add => left.checked_add(right),
        Function::Subtract => left.checked_sub(right),
        Function::Multiply => left.checked_mul(right),
        Function::Divide => left.checked_div(right),
        Function::Modulo => Some(left.wrapping_rem(right)),
        Function::Negate => left.checked_neg(),
        Function::Absolute => left.checked_abs(),
        _ => None,
    };
    value
        .filter(|value| holds(kind, *value))
        .ok_or_else(|| format!("{kind} out of range"))
}

fn numerics(function: Function, arguments: &Arguments<'_>, kinds: &[&Type]) -> Result<Array> {
    let scale = kinds[0].scale().map_or(0, i64::from);
    let values = match (function, arguments.len()) {
        (Function::Round | Function::Truncate, 2) => binary(
            arguments.numerics(0)?,
            arguments.integers(1)?,
            |value, digits| to_digits(function, value, scale, digits),
        )?,
        (Function::Round | Function::Truncate | Function::Ceiling | Function::Floor, _) => {
            unary(arguments.numerics(0)?, |value| {
                to_digits(function, value, scale, 0)
            })?
        }
        (Function::Sign, _) => unary(arguments.numerics(0)?, |value| Ok(value.signum()))?,
        (Function::Negate, _) => unary(arguments.numerics(0)?, |value| Ok(-value))?,
        (Function::Absolute, _) => unary(arguments.numerics(0)?, |value| Ok(value.abs()))?,
        _ => binary(
            arguments.numerics(0)?,
            arguments.numerics(1)?,
            |left, right| {
                let value = match function {
                    Function::Add => left.checked_add(right),
                    Function::Subtract => left.checked_sub(right),
                    Function::Multiply => left.checked_mul(right),
                    Function::Modulo if right == 0 => return Err("division by zero".to_owned()),
                    Function::Modulo => Some(left % right),
                    _ => None,
                };
                carried(value)
            },
        )?,
    };
    Ok(Array::of_numerics(values))
}

trait Float:
    Copy
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
{
}
impl Float for f32 {}
impl Float for f64 {}

fn operation<F: Float>(function: Function, left: F, right: F) -> Result<F> {
    Ok(match function {
        Function::Add => left + right,
        Function::Subtract => left - right,
        Function::Multiply => left * right,
        Function::Divide => left / right,
        _ => return Err(format!("{function:?} of floats")),
    })
}

/// Checks a result as src/include/utils/float.h does.
fn checked(function: Function, left: f64, right: f64, value: f64) -> Result<()> {
    let of_product = function == Function::Multiply;
    let of_quotient = function == Function::Divide;
    if of_quotient && right == 0.0 && !left.is_nan() {
        return Err("division by zero".to_owned());
    }
    if value.is_infinite() && !left.is_infinite() && (of_quotient || !right.is_infinite()) {
        return Err("value out of range: overflow".to_owned());
    }
    let is_lost = of_product && right != 0.0 || of_quotient && !right.is_infinite();
    if value == 0.0 && left != 0.0 && is_lost {
        return Err("value out of range: underflow".to_owned());
    }
    Ok(())
}

fn float(function: Function, value: f64) -> Result<f64> {
    Ok(match function {
        Function::Negate => -value,
        Function::Absolute => value.abs(),
        Function::Round => value.round_ties_even(),
        Function::Truncate => value.trunc(),
        Function::Ceiling => value.ceil(),
        Function::Floor => value.floor(),
        Function::Sign if value > 0.0 => 1.0,
        Function::Sign if value < 0.0 => -1.0,
        Function::Sign => 0.0,
        _ => return Err(format!("{function:?} of floats")),
    })
}
