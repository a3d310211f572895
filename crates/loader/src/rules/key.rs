//! The key of a row: one that must be unique, or one that refers to another row.

use std::borrow::Cow;

use database::catalogue::identifier;
use dataset::ColumnType;
use dataset::calendar::DAY_MICROSECONDS;
use values::value::Value;
use values::{binary, datetime, number, text};
use xxhash_rust::xxh3::xxh3_128;

/// The key of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Key {
    /// A key with a NULL among its values: it equals no other key, and refers to nothing.
    Null,
    /// A key of one whole number, date or time.
    Whole(i64),
    /// The XXH3-128 of any other key. Among a billion keys, two that differ have the same one with a chance of
    /// 10^-21.
    Hashed(u128),
}

impl Key {
    /// The key made of these values, each compared as its class says. `buffer` is scratch space.
    pub fn of<'a>(
        values: impl IntoIterator<Item = (&'a Value<'a>, KeyClass)>,
        buffer: &mut Vec<u8>,
    ) -> Self {
        let mut values = values.into_iter().peekable();
        let Some((first, class)) = values.next() else {
            return Self::Null;
        };
        if first.is_null() {
            return Self::Null;
        }
        if values.peek().is_none()
            && let Some(whole) = class.whole(first)
        {
            return Self::Whole(whole);
        }
        buffer.clear();
        class.append(first, buffer);
        for (value, class) in values {
            if value.is_null() {
                return Self::Null;
            }
            class.append(value, buffer);
        }
        Self::Hashed(xxh3_128(buffer))
    }
}

/// How the values of a key's column are compared. This follows from the type that the server uses for the key's own column;
/// values of a column that refers to it are compared as that type too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyClass {
    /// Integers of all sizes.
    Whole,
    /// Numerics of all scales, and integers.
    Numeric,
    /// `real`; other numbers count as the nearest `real`, but a `double precision` keeps its digits.
    Real,
    /// `double precision`; other numbers count as the nearest one.
    Double,
    /// Texts of all lengths, and labels of enums.
    Text,
    /// Texts to which trailing blanks mean nothing.
    Padded,
    /// Dates and timestamps, in UTC as in our sessions.
    Timestamp,
    /// Values that only the server can compare.
    Server,
    /// A type that is compared only with itself: `boolean`, `time`, `uuid` or `bytea`.
    Other(ColumnType),
}

impl KeyClass {
    /// How an equality operator compares: `key_type` and `other_type` are the types that it takes, and `column` is the
    /// type of the column that holds the other value, all with their schemas. `None` if only the server can compare them.
    ///
    /// The cases are what `pg_constraint.conpfeqop` has for foreign keys between the types that a load supports.
    pub(crate) fn of(key_type: &str, other_type: &str, column: &str) -> Option<Self> {
        if key_type == "pg_catalog.anyenum" && other_type == key_type {
            return Some(Self::Text);
        }
        let key_type = type_of_postgres(key_type)?;
        let other_type = type_of_postgres(other_type)?;
        let column = type_of_postgres(column)?;
        let is_whole = |name| matches!(name, "int2" | "int4" | "int8");
        let is_float = |name| matches!(name, "float4" | "float8");
        let is_time = |name| matches!(name, "date" | "timestamp" | "timestamptz");
        let is_number = is_whole(column) || column == "numeric" || is_float(column);
        let is_itself = key_type == other_type && other_type == column;
        let (class, takes_column) = match (key_type, other_type) {
            (key, other) if is_whole(key) && is_whole(other) => (Self::Whole, is_whole(column)),
            ("numeric", "numeric") => (Self::Numeric, is_number && !is_float(column)),
            ("float4", other) if is_float(other) => (Self::Real, is_number),
            ("float8", other) if is_float(other) => (Self::Double, is_number),
            // Other texts would be cut when they become names.
            ("text" | "name", "name") => (Self::Text, column == "name"),
            ("text" | "name", "text") => (
                Self::Text,
                matches!(column, "text" | "varchar" | "bpchar" | "name"),
            ),
            ("bpchar", "bpchar") => (
                Self::Padded,
                matches!(column, "text" | "varchar" | "bpchar"),
            ),
            (key, other) if is_time(key) && is_time(other) => (Self::Timestamp, is_time(column)),
            ("bool", _) => (Self::Other(ColumnType::Boolean), is_itself),
            ("time", _) => (Self::Other(ColumnType::Time), is_itself),
            ("uuid", _) => (Self::Other(ColumnType::Uuid), is_itself),
            ("bytea", _) => (Self::Other(ColumnType::Bytes), is_itself),
            _ => return None,
        };
        takes_column.then_some(class)
    }

    /// The whole number by which a value is compared; `None` for classes that have none.
    #[inline]
    fn whole(self, value: &Value<'_>) -> Option<i64> {
        match (self, value) {
            (Self::Timestamp, Value::Date(days)) => Some(i64::from(*days) * DAY_MICROSECONDS),
            (Self::Whole | Self::Timestamp | Self::Other(_), value) => value.whole(),
            _ => None,
        }
    }

    /// Appends the bytes by which a value is compared.
    fn append(self, value: &Value<'_>, key: &mut Vec<u8>) {
        if let Some(whole) = self.whole(value) {
            return key.extend_from_slice(&whole.to_be_bytes());
        }
        match (self, value, value.whole()) {
            (Self::Numeric, _, Some(whole)) => Value::Numeric(whole.into(), 0).key(key),
            (Self::Real, _, Some(whole)) => Value::Real(whole as f32).key(key),
            (Self::Double, _, Some(whole)) => Value::Double(whole as f64).key(key),
            (Self::Real | Self::Double, Value::Numeric(unscaled, scale), _) => {
                let mut digits = String::new();
                text::decimal(*unscaled, (*scale).into(), &mut digits);
                // The server does the same: it converts the number's digits.
                let value = match self {
                    Self::Real => digits.parse().map(Value::Real),
                    _ => digits.parse().map(Value::Double),
                };
                value.unwrap_or(Value::Null).key(key);
            }
            (Self::Padded, Value::Text(text), _) => {
                Value::Text(Cow::Borrowed(text.trim_end_matches(' '))).key(key);
            }
            _ => value.key(key),
        }
    }

    /// Reads a value of the key from the text that the server writes for it. `None` for a value that could not have been loaded,
    /// which equals none that can.
    pub(crate) fn value(self, text: &str) -> Option<Value<'_>> {
        match self {
            Self::Whole => number::whole(text, "bigint").map(Value::BigInt).ok(),
            // This is also the class of an integer, if dataset.toml refers to one.
            Self::Numeric => number::exact(text),
            Self::Real => number::real(text, b'.').ok(),
            Self::Double => number::double(text, b'.').ok(),
            Self::Text | Self::Padded => Some(Value::Text(Cow::Borrowed(text))),
            Self::Timestamp => datetime::timestamp_tz(text, &[]).ok(),
            Self::Other(ColumnType::Boolean) => number::boolean(text).ok(),
            Self::Other(ColumnType::Time) => datetime::time(text).ok(),
            Self::Other(ColumnType::Uuid) => binary::uuid(text).ok(),
            Self::Other(ColumnType::Bytes) => binary::bytea(text).ok(),
            Self::Other(_) | Self::Server => None,
        }
    }
}

/// The plain name of one of Postgres's own types: `varchar` for `pg_catalog."varchar"`.
pub(crate) fn type_of_postgres(name: &str) -> Option<&str> {
    let name = name.strip_prefix("pg_catalog.")?;
    // `"char"` is another type than `char`, which is called `bpchar` here.
    Some(name.trim_matches('"'))
}

/// Names a key: its table, and its columns in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyName {
    /// The schema that holds the table.
    pub schema: String,
    /// The table's name.
    pub table: String,
    /// Whether the rows of other tables that inherit from this one are left out, as the server's own keys leave them out.
    pub only: bool,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// How each column is compared.
    pub classes: Vec<KeyClass>,
}

impl KeyName {
    /// The table as SQL names it after FROM and UPDATE.
    pub fn relation(&self) -> String {
        identifier::relation(&self.schema, &self.table, self.only)
    }

    /// Whether only the server can compare this key.
    pub fn is_of_server(&self) -> bool {
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
            only: true,
            columns: vec!["id".to_owned()],
            classes: vec![KeyClass::Whole],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[(Value<'static>, KeyClass)]) -> Key {
        let values = values.iter().map(|(value, class)| (value, *class));
        Key::of(values, &mut Vec::new())
    }

    fn text(text: &'static str) -> Value<'static> {
        Value::Text(text.into())
    }

    #[test]
    fn equal_values_have_equal_keys_whatever_their_type_and_scale() {
        use KeyClass::{Double, Numeric, Padded, Real, Text, Timestamp, Whole};
        let decimal = Value::Numeric;
        for (class, a, b) in [
            (Whole, Value::SmallInt(7), Value::BigInt(7)),
            (Numeric, decimal(700, 2), decimal(7, 0)),
            (Numeric, decimal(700, 2), Value::SmallInt(7)),
            (Numeric, decimal(-70, 0), Value::Integer(-70)),
            (Double, Value::Double(-0.0), Value::Double(0.0)),
            (Double, Value::Double(f64::NAN), Value::Double(-f64::NAN)),
            (Double, Value::Double(0.1), decimal(10, 2)),
            (Double, Value::Double(7.0), Value::BigInt(7)),
            (Real, Value::Real(0.1), decimal(1, 1)),
            (Real, Value::Real(0.5), Value::Double(0.5)),
            (Real, Value::Real(16_777_216.0), Value::Integer(16_777_217)),
            (Padded, text("a"), text("a  ")),
            (
                Timestamp,
                Value::Date(1),
                Value::Timestamp(DAY_MICROSECONDS),
            ),
        ] {
            let other = (text("x"), Text);
            let alone = |value: &Value<'static>| key(&[(value.clone(), class)]);
            let beside = |value: &Value<'static>| key(&[other.clone(), (value.clone(), class)]);
            assert_eq!(alone(&a), alone(&b), "{a:?} {b:?}");
            assert_eq!(beside(&a), beside(&b), "{a:?} {b:?}");
        }
    }

    #[test]
    fn other_values_have_other_keys() {
        use KeyClass::{Double, Padded, Real, Text};
        let texts = |a, b| key(&[(text(a), Text), (text(b), Text)]);
        assert_ne!(texts("ab", "c"), texts("a", "bc"));
        for (class, a, b) in [
            (Text, text("a"), text("a ")),
            (Padded, text("a"), text(" a")),
            // A number that is not a `real` equals none.
            (Real, Value::Real(0.1), Value::Double(0.1)),
            (Double, Value::Real(0.1), Value::Numeric(1, 1)),
        ] {
            assert_ne!(key(&[(a, class)]), key(&[(b, class)]));
        }
        let whole = KeyClass::Whole;
        assert_eq!(
            key(&[(Value::Integer(1), whole), (Value::Null, whole)]),
            Key::Null
        );
    }
}
