//! A value that Postgres would accept: its order, the bytes by which it is compared, and its text in messages.

use std::borrow::Cow;
use std::cmp::Ordering;

use dataset::calendar::{DAY_MICROSECONDS, Date, POSTGRES_EPOCH_DAYS};

use crate::text::{self, Case};

/// A value of one of the types that are carried.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// NULL of any type.
    Null,
    /// `boolean`
    Boolean(bool),
    /// `smallint`
    SmallInt(i16),
    /// `integer`
    Integer(i32),
    /// `bigint`
    BigInt(i64),
    /// `real`
    Real(f32),
    /// `double precision`
    Double(f64),
    /// `numeric`: the first number times 10^-(the second).
    Numeric(i128, u16),
    /// `text`, `varchar`, `char`, `json`, or the label of an enum.
    Text(Cow<'a, str>),
    /// `date`, in days since 2000-01-01.
    Date(i32),
    /// `time`, in microseconds since midnight.
    Time(i64),
    /// `timestamp` or, in UTC, `timestamptz`: microseconds since 2000-01-01T00:00:00.
    Timestamp(i64),
    /// `uuid`
    Uuid([u8; 16]),
    /// `bytea`
    Bytes(Vec<u8>),
    /// `jsonb`, as text.
    JsonBinary(Cow<'a, str>),
}

impl Value<'_> {
    /// Compares this value with another of the same type; `None` for values of other types, NULL and NaN.
    pub fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
            (Self::Real(a), Value::Real(b)) => a.partial_cmp(b),
            (Self::Double(a), Value::Double(b)) => a.partial_cmp(b),
            (Self::Numeric(a, scale), Value::Numeric(b, other)) if scale == other => Some(a.cmp(b)),
            (Self::Text(a), Value::Text(b)) => Some(a.cmp(b)),
            (Self::Uuid(a), Value::Uuid(b)) => Some(a.cmp(b)),
            (Self::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
            _ => Some(self.whole()?.cmp(&other.whole()?)),
        }
    }

    /// The whole number that represents an integer, a date, a time or a timestamp; `None` for other types.
    #[inline]
    pub fn whole(&self) -> Option<i64> {
        match self {
            Self::SmallInt(value) => Some(i64::from(*value)),
            Self::Integer(value) => Some(i64::from(*value)),
            Self::BigInt(value) | Self::Time(value) | Self::Timestamp(value) => Some(*value),
            Self::Date(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    /// Appends bytes that are the same for equal values and different for others, even if further values follow them.
    /// Integers of all sizes give the same bytes, so that a column may refer to one of another size.
    pub fn key(&self, key: &mut Vec<u8>) {
        if let Some(whole) = self.whole() {
            return key.extend_from_slice(&whole.to_be_bytes());
        }
        match self {
            Self::Boolean(value) => key.push(u8::from(*value)),
            // Minus zero equals zero, and all NaNs are equal.
            Self::Real(value) => Value::Double(f64::from(*value)).key(key),
            Self::Double(value) if value.is_nan() => key.extend_from_slice(&f64::NAN.to_be_bytes()),
            Self::Double(value) => key.extend_from_slice(&(value + 0.0).to_be_bytes()),
            Self::Numeric(unscaled, scale) => {
                let (mut unscaled, mut scale) = (*unscaled, *scale);
                while scale > 0 && unscaled % 10 == 0 {
                    (unscaled, scale) = (unscaled / 10, scale - 1);
                }
                key.extend_from_slice(&unscaled.to_be_bytes());
                key.extend_from_slice(&scale.to_be_bytes());
            }
            Self::Text(text) | Self::JsonBinary(text) => {
                key.extend_from_slice(&(text.len() as u64).to_be_bytes());
                key.extend_from_slice(text.as_bytes());
            }
            Self::Bytes(bytes) => {
                key.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
                key.extend_from_slice(bytes);
            }
            Self::Uuid(bytes) => key.extend_from_slice(bytes),
            _ => {}
        }
    }

    /// Whether the value is NULL.
    #[inline]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value itself, or NULL in place of a text that contains a NUL byte, which the server accepts nowhere.
    #[inline]
    pub fn without_nul(&self) -> &Self {
        match self {
            Self::Text(text) | Self::JsonBinary(text) if text.contains('\0') => &Value::Null,
            _ => self,
        }
    }

    /// The value with its text owned.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::SmallInt(value) => Value::SmallInt(value),
            Self::Integer(value) => Value::Integer(value),
            Self::BigInt(value) => Value::BigInt(value),
            Self::Real(value) => Value::Real(value),
            Self::Double(value) => Value::Double(value),
            Self::Numeric(unscaled, scale) => Value::Numeric(unscaled, scale),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Date(days) => Value::Date(days),
            Self::Time(micros) => Value::Time(micros),
            Self::Timestamp(micros) => Value::Timestamp(micros),
            Self::Uuid(value) => Value::Uuid(value),
            Self::Bytes(value) => Value::Bytes(value),
            Self::JsonBinary(text) => Value::JsonBinary(Cow::Owned(text.into_owned())),
        }
    }
}

impl Value<'_> {
    /// The text of the value in a message: numbers and texts as they are written, dates and times in ISO 8601.
    pub fn shown(&self) -> String {
        let mut out = String::new();
        match self {
            Self::Null => out.push_str("NULL"),
            Self::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::SmallInt(value) => text::integer(*value, &mut out),
            Self::Integer(value) => text::integer(*value, &mut out),
            Self::BigInt(value) => text::integer(*value, &mut out),
            // Written in full, as bounds are: 0.00001, where Postgres would write 1e-05.
            Self::Real(value) => out = value.to_string(),
            Self::Double(value) => out = value.to_string(),
            Self::Numeric(unscaled, scale) => text::decimal(*unscaled, (*scale).into(), &mut out),
            Self::Text(text) | Self::JsonBinary(text) => out.push_str(text),
            Self::Date(days) => text::date(Date::from_days(days + POSTGRES_EPOCH_DAYS), &mut out),
            Self::Time(micros) => text::time(*micros, &mut out),
            Self::Timestamp(micros) => {
                let days = micros.div_euclid(DAY_MICROSECONDS) as i32 + POSTGRES_EPOCH_DAYS;
                text::date(Date::from_days(days), &mut out);
                out.push(' ');
                text::time(micros.rem_euclid(DAY_MICROSECONDS), &mut out);
            }
            Self::Uuid(bytes) => text::hex(bytes, Case::Lower, &mut out),
            Self::Bytes(bytes) => text::bytea(bytes, &mut out),
        }
        out
    }
}
