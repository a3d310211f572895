//! Resolves intervals, which are constants, and adding or subtracting them.

use sqlparser::ast::{BinaryOperator, CastKind, DataType, Expr, UnaryOperator, Value as Literal};

use super::super::list;
use super::super::refusal::{Refusal, Result, place};
use super::super::tree::{Function, Interval, Node, Scalar, Value};
use super::super::types::Type;
use super::coerce::cast;
use super::resolver::{Context, Resolver};
use super::scalar::number_of;

impl Resolver<'_> {
    /// Resolves adding an interval to a date or time, or subtracting it; `None` if neither side is written as an interval.
    pub(super) fn moved(
        &mut self,
        expr: &Expr,
        left: &Expr,
        op: &BinaryOperator,
        right: &Expr,
        context: Context<'_>,
    ) -> Result<Option<Scalar>> {
        let (moment, interval) = match (op, written(left)?, written(right)?) {
            (_, None, None) => return Ok(None),
            (BinaryOperator::Plus, None, Some(interval)) => (left, Some(interval)),
            (BinaryOperator::Minus, None, Some(interval)) => (left, interval.negated()),
            (BinaryOperator::Plus, Some(interval), None) => (right, Some(interval)),
            _ => (expr, None),
        };
        let refused = || {
            Refusal::of(
                expr,
                "does with an interval what is not on the list: a constant interval can be added to, or taken from, a \
                 date or timestamp",
            )
        };
        let interval = interval.ok_or_else(refused)?;
        let moment = self.scalar(moment, context)?;
        let at = place(expr);
        if moment.kind == Type::Any {
            return Ok(Some(
                Scalar::call(Function::Untyped, vec![moment], Type::Any).at(at),
            ));
        }
        let mut found = list::MOVED
            .iter()
            .filter(|(takes, _)| takes.is(&moment.kind));
        let kind = found.next().ok_or_else(refused)?.1.kind();
        let constant = match &moment.node {
            Node::Constant(Value::Integer(moment)) => Some(interval.carried_from(*moment)),
            Node::Constant(Value::Date(day)) => Some(interval.carried_from_day(*day)),
            _ => None,
        };
        Ok(Some(match constant {
            Some(moved) => {
                let moved = moved.map_err(|why| Refusal::at(at, why))?;
                Scalar::constant(Value::Integer(moved), kind).at(at)
            }
            None => {
                let moment = cast(moment, kind.clone());
                Scalar::call(Function::Move(interval), vec![moment], kind).at(at)
            }
        }))
    }
}

/// The interval that an expression writes; `None` if it is something else.
///
/// # Errors
/// If it is an interval of a form that is not accepted.
fn written(expr: &Expr) -> Result<Option<Interval>> {
    let refused = || {
        Refusal::of(
            expr,
            "is an interval of a form that is not on the list: write numbers with their units, as in '1 year 2 months'",
        )
    };
    let read = |value: &Expr, unit| match value {
        Expr::Value(value) => match &value.value {
            Literal::SingleQuotedString(text) => Interval::read(text, unit).ok_or_else(refused),
            _ => Err(refused()),
        },
        _ => Err(refused()),
    };
    Ok(match expr {
        Expr::Nested(inner) => written(inner)?,
        Expr::Interval(of) => {
            if of.leading_precision.is_some()
                || of.last_field.is_some()
                || of.fractional_seconds_precision.is_some()
            {
                return Err(refused());
            }
            Some(read(&of.value, of.leading_field.as_ref())?)
        }
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr: value,
            data_type:
                DataType::Interval {
                    fields: None,
                    precision: None,
                },
            array: false,
            format: None,
        } => Some(read(value, None)?),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: inner,
        } => match written(inner)? {
            Some(interval) => Some(interval.negated().ok_or_else(refused)?),
            None => None,
        },
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Multiply,
            right,
        } => match (written(right)?, number_of(right)) {
            (Some(interval), _) => times(interval, left),
            (None, Some(_)) => written(left)?.and_then(|interval| times(interval, right)),
            _ => None,
        },
        Expr::BinaryOp {
            left,
            op: op @ (BinaryOperator::Plus | BinaryOperator::Minus),
            right,
        } => {
            // The left side of a long chain is only looked at if the right one is an interval.
            let Some(other) = written(right)? else {
                return Ok(None);
            };
            let other = match op {
                BinaryOperator::Minus => other.negated(),
                _ => Some(other),
            };
            match written(left)? {
                Some(one) => {
                    let both = other.and_then(|other| one.plus(&other));
                    Some(both.ok_or_else(refused)?)
                }
                None => None,
            }
        }
        _ => None,
    })
}

/// An interval times a number; `None` if the number is not a whole number in the SQL, or if there is no such interval.
fn times(interval: Interval, number: &Expr) -> Option<Interval> {
    interval.times(number_of(number)?.parse().ok()?)
}
