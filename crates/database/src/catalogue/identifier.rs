//! Quoting of names and literals for SQL text that cannot take parameters (COPY, DDL, LOCK).

/// `name` as a quoted identifier: `"a""b"`.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `schema.name`, both quoted.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", quoted(schema), quoted(name))
}

/// `text` as a string literal, which is safe whatever `standard_conforming_strings` is.
pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A table as SQL names it after FROM, UPDATE and TRUNCATE. With `only`, the tables that inherit from it are left out; for a
/// partitioned table that would leave out all rows.
pub fn relation(schema: &str, table: &str, only: bool) -> String {
    let name = qualified(schema, table);
    match only {
        true => format!("ONLY {name}"),
        false => name,
    }
}
