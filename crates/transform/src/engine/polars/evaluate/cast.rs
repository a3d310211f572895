//! Casts that fail where Postgres's do.

use dataset::calendar::DAY_MICROSECONDS;

use super::super::array::Array;
use super::super::decimal::Decimal;
use super::super::digits::{LIMIT, carried, rounded};
use super::arguments::{Arguments, Result, unary};
use super::{format, unconstrained};
use crate::model::literal::holds;
use crate::model::tree::Function;
use crate::model::types::{Held, Type};

/// Casts values from one type to another.
pub(super) fn cast(arguments: &Arguments<'_>, from: &Type, to: &Type) -> Result<Array> {
    if let Some(scale) = to.scale()
        && (from.is_integer() || from.is_numeric())
    {
        return to_numeric(arguments, from, LIMIT, from.scale().unwrap_or(0).max(scale));
    }
    match (from, to) {
        (from, Type::Unconstrained) => unconstrained::cast(arguments, from),
        (from, to) if from.is_numeric() && to.held() == Held::Text => {
            let texts = unary(unconstrained::decimals(arguments, 0, from)?, |value| {
                Ok(value.text())
            })?;
            Ok(Array::of_texts(texts))
        }
        (Type::Boolean, Type::Integer) => Ok(Array::of_integers(unary(
            arguments.booleans(0)?,
            |value| Ok(i64::from(value)),
        )?)),
        (Type::Integer, Type::Boolean) => Ok(Array::of_booleans(unary(
            arguments.integers(0)?,
            |value| Ok(value != 0),
        )?)),
        (Type::Boolean, _) => Ok(Array::of_texts(unary(arguments.booleans(0)?, |value| {
            Ok(value.to_string())
        })?)),
        (Type::Date | Type::Time | Type::Timestamp | Type::TimestampTz, to)
            if to.held() == Held::Text =>
        {
            format::cast(arguments, from)
        }
        (Type::Date, Type::Timestamp | Type::TimestampTz) => {
            let midnight = |day: i32| Ok(i64::from(day) * DAY_MICROSECONDS);
            Ok(Array::of_integers(unary(arguments.dates(0)?, midnight)?))
        }
        (Type::Timestamp | Type::TimestampTz, Type::Date) => {
            let day = |moment: i64| Ok(moment.div_euclid(DAY_MICROSECONDS) as i32);
            Ok(Array::of_dates(unary(arguments.integers(0)?, day)?))
        }
        (Type::Timestamp, Type::Time) => {
            let clock = |moment: i64| Ok(moment.rem_euclid(DAY_MICROSECONDS));
            Ok(Array::of_integers(unary(arguments.integers(0)?, clock)?))
        }
        (Type::TimestampTz, Type::Timestamp) | (Type::Timestamp, Type::TimestampTz) => {
            Ok(arguments.array(0).clone())
        }
        (Type::Char, to) if to.held() == Held::Text => {
            let unpadded = |text: &str| Ok(text.trim_end_matches(' ').to_owned());
            Ok(Array::of_texts(unary(arguments.texts(0)?, unpadded)?))
        }
        (from, to) if from.is_integer() && to.held() == Held::Text => {
            Ok(Array::of_texts(unary(arguments.integers(0)?, |value| {
                Ok(value.to_string())
            })?))
        }
        (from, to) if to.is_integer() => to_integer(arguments, from, to),
        (_, Type::Real) => to_real(arguments, from),
        (_, Type::Double) => to_double(arguments, from),
        (from, to) if from.held() == to.held() => Ok(arguments.array(0).clone()),
        _ => Err(format!("{from} cannot be cast to {to}")),
    }
}

/// Casts integers or numerics to numerics with `scale` digits after the point, less than `limit`.
pub(super) fn to_numeric(
    arguments: &Arguments<'_>,
    from: &Type,
    limit: i128,
    scale: u8,
) -> Result<Array> {
    let scaled = |value: i128, own: u8| {
        let scaled = match scale.checked_sub(own) {
            Some(more) => 10_i128
                .checked_pow(more.into())
                .and_then(|factor| value.checked_mul(factor)),
            None => Some(rounded(value, 10_i128.pow(u32::from(own - scale)))),
        };
        match limit == LIMIT {
            true => carried(scaled),
            false => scaled
                .filter(|value| value.abs() < limit)
                .ok_or_else(|| "numeric field overflow".to_owned()),
        }
    };
    if *from == Type::Unconstrained {
        return unconstrained::to_numeric(arguments, limit, scale);
    }
    Ok(Array::of_numerics(match from.scale() {
        Some(own) => unary(arguments.numerics(0)?, |value| scaled(value, own))?,
        None => unary(arguments.integers(0)?, |value| scaled(value.into(), 0))?,
    }))
}

fn to_integer(arguments: &Arguments<'_>, from: &Type, to: &Type) -> Result<Array> {
    let refused = || format!("{to} out of range");
    let held = |value: i64| {
        Some(value)
            .filter(|value| holds(to, *value))
            .ok_or_else(refused)
    };
    let of_float = |value: f64| {
        let whole = value.round_ties_even();
        // The least float above all integers of 64 bits.
        const BEYOND: f64 = 9_223_372_036_854_775_808.0;
        match (-BEYOND..BEYOND).contains(&whole) {
            true => held(whole as i64),
            false => Err(refused()),
        }
    };
    Ok(Array::of_integers(match from {
        from if from.is_numeric() => {
            let whole = |value: Decimal| {
                let whole = value.to_scale(Function::Round, 0)?;
                i64::try_from(whole).map_err(|_| refused()).and_then(held)
            };
            unary(unconstrained::decimals(arguments, 0, from)?, whole)?
        }
        Type::Real => unary(arguments.reals(0)?, |value| of_float(value.into()))?,
        Type::Double => unary(arguments.doubles(0)?, of_float)?,
        _ => unary(arguments.integers(0)?, held)?,
    }))
}

fn to_real(arguments: &Arguments<'_>, from: &Type) -> Result<Array> {
    Ok(Array::of_reals(match from {
        from if from.is_numeric() => unary(unconstrained::decimals(arguments, 0, from)?, read)?,
        Type::Double => unary(arguments.doubles(0)?, |value| {
            let narrow = value as f32;
            match narrow.is_infinite() && value.is_finite() || narrow == 0.0 && value != 0.0 {
                true => Err("value out of range: overflow or underflow".to_owned()),
                false => Ok(narrow),
            }
        })?,
        _ => unary(arguments.integers(0)?, |value| Ok(value as f32))?,
    }))
}

fn to_double(arguments: &Arguments<'_>, from: &Type) -> Result<Array> {
    Ok(Array::of_doubles(match from {
        from if from.is_numeric() => unary(unconstrained::decimals(arguments, 0, from)?, read)?,
        Type::Real => unary(arguments.reals(0)?, |value| Ok(f64::from(value)))?,
        _ => unary(arguments.integers(0)?, |value| Ok(value as f64))?,
    }))
}

/// The float closest to a numeric. It is parsed from text, as in Postgres.
fn read<F: std::str::FromStr>(value: Decimal) -> Result<F> {
    format!("{}e-{}", value.digits, value.scale)
        .parse()
        .map_err(|_| "a numeric is not a float".to_owned())
}
