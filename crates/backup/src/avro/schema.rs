//! The Avro schema of a table's files.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::carriage::{Carried, Kind, decimal_bytes};

/// The property of a field, or of the record, that holds its name in Postgres.
pub(crate) const NAME: &str = "postgres.name";
/// The property of a field that holds its type in Postgres.
pub(crate) const TYPE: &str = "postgres.type";
/// The property of a field that holds the labels of an enum.
const LABELS: &str = "postgres.labels";
/// The property of the record that holds the schema of its table.
const SCHEMA: &str = "postgres.schema";

/// The Avro schema of a table's files. With `is_utc`, timestamps without a zone are instants in UTC.
pub(crate) fn of_table(schema: &str, table: &str, columns: &[Carried], is_utc: bool) -> Value {
    let mut names = Names::default();
    let fields: Vec<Value> = columns
        .iter()
        .map(|column| field(column, names.of(&column.name), &identifier(table), is_utc))
        .collect();
    json!({
        "type": "record",
        "name": identifier(table),
        "namespace": identifier(schema),
        SCHEMA: schema,
        NAME: table,
        "fields": fields,
    })
}

fn field(column: &Carried, name: String, record: &str, is_utc: bool) -> Value {
    // The names of types must differ from each other within a file, and from the record's name.
    let named = format!("{record}_{name}_decimal");
    let kind = avro_type(&column.kind, &named, is_utc);
    let mut field = Map::new();
    field.insert("name".to_owned(), json!(name));
    field.insert(
        "type".to_owned(),
        match column.nullable {
            true => json!(["null", kind]),
            false => kind,
        },
    );
    field.insert(NAME.to_owned(), json!(column.name));
    field.insert(TYPE.to_owned(), json!(column.type_name));
    if !column.labels.is_empty() {
        field.insert(LABELS.to_owned(), json!(column.labels));
    }
    Value::Object(field)
}

fn avro_type(kind: &Kind, named: &str, is_utc: bool) -> Value {
    let logical = |kind: &str, logical: &str| json!({"type": kind, "logicalType": logical});
    match kind {
        Kind::Int2 | Kind::Int4 => json!("int"),
        Kind::Int8 => json!("long"),
        Kind::Bool => json!("boolean"),
        Kind::Float4 => json!("float"),
        Kind::Float8 => json!("double"),
        Kind::Decimal { precision, scale } => json!({
            "type": "fixed",
            "name": named,
            "size": decimal_bytes(*precision),
            "logicalType": "decimal",
            "precision": precision,
            "scale": scale,
        }),
        Kind::Text | Kind::Jsonb | Kind::AsText => json!("string"),
        Kind::Uuid => logical("string", "uuid"),
        Kind::Bytes => json!("bytes"),
        Kind::Date => logical("int", "date"),
        Kind::Time => logical("long", "time-micros"),
        Kind::Timestamp if !is_utc => logical("long", "local-timestamp-micros"),
        Kind::Timestamp | Kind::TimestampTz => logical("long", "timestamp-micros"),
        Kind::Array { of, .. } => {
            json!({"type": "array", "items": ["null", avro_type(of, named, is_utc)]})
        }
    }
}

/// Gives out names of fields, each only once.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn of(&mut self, column: &str) -> String {
        let name = identifier(column);
        let mut tried = name.clone();
        let mut number = 2;
        while !self.0.insert(tried.to_ascii_lowercase()) {
            tried = format!("{name}_{number}");
            number += 1;
        }
        tried
    }
}

/// Turns a name into an identifier of Avro: ASCII letters, digits and underscores, without a digit at the beginning.
fn identifier(name: &str) -> String {
    let mapped = name.chars().map(|c| match c.is_ascii_alphanumeric() {
        true => c,
        false => '_',
    });
    let mapped: String = mapped.collect();
    match mapped.starts_with(|c: char| c.is_ascii_digit()) || mapped.is_empty() {
        true => format!("_{mapped}"),
        false => mapped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_identifiers_and_differ() {
        let mut names = Names::default();
        let mapped = ["valor", "preço", "preco", "pre\u{f6}o", "1st", "", "Valor"];
        let mapped = mapped.map(|name| names.of(name));
        assert_eq!(
            mapped,
            ["valor", "pre_o", "preco", "pre_o_2", "_1st", "_", "Valor_2"]
        );
    }
}
