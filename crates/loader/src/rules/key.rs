//! What the key of a row is, be it one that must be unique or one that is referred to.

use dataset::ColumnType;
use values::value::Value;
use xxhash_rust::xxh3::xxh3_128;

/// The key of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// A key with a NULL among its values: it equals no other, and refers to nothing.
    Null,
    /// A key of one whole number, date or time.
    Whole(i64),
    /// The XXH3-128 of any other key. Among a billion keys, two that differ have the same one with a chance of
    /// 10^-21.
    Hashed(u128),
}

impl Key {
    /// The key that these values make. `buffer` is scratch space.
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

/// How the values of a key are compared: types of one class can be equal.
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
    /// Types that the server alone compares.
    Server,
    /// Any other type, by itself.
    Other(ColumnType),
}

impl KeyClass {
    /// How keys of this column type are compared.
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

/// Which key of which table: its columns, in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyName {
    /// The schema that holds the table.
    pub schema: String,
    /// The table's name.
    pub table: String,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// How each column is compared: a `bigint` finds an `integer`, and nothing finds a `text`.
    pub classes: Vec<KeyClass>,
}

impl KeyName {
    /// Whether the server alone compares keys of this name.
    pub(crate) fn is_of_server(&self) -> bool {
        self.classes.contains(&KeyClass::Server)
    }
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
