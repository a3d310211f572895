//! Spark's types for Postgres's types, and Spark's way to write names and texts.

use dataset::ColumnType;

use crate::model::types::Type;

/// The width of all decimals, which is the same as elsewhere here.
const PRECISION: u8 = dataset::MAX_PRECISION;

/// The type in which Spark holds values of a type; `None` if it has none that keeps them unchanged.
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

/// The type in which Spark holds the values of an output's column.
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

/// Writes a name for Spark, whatever characters it has.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Writes a name for Spark where a view is made: quoted only if necessary, since Sail keeps the quotes there.
pub(crate) fn name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match name.chars().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

/// Writes a text for Spark, to which a backslash is the start of an escape.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
