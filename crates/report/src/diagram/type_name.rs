//! The type of a column, as a diagram shows it.

use database::catalogue::inventory::{KnownColumn, KnownTable};

/// Long names of types, with SQL's short names for them.
const SHORT: [(&str, &str); 5] = [
    ("character varying", "varchar"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
];

/// The short name of a column's type, without the schema if that is the table's own.
pub(super) fn type_name(table: &KnownTable, column: &KnownColumn) -> String {
    let shown = column.shown.as_str();
    let own = shown.strip_prefix(&table.schema);
    let shown = own.and_then(|rest| rest.strip_prefix('.')).unwrap_or(shown);
    for (long, short) in SHORT {
        if let Some(rest) = shown.strip_prefix(long) {
            return format!("{short}{rest}");
        }
    }
    shown.to_owned()
}
