//! Arithmetic of integers, numerics and dates that fails where Postgres's does. In Spark, decimals keep all their digits if
//! `spark.sql.decimalOperations.allowPrecisionLoss` is off.

use super::scope::{checked, spark_type, unknown};
use crate::model::refusal::Result;
use crate::model::tree::{Function, Node, Scalar, Value};
use crate::model::types::{Held, Type};

/// Writes a call; `kind` is Spark's type of its result.
pub(super) fn call(
    function: Function,
    arguments: &[Scalar],
    values: &[String],
    whole: &Scalar,
    kind: &str,
) -> Result<String> {
    let refused = |what: &str| Err(unknown(whole.at, what));
    let is_exact = |of: &Scalar| of.kind.is_integer() || of.kind.scale().is_some();
    let one = &values[0];
    let infix = |sign: &str| format!("CAST({one} {sign} {} AS {kind})", values[1]);
    match (&whole.kind, arguments) {
        (Type::Date, [of, _]) => {
            let (date, days) = match of.kind {
                Type::Date => (one, &values[1]),
                _ => (&values[1], one),
            };
            let moved = match function {
                Function::Add => format!("date_add({date}, CAST({days} AS INT))"),
                Function::Subtract => format!("date_sub({date}, CAST({days} AS INT))"),
                _ => return refused("this arithmetic of dates"),
            };
            return Ok(within_years(&moved, "DATE"));
        }
        (_, [left, right]) if left.kind == Type::Date && right.kind == Type::Date => {
            return Ok(format!("CAST(datediff({one}, {}) AS {kind})", values[1]));
        }
        _ => {}
    }
    if !arguments.iter().all(is_exact) || !is_exact(whole) {
        return refused("arithmetic of floats");
    }
    // A 0 of another type would reduce the digits of a long decimal.
    let zero = format!("CAST(0 AS {})", spark_type(&arguments[0].kind, whole.at)?);
    // Both sides get the same width, so that neither is brought to the other's.
    let wide = |at: usize| format!("CAST({} AS {kind})", values[at]);
    let of_integers = whole.kind.held() == Held::Integers;
    Ok(match function {
        Function::Add if of_integers => format!("({} + {})", wide(0), wide(1)),
        Function::Subtract if of_integers => format!("({} - {})", wide(0), wide(1)),
        Function::Multiply if of_integers => format!("({} * {})", wide(0), wide(1)),
        Function::Divide if of_integers => infix("DIV"),
        Function::Modulo if of_integers => format!("({} % {})", wide(0), wide(1)),
        Function::Add => infix("+"),
        Function::Subtract => infix("-"),
        Function::Multiply => infix("*"),
        Function::Modulo => infix("%"),
        Function::Divide => return refused("a quotient of numerics"),
        Function::Negate => format!("CAST(-({one}) AS {kind})"),
        Function::Absolute => format!("CAST(abs({one}) AS {kind})"),
        Function::Sign => format!(
            "CAST(CASE WHEN {one} > {zero} THEN 1 WHEN {one} < {zero} THEN -1 WHEN {one} = {zero} THEN 0 END AS {kind})"
        ),
        _ if of_integers => return refused("rounding of integers"),
        Function::Round | Function::Truncate | Function::Ceiling | Function::Floor => {
            let digits = match arguments.get(1) {
                None => 0,
                Some(Scalar {
                    node: Node::Constant(Value::Integer(digits)),
                    ..
                }) => *digits,
                Some(_) => return refused("rounding to digits that are not a constant"),
            };
            if !(-38..=38).contains(&digits) {
                return refused("rounding to this number of digits");
            }
            let rounded = match function {
                Function::Round => format!("round({one}, {digits})"),
                Function::Ceiling => format!("ceil({one}, {digits})"),
                Function::Floor => format!("floor({one}, {digits})"),
                // Truncation goes towards 0.
                _ => format!(
                    "CASE WHEN {one} < {zero} THEN ceil({one}, {digits}) ELSE floor({one}, {digits}) END"
                ),
            };
            format!("CAST({rounded} AS {kind})")
        }
        _ => return refused("this arithmetic"),
    })
}

/// Writes a date or timestamp, of the type `kind` in Spark, that stops the query if it is beyond the years that files have.
pub(super) fn within_years(value: &str, kind: &str) -> String {
    let end = match kind {
        "DATE" => "9999-12-31",
        _ => "9999-12-31 23:59:59.999999",
    };
    let cast = |text: &str| format!("CAST('{text}' AS {kind})");
    checked(
        &format!(
            "{value} < {} OR {value} > {}",
            cast("0001-01-01"),
            cast(end)
        ),
        "a date or timestamp is outside of the years 1 to 9999",
        value,
    )
}
