//! What a diagram calls the type of a column.

use database::catalogue::inventory::{KnownColumn, KnownTable};

/// Long names of types, and the short ones that SQL has for them.
const SHORT: [(&str, &str); 5] = [
    ("character varying", "varchar"),
    ("timestamp without time zone", "timestamp"),
    ("timestamp with time zone", "timestamptz"),
    ("time without time zone", "time"),
    ("time with time zone", "timetz"),
];

/// The type of a column by its short name, without the schema of its table before it.
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
