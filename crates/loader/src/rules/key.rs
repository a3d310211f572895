//! Keys of rows: those that must be unique and those that are referred to.

use dataset::ColumnType;
use values::value::Value;
use xxhash_rust::xxh3::xxh3_128;

/// A row's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// One of its values is NULL: it equals no other, and refers to nothing.
    Null,
    /// A single whole number, date or time.
    Whole(i64),
    /// The XXH3-128 of all others. Among a billion keys, two that differ have the same one with a chance of
    /// 10^-21.
    Hashed(u128),
}

impl Key {
    /// That of these values; `buffer` is used and left as it may be.
    pub(crate) fn of<'a>(
        values: impl IntoIterator<Item = &'a Value<'a>>,
        buffer: &mut Vec<u8>,
    ) -> Self {
        let mut values = values.into_iter().peekable();
        let Some(first) = values.next() else {
            return Self::Null;
        };
        if first.is_null() {
            return Self::Null;
        }
        if values.peek().is_none()
            && let Some(whole) = first.whole()
        {
            return Self::Whole(whole);
        }
        buffer.clear();
        first.key(buffer);
        for value in values {
            if value.is_null() {
                return Self::Null;
            }
            value.key(buffer);
        }
        Self::Hashed(xxh3_128(buffer))
    }
}

/// Types whose values can be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyClass {
    /// Integers of all sizes.
    Whole,
    /// Numerics of all scales.
    Numeric,
    /// `real` and `double precision`.
    Float,
    /// Texts of all lengths, and labels.
    Text,
    /// `timestamp` and `timestamptz`.
    Timestamp,
    /// Each other type for itself.
    Other(ColumnType),
}

impl KeyClass {
    /// That of a type.
    pub(crate) fn of(kind: ColumnType) -> Self {
        match kind {
            ColumnType::SmallInt | ColumnType::Integer | ColumnType::BigInt => Self::Whole,
            ColumnType::Numeric { .. } => Self::Numeric,
            ColumnType::Real | ColumnType::Double => Self::Float,
            ColumnType::Text => Self::Text,
            ColumnType::Timestamp | ColumnType::TimestampTz => Self::Timestamp,
            other => Self::Other(other),
        }
    }
}

/// Whose keys a set holds: a table's columns, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyName {
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The columns.
    pub columns: Vec<String>,
    /// What they are compared as: `bigint` finds an `integer`, and nothing a `text`.
    pub classes: Vec<KeyClass>,
}

#[cfg(test)]
impl KeyName {
    /// The column `id` of a table, which holds whole numbers.
    pub(crate) fn id_of(table: &str) -> Self {
        Self {
            schema: "s".to_owned(),
            table: table.to_owned(),
            columns: vec!["id".to_owned()],
            classes: vec![KeyClass::Whole],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[Value<'static>]) -> Key {
        Key::of(values, &mut Vec::new())
    }

    #[test]
    fn equal_values_have_equal_keys_whatever_their_type_and_scale() {
        assert_eq!(key(&[Value::SmallInt(7)]), key(&[Value::BigInt(7)]));
        assert_eq!(key(&[Value::Numeric(700, 2)]), key(&[Value::Numeric(7, 0)]));
        assert_eq!(key(&[Value::Double(-0.0)]), key(&[Value::Double(0.0)]));
        let text = |text: &'static str| Value::Text(text.into());
        assert_ne!(key(&[text("ab"), text("c")]), key(&[text("a"), text("bc")]));
        assert_eq!(key(&[Value::Integer(1), Value::Null]), Key::Null);
    }
}
