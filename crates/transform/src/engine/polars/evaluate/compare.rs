//! Comparisons, and the greatest and least of several values.

use std::cmp::Ordering;

use super::super::array::Array;
use super::super::decimal::Decimal;
use super::super::order::floats;
use super::arguments::{Arguments, Cells, Result};
use crate::model::tree::{Comparison, Function};

/// Computes a comparison for each row.
pub(super) fn compare(function: Function, arguments: &Arguments<'_>) -> Result<Array> {
    let orders = orders(arguments, 0, 1)?;
    Ok(Array::of_booleans(match function {
        Function::Compare(comparison) => orders
            .map(|order| of_values(order).map(|order| is(comparison, order)))
            .collect(),
        Function::Distinct => orders
            .map(|order| Some(order != Some(Some(Ordering::Equal)) && order.is_some()))
            .collect(),
        _ => orders
            .map(|order| Some(order == Some(Some(Ordering::Equal)) || order.is_none()))
            .collect(),
    }))
}

/// How the values of two arguments compare: `None` if both are NULL, `Some(None)` if one is.
type Order = Option<Option<Ordering>>;

fn of_values(order: Order) -> Option<Ordering> {
    order.flatten()
}

fn is(comparison: Comparison, order: Ordering) -> bool {
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
    }
}

fn orders<'a>(
    arguments: &'a Arguments<'_>,
    one: usize,
    other: usize,
) -> Result<Box<dyn Iterator<Item = Order> + 'a>> {
    fn zipped<'a, T: 'a>(
        left: Cells<'a, T>,
        right: Cells<'a, T>,
        compare: impl Fn(T, T) -> Ordering + 'a,
    ) -> Box<dyn Iterator<Item = Order> + 'a> {
        Box::new(left.zip(right).map(move |pair| match pair {
            (Some(left), Some(right)) => Some(Some(compare(left, right))),
            (None, None) => None,
            _ => Some(None),
        }))
    }
    Ok(match arguments.array(one) {
        Array::Boolean(_) => zipped(
            arguments.booleans(one)?,
            arguments.booleans(other)?,
            |a, b| a.cmp(&b),
        ),
        Array::Integers(_) => zipped(
            arguments.integers(one)?,
            arguments.integers(other)?,
            |a, b| a.cmp(&b),
        ),
        Array::Numerics(_) => zipped(
            arguments.numerics(one)?,
            arguments.numerics(other)?,
            |a, b| a.cmp(&b),
        ),
        Array::Decimals(..) => zipped(
            arguments.decimals(one)?,
            arguments.decimals(other)?,
            Decimal::compare,
        ),
        Array::Reals(_) => zipped(arguments.reals(one)?, arguments.reals(other)?, |a, b| {
            floats(a.into(), b.into())
        }),
        Array::Doubles(_) => zipped(arguments.doubles(one)?, arguments.doubles(other)?, floats),
        Array::Text(_) => zipped(arguments.texts(one)?, arguments.texts(other)?, |a, b| {
            a.cmp(b)
        }),
        Array::Dates(_) => zipped(arguments.dates(one)?, arguments.dates(other)?, |a, b| {
            a.cmp(&b)
        }),
        Array::Bytes(_) => zipped(arguments.bytes(one)?, arguments.bytes(other)?, |a, b| {
            a.cmp(b)
        }),
    })
}

/// For each row, which of the arguments is the greatest or the least; `None` if all are NULL.
pub(super) fn chosen(function: Function, arguments: &Arguments<'_>) -> Result<Vec<Option<usize>>> {
    let wanted = match function {
        Function::Greatest => Ordering::Greater,
        _ => Ordering::Less,
    };
    let is_null: Vec<Vec<bool>> = (0..arguments.len())
        .map(|at| {
            let value = &arguments.values[at];
            let valid: Vec<bool> = value
                .array
                .validity()
                .iter()
                .map(|valid| valid != Some(true))
                .collect();
            match value.is_constant {
                true => vec![valid[0]; arguments.rows],
                false => valid,
            }
        })
        .collect();
    let mut chosen: Vec<Option<usize>> = is_null[0]
        .iter()
        .map(|is_null| (!is_null).then_some(0))
        .collect();
    for other in 1..arguments.len() {
        for one in 0..other {
            let orders = orders(arguments, other, one)?;
            for ((chosen, order), is_null) in chosen.iter_mut().zip(orders).zip(&is_null[other]) {
                let is_better = of_values(order) == Some(wanted);
                if *chosen == Some(one) && is_better || chosen.is_none() && !is_null {
                    *chosen = Some(other);
                }
            }
        }
    }
    Ok(chosen)
}
