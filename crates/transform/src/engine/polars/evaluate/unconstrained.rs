//! Numerics that each have their own scale: quotients, and values computed from them.

use super::super::array::Array;
use super::super::decimal::{Decimal, Scale};
use super::super::digits::carried;
use super::arguments::{Arguments, Cells, Result, binary, unary};
use crate::model::tree::Function;
use crate::model::types::Type;

/// Computes a call of numerics where an argument or the result has its own scale for each value. `kinds` are the types of the
/// arguments.
pub(super) fn compute(
    function: Function,
    arguments: &Arguments<'_>,
    kinds: &[&Type],
    kind: &Type,
) -> Result<Array> {
    let values = |at: usize| decimals(arguments, at, kinds[at]);
    let signed = |change: fn(i128) -> i128| {
        let changed = unary(values(0)?, |value| {
            Ok(Decimal {
                digits: change(value.digits),
                ..value
            })
        })?;
        Ok(Array::of_decimals(changed))
    };
    match function {
        Function::Negate => signed(|digits| -digits),
        Function::Absolute => signed(i128::abs),
        Function::Sign => Ok(Array::of_numerics(unary(values(0)?, |value| {
            Ok(value.digits.signum())
        })?)),
        Function::Round | Function::Truncate if arguments.len() == 2 => {
            let rounded = binary(values(0)?, arguments.integers(1)?, |value, scale| {
                value.to_scale(function, scale)
            })?;
            Ok(Array::of_numerics(rounded))
        }
        Function::Round | Function::Truncate | Function::Ceiling | Function::Floor => {
            let whole = unary(values(0)?, |value| value.to_scale(function, 0))?;
            Ok(Array::of_numerics(whole))
        }
        Function::Divide => {
            let scales = [scale(kinds[0]), scale(kinds[1])];
            let quotients = binary(values(0)?, values(1)?, |one, other| {
                one.divided(other, scales)
            })?;
            Ok(Array::of_decimals(quotients))
        }
        Function::Add | Function::Subtract | Function::Multiply => {
            let computed = binary(values(0)?, values(1)?, |one, other| {
                one.with(function, other)
            })?;
            Ok(Array::of_decimals(computed))
        }
        _ => Err(format!("{function:?} does not give {kind}")),
    }
}

/// Whether Postgres shows exactly the digits after the point that values of this type have here.
pub(in crate::engine) fn scale(kind: &Type) -> Scale {
    match kind {
        Type::NumericUpTo(_) => Scale::AtMost,
        _ => Scale::Known,
    }
}

/// Numerics or integers as decimals.
pub(super) fn decimals<'a>(
    arguments: &'a Arguments<'_>,
    at: usize,
    kind: &Type,
) -> Result<Cells<'a, Decimal>> {
    match (kind, kind.scale()) {
        (Type::Unconstrained, _) => arguments.decimals(at),
        (_, Some(scale)) => {
            let of = move |digits: i128| Decimal {
                digits,
                scale: scale.into(),
            };
            Ok(Box::new(
                arguments.numerics(at)?.map(move |value| value.map(of)),
            ))
        }
        _ => {
            let of = |value: i64| Decimal {
                digits: value.into(),
                scale: 0,
            };
            Ok(Box::new(
                arguments.integers(at)?.map(move |value| value.map(of)),
            ))
        }
    }
}

/// Casts exact numbers to numerics that each keep their own scale.
pub(super) fn cast(arguments: &Arguments<'_>, from: &Type) -> Result<Array> {
    let values = decimals(arguments, 0, from)?;
    Ok(Array::of_decimals(values.collect()))
}

/// Casts numerics with their own scales to numerics with `scale` digits after the point, less than `limit`.
pub(super) fn to_numeric(arguments: &Arguments<'_>, limit: i128, scale: u8) -> Result<Array> {
    let numerics = unary(arguments.decimals(0)?, |value| {
        let digits = carried(Some(value.to_scale(Function::Round, scale.into())?))?;
        match digits.abs() < limit {
            true => Ok(digits),
            false => Err("numeric field overflow".to_owned()),
        }
    })?;
    Ok(Array::of_numerics(numerics))
}
