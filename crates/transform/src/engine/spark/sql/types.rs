//! Spark's types for Postgres's, and its names and texts as SQL.

use dataset::ColumnType;

use crate::model::types::Type;

/// Decimals are all as wide as Spark has them, as they are everywhere else here.
const PRECISION: u8 = dataset::MAX_PRECISION;

/// The type that Spark holds values of a type in; `None` where it has none that keeps them as they are.
pub(super) fn of(kind: &Type) -> Option<String> {
    let plain = match kind {
        Type::Boolean => "BOOLEAN",
        Type::SmallInt => "SMALLINT",
        Type::Integer => "INT",
        Type::BigInt => "BIGINT",
        Type::Numeric(scale) | Type::NumericUpTo(scale) => {
            return Some(format!("DECIMAL({PRECISION}, {scale})"));
        }
        Type::Real => "FLOAT",
        Type::Double => "DOUBLE",
        Type::Text
        | Type::Varchar
        | Type::Char
        | Type::Name
        | Type::Enum(_)
        | Type::Uuid
        | Type::Json
        | Type::JsonBinary
        | Type::Opaque
        | Type::Unknown => "STRING",
        Type::Date => "DATE",
        Type::Timestamp => "TIMESTAMP_NTZ",
        Type::TimestampTz => "TIMESTAMP",
        Type::Bytes => "BINARY",
        Type::Time | Type::Unconstrained | Type::Any => return None,
    };
    Some(plain.to_owned())
}

/// The type that Spark holds the values of an output's column in.
pub(crate) fn of_column(kind: ColumnType) -> Option<String> {
    let plain = match kind {
        ColumnType::Boolean => "BOOLEAN",
        ColumnType::SmallInt => "SMALLINT",
        ColumnType::Integer => "INT",
        ColumnType::BigInt => "BIGINT",
        ColumnType::Numeric { precision, scale } => {
            return Some(format!("DECIMAL({precision}, {scale})"));
        }
        ColumnType::Real => "FLOAT",
        ColumnType::Double => "DOUBLE",
        ColumnType::Text | ColumnType::Uuid | ColumnType::Json | ColumnType::JsonBinary => "STRING",
        ColumnType::Date => "DATE",
        ColumnType::Timestamp => "TIMESTAMP_NTZ",
        ColumnType::TimestampTz => "TIMESTAMP",
        ColumnType::Bytes => "BINARY",
        ColumnType::Time => return None,
    };
    Some(plain.to_owned())
}

/// The type of a column in the files of a raw layer, where all integers have 64 bits.
pub(crate) fn in_layer(kind: ColumnType) -> Option<String> {
    match kind {
        ColumnType::SmallInt | ColumnType::Integer => of_column(ColumnType::BigInt),
        kind => of_column(kind),
    }
}

/// A name as Spark reads it, whatever is in it.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A name as Spark reads it where a view is made: quoted only if it must be, since Sail keeps the quotes there.
pub(crate) fn name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

/// A text as Spark reads it, which takes a backslash for the begin of something.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
