//! Finds the digits after the point of results of numerics.

use super::super::tree::{Function, Node, Scalar, Value};
use super::super::types::Type;
use super::coerce::cast;

/// How many digits after the point a product may have.
const MOST_DIGITS: u8 = dataset::MAX_PRECISION;

/// The type of a function's result for numerics, which are brought to the digits that it needs.
///
/// # Errors
/// Why that isn't on the list.
pub(super) fn given(
    function: Function,
    arguments: Vec<Scalar>,
) -> Result<(Type, Vec<Scalar>), &'static str> {
    let has = |kind: &Type| arguments.iter().any(|argument| argument.kind == *kind);
    if function == Function::Divide || has(&Type::Unconstrained) {
        return of_quotients(function, arguments);
    }
    let scales: Vec<u8> = arguments
        .iter()
        .filter_map(|argument| argument.kind.scale())
        .collect();
    let most = scales.iter().copied().max().unwrap_or(0);
    let is_known = !(arguments.iter()).any(|of| matches!(of.kind, Type::NumericUpTo(_)));
    let (scale, is_known) = match function {
        Function::Multiply => {
            let sum = scales
                .iter()
                .try_fold(0_u8, |sum, scale| sum.checked_add(*scale));
            let sum = sum.filter(|sum| *sum <= MOST_DIGITS);
            (
                sum.ok_or(" with this number of digits after the point")?,
                is_known,
            )
        }
        Function::Sign | Function::Ceiling | Function::Floor => (0, true),
        Function::Round | Function::Truncate => {
            let digits = digits(&arguments)?;
            let scale = digits.clamp(0, i64::from(most));
            // Postgres would show zeros that are not added here.
            (scale as u8, digits <= i64::from(most))
        }
        _ => (most, is_known),
    };
    let arguments = match function {
        Function::Add | Function::Subtract | Function::Modulo => arguments
            .into_iter()
            .map(|argument| match argument.kind.scale() {
                Some(scale) if scale == most => argument,
                _ => cast(argument, Type::NumericUpTo(most)),
            })
            .collect(),
        _ => arguments,
    };
    let kind = match is_known {
        true => Type::Numeric(scale),
        false => Type::NumericUpTo(scale),
    };
    Ok((kind, arguments))
}

/// The type of a quotient, or of a value computed from one.
fn of_quotients(
    function: Function,
    arguments: Vec<Scalar>,
) -> Result<(Type, Vec<Scalar>), &'static str> {
    let count = |is: &dyn Fn(&Type) -> bool| arguments.iter().filter(|of| is(&of.kind)).count();
    let kind = match function {
        Function::Divide | Function::Negate | Function::Absolute => Type::Unconstrained,
        Function::Add | Function::Subtract | Function::Multiply => {
            if count(&|kind| matches!(kind, Type::NumericUpTo(_))) > 0 {
                return Err(
                    " where it isn't known how many digits after the point Postgres shows for one side: cast it to \
                     numeric(p,s)",
                );
            }
            if function == Function::Multiply && count(&|kind| *kind == Type::Unconstrained) > 1 {
                return Err(
                    ": both are quotients, whose product may have too many digits: round them first",
                );
            }
            Type::Unconstrained
        }
        Function::Sign | Function::Ceiling | Function::Floor => Type::Numeric(0),
        Function::Round | Function::Truncate => {
            let digits = digits(&arguments)?.max(0);
            let digits = u8::try_from(digits)
                .ok()
                .filter(|digits| *digits <= MOST_DIGITS);
            Type::Numeric(digits.ok_or(" with this number of digits after the point")?)
        }
        _ => return Err(" with these digits: round them first"),
    };
    Ok((kind, arguments))
}

/// The digits after the point that ROUND or TRUNC is to keep.
fn digits(arguments: &[Scalar]) -> Result<i64, &'static str> {
    match arguments.get(1).map(|digits| &digits.node) {
        None => Ok(0),
        Some(Node::Constant(Value::Integer(digits))) => Ok(*digits),
        _ => Err(" to a number of digits that is not a constant"),
    }
}
