//! Computes aggregates, adding one value at a time.

use std::cmp::Ordering;

use polars::prelude::{IdxCa, PlSmallStr};
use polars_arrow::array::{BooleanArray, PrimitiveArray};

use super::array::Array;
use super::decimal::{Decimal, Scale};
use super::digits::carried;
use super::evaluate::unconstrained_scale;
use super::order::Keys;
use crate::engine::output::MISSING;
use crate::model::tree::{AggregateFunction, Function};
use crate::model::types::{Held, Type};

/// An aggregate function with the values of its argument.
pub(super) struct Input {
    function: AggregateFunction,
    kind: Type,
    /// The type of the argument; for `COUNT(*)`, that of the result.
    of: Type,
    values: Option<Array>,
    flat: Flat,
    is_valid: Option<Vec<bool>>,
}

/// The values that are added up, in one piece of memory.
enum Flat {
    None,
    Integers(PrimitiveArray<i64>),
    Numerics(PrimitiveArray<i128>),
    Decimals(PrimitiveArray<i128>, PrimitiveArray<i32>),
    Reals(PrimitiveArray<f32>),
    Doubles(PrimitiveArray<f64>),
    Booleans(BooleanArray),
    Order(Keys),
}

/// The intermediate result of an aggregate over the values added so far.
#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    /// No value has been met.
    Empty,
    Count(i64),
    Integer(i64),
    Numeric(i128),
    Real(f32),
    Double(f64),
    /// How many values were added, their sum, and the sum of the squares of their differences from the mean.
    Mean(f64, f64, f64),
    /// The sum, and how many values were added.
    Decimal(Decimal, i64),
    Boolean(bool),
    /// The row of the least or greatest value.
    Row(u32),
}

impl Input {
    /// Takes the values of an argument, with its type; `COUNT(*)` has no argument.
    pub(super) fn of(
        function: AggregateFunction,
        kind: &Type,
        argument: Option<(Array, &Type)>,
    ) -> anyhow::Result<Self> {
        let of = argument.as_ref().map_or(kind, |(_, of)| *of).clone();
        let values = argument.map(|(values, _)| values);
        let values = values.map(|values| values.rechunked());
        let is_valid = values.as_ref().map(|values| {
            let valid = values.validity();
            valid.iter().map(|valid| valid == Some(true)).collect()
        });
        let flat = match (function, &values) {
            (AggregateFunction::Count, _) | (_, None) => Flat::None,
            (AggregateFunction::Min | AggregateFunction::Max, Some(values)) => {
                let mut keys = Keys::new();
                keys.push(values, false, false);
                Flat::Order(keys)
            }
            (_, Some(Array::Integers(values))) => {
                Flat::Integers(values.downcast_as_array().clone())
            }
            (_, Some(Array::Numerics(values))) => {
                Flat::Numerics(values.downcast_as_array().clone())
            }
            (_, Some(Array::Decimals(digits, scales))) => Flat::Decimals(
                digits.downcast_as_array().clone(),
                scales.downcast_as_array().clone(),
            ),
            (_, Some(Array::Reals(values))) => Flat::Reals(values.downcast_as_array().clone()),
            (_, Some(Array::Doubles(values))) => Flat::Doubles(values.downcast_as_array().clone()),
            (_, Some(Array::Boolean(values))) => Flat::Booleans(values.downcast_as_array().clone()),
            _ => anyhow::bail!("{function:?} of a kind that it doesn't take"),
        };
        Ok(Self {
            function,
            kind: kind.clone(),
            of,
            values,
            flat,
            is_valid,
        })
    }

    /// The state before any value is added.
    pub(super) fn empty(&self) -> State {
        match self.function {
            AggregateFunction::Count => State::Count(0),
            _ => State::Empty,
        }
    }

    /// Whether a row has a value to aggregate.
    pub(super) fn has(&self, row: usize) -> bool {
        self.is_valid.as_ref().is_none_or(|is_valid| is_valid[row])
    }

    /// The values of the argument, if there is one.
    pub(super) fn values(&self) -> Option<&Array> {
        self.values.as_ref()
    }

    /// Adds the value of a row to a state.
    ///
    /// # Errors
    /// Why the result cannot be represented, in Postgres's words if it fails there too.
    pub(super) fn add(&self, state: &mut State, row: usize) -> Result<(), String> {
        if !self.has(row) {
            return Ok(());
        }
        let is_mean = self.function == AggregateFunction::Mean;
        *state = match (&self.flat, *state) {
            (_, State::Count(count)) => State::Count(count + 1),
            (_, state) if self.kind == Type::Unconstrained && self.is_summed() => {
                let value = self.decimal(row);
                match state {
                    State::Decimal(sum, count) => {
                        State::Decimal(sum.with(Function::Add, value)?, count + 1)
                    }
                    _ => State::Decimal(value, 1),
                }
            }
            (Flat::Integers(values), State::Integer(sum)) => {
                let sum = sum.checked_add(values.value(row));
                State::Integer(sum.ok_or("bigint out of range")?)
            }
            (Flat::Integers(values), _) => State::Integer(values.value(row)),
            (Flat::Numerics(values), State::Numeric(sum)) => {
                State::Numeric(carried(sum.checked_add(values.value(row)))?)
            }
            (Flat::Numerics(values), _) => State::Numeric(values.value(row)),
            (Flat::Reals(values), State::Mean(count, sum, squares)) => {
                mean(count, sum, squares, values.value(row).into())?
            }
            (Flat::Doubles(values), State::Mean(count, sum, squares)) => {
                mean(count, sum, squares, values.value(row))?
            }
            (Flat::Reals(values), _) if is_mean => mean(0.0, 0.0, 0.0, values.value(row).into())?,
            (Flat::Doubles(values), _) if is_mean => mean(0.0, 0.0, 0.0, values.value(row))?,
            (Flat::Reals(values), State::Real(sum)) => {
                let value = values.value(row);
                checked(sum.into(), value.into(), (sum + value).into())?;
                State::Real(sum + value)
            }
            (Flat::Reals(values), _) => State::Real(values.value(row)),
            (Flat::Doubles(values), State::Double(sum)) => {
                let value = values.value(row);
                checked(sum, value, sum + value)?;
                State::Double(sum + value)
            }
            (Flat::Doubles(values), _) => State::Double(values.value(row)),
            (Flat::Booleans(values), State::Boolean(sofar)) => {
                let value = values.value(row);
                State::Boolean(match self.function {
                    AggregateFunction::All => sofar && value,
                    _ => sofar || value,
                })
            }
            (Flat::Booleans(values), _) => State::Boolean(values.value(row)),
            (Flat::Order(keys), State::Row(best)) => State::Row(self.best(keys, best, row as u32)),
            (Flat::Order(_), _) => State::Row(row as u32),
            (Flat::None | Flat::Decimals(..), state) => state,
        };
        Ok(())
    }

    /// The row with the lesser or greater of two values; if they are equal, the latter one, as in Postgres.
    fn best(&self, keys: &Keys, first: u32, second: u32) -> u32 {
        let kept = match self.function {
            AggregateFunction::Min => Ordering::Less,
            _ => Ordering::Greater,
        };
        match keys.compare(first as usize, second as usize) == kept {
            true => first,
            false => second,
        }
    }

    /// Merges the state of some rows with that of the rows after them. This is not for sums of floats, which depend on the order.
    ///
    /// # Errors
    /// As [`Input::add`].
    pub(super) fn merged(&self, first: State, second: State) -> Result<State, String> {
        Ok(match (first, second) {
            (State::Empty, state) | (state, State::Empty) => state,
            (State::Count(one), State::Count(other)) => State::Count(one + other),
            (State::Integer(one), State::Integer(other)) => {
                State::Integer(one.checked_add(other).ok_or("bigint out of range")?)
            }
            (State::Numeric(one), State::Numeric(other)) => {
                State::Numeric(carried(one.checked_add(other))?)
            }
            (State::Decimal(one, count), State::Decimal(other, more)) => {
                State::Decimal(one.with(Function::Add, other)?, count + more)
            }
            (State::Boolean(one), State::Boolean(other)) => State::Boolean(match self.function {
                AggregateFunction::All => one && other,
                _ => one || other,
            }),
            (State::Row(one), State::Row(other)) => match &self.flat {
                Flat::Order(keys) => State::Row(self.best(keys, one, other)),
                _ => State::Row(other),
            },
            _ => return Err(format!("{:?} of parts is not put together", self.function)),
        })
    }

    /// Whether the result depends on the order in which values are added.
    pub(super) fn depends_on_order(&self) -> bool {
        self.is_summed() && matches!(self.flat, Flat::Reals(_) | Flat::Doubles(_))
    }

    fn is_summed(&self) -> bool {
        matches!(
            self.function,
            AggregateFunction::Sum | AggregateFunction::Mean
        )
    }

    /// The value of a row, as an exact decimal.
    fn decimal(&self, row: usize) -> Decimal {
        let scale = self.of.scale().map_or(0, u32::from);
        match &self.flat {
            Flat::Integers(values) => Decimal {
                digits: values.value(row).into(),
                scale,
            },
            Flat::Numerics(values) => Decimal {
                digits: values.value(row),
                scale,
            },
            Flat::Decimals(digits, scales) => Decimal {
                digits: digits.value(row),
                scale: scales.value(row) as u32,
            },
            _ => Decimal { digits: 0, scale },
        }
    }

    /// Turns the states of exact sums and means into results.
    fn decimals(&self, states: &[State]) -> Result<Array, String> {
        let scales = [unconstrained_scale(&self.of), Scale::Known];
        let result = |state: &State| match (state, self.function) {
            (State::Decimal(sum, count), AggregateFunction::Mean) => {
                let count = Decimal {
                    digits: (*count).into(),
                    scale: 0,
                };
                sum.divided(count, scales).map(Some)
            }
            (State::Decimal(sum, _), _) => Ok(Some(*sum)),
            _ => Ok(None),
        };
        let results: Result<Vec<_>, String> = states.iter().map(result).collect();
        Ok(Array::of_decimals(results?))
    }

    /// Turns states into results.
    ///
    /// # Errors
    /// Why a result cannot be represented.
    pub(super) fn results(&self, states: &[State]) -> Result<Array, String> {
        if let AggregateFunction::Min | AggregateFunction::Max = self.function
            && let Some(values) = &self.values
        {
            let row = |state: &State| match state {
                State::Row(row) => *row,
                _ => MISSING,
            };
            let rows = states
                .iter()
                .map(row)
                .map(|row| (row != MISSING).then_some(row));
            let taken = values.take(&IdxCa::from_iter(rows).with_name(PlSmallStr::EMPTY));
            return taken.map_err(|error| error.to_string());
        }
        Ok(match self.kind.held() {
            Held::Integers => Array::of_integers(
                states
                    .iter()
                    .map(|state| match state {
                        State::Count(value) | State::Integer(value) => Some(*value),
                        _ => None,
                    })
                    .collect(),
            ),
            Held::Numerics => Array::of_numerics(
                states
                    .iter()
                    .map(|state| match state {
                        State::Numeric(value) => Some(*value),
                        _ => None,
                    })
                    .collect(),
            ),
            Held::Decimals => self.decimals(states)?,
            Held::Reals => Array::of_reals(
                states
                    .iter()
                    .map(|state| match state {
                        State::Real(value) => Some(*value),
                        _ => None,
                    })
                    .collect(),
            ),
            Held::Doubles => Array::of_doubles(
                states
                    .iter()
                    .map(|state| match state {
                        State::Double(value) => Some(*value),
                        State::Mean(count, sum, _) => Some(sum / count),
                        _ => None,
                    })
                    .collect(),
            ),
            Held::Boolean => Array::of_booleans(
                states
                    .iter()
                    .map(|state| match state {
                        State::Boolean(value) => Some(*value),
                        _ => None,
                    })
                    .collect(),
            ),
            held => return Err(format!("{:?} gives no {held:?}", self.function)),
        })
    }
}

/// Adds a value to a mean. It fails if the sum of squares overflows that Postgres keeps with the mean (`float8_accum` in
/// src/backend/utils/adt/float.c, by Youngs and Cramer).
fn mean(count: f64, sum: f64, squares: f64, value: f64) -> Result<State, String> {
    let (more, total) = (count + 1.0, sum + value);
    if count == 0.0 {
        let squares = if value.is_finite() { squares } else { f64::NAN };
        return Ok(State::Mean(more, total, squares));
    }
    let difference = value * more - total;
    let mut squares = squares + difference * difference / (more * count);
    if total.is_infinite() || squares.is_infinite() {
        if sum.is_finite() && value.is_finite() {
            return Err("value out of range: overflow".to_owned());
        }
        squares = f64::NAN;
    }
    Ok(State::Mean(more, total, squares))
}

fn checked(one: f64, other: f64, sum: f64) -> Result<(), String> {
    match sum.is_infinite() && !one.is_infinite() && !other.is_infinite() {
        true => Err("value out of range: overflow".to_owned()),
        false => Ok(()),
    }
}
