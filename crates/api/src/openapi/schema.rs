//! JSON Schemas of values, of rows that are sent, and of rows that are read.

use dataset::ColumnType;
use loader::rules::column::ColumnRules;
use serde_json::{Map, Value, json};

use crate::read::columns::{JsonForm, ReadColumn};
use crate::table::ServedTable;

/// The schema of a value of a type, without NULL.
pub(crate) fn value(kind: ColumnType) -> Value {
    match kind {
        ColumnType::Boolean => json!({"type": "boolean"}),
        ColumnType::SmallInt => {
            json!({"type": "integer", "minimum": i16::MIN, "maximum": i16::MAX})
        }
        ColumnType::Integer => {
            json!({"type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX})
        }
        ColumnType::BigInt => {
            json!({"type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX})
        }
        // The server writes these as texts, since JSON has no numbers for them.
        ColumnType::Real | ColumnType::Double => {
            json!({"type": ["number", "string"], "pattern": "^(NaN|-?Infinity)$"})
        }
        ColumnType::Numeric { precision, scale } => {
            let bound: Value =
                serde_json::from_str(&format!("1e{}", precision - scale)).unwrap_or_default();
            let lower: Value =
                serde_json::from_str(&format!("-1e{}", precision - scale)).unwrap_or_default();
            json!({
                "type": "number", "exclusiveMinimum": lower, "exclusiveMaximum": bound,
                "description": format!("at most {scale} digits after the point"),
            })
        }
        ColumnType::Text => json!({"type": "string"}),
        ColumnType::Date => json!({"type": "string", "format": "date"}),
        ColumnType::Time => json!({"type": "string", "examples": ["08:00:00.5"]}),
        ColumnType::Timestamp => json!({"type": "string", "examples": ["2021-05-01T08:00:00"]}),
        ColumnType::TimestampTz => json!({"type": "string", "format": "date-time"}),
        ColumnType::Uuid => json!({"type": "string", "format": "uuid"}),
        ColumnType::Bytes => json!({"type": "string", "pattern": "^\\\\x([0-9A-Fa-f]{2})*$"}),
        ColumnType::Json | ColumnType::JsonBinary => json!({}),
    }
}

/// The schema with NULL allowed as well.
pub(crate) fn or_null(mut schema: Value) -> Value {
    match schema.get("type") {
        Some(Value::String(name)) => schema["type"] = json!([name, "null"]),
        Some(Value::Array(names)) => {
            let names = names.iter().cloned().chain([json!("null")]);
            schema["type"] = names.collect();
        }
        _ => {}
    }
    if let Some(Value::Array(labels)) = schema.get_mut("enum") {
        labels.push(Value::Null);
    }
    schema
}

/// The schema of a row that is sent.
pub(crate) fn sent(table: &ServedTable) -> Value {
    let rules = &table.json.columns;
    let properties = rules.iter().map(|rule| {
        let schema = column(table, rule);
        let schema = match rule.nullable && !rule.required {
            true => or_null(schema),
            false => schema,
        };
        (rule.name.clone(), schema)
    });
    let is_needed =
        |(rule, filled): &(&ColumnRules, &bool)| rule.required || !rule.nullable && !**filled;
    let needed = rules.iter().zip(&table.filled).filter(is_needed);
    let needed: Vec<&str> = needed.map(|(rule, _)| &*rule.name).collect();
    json!({
        "type": "object",
        "properties": properties.collect::<Map<_, _>>(),
        "required": needed,
        "additionalProperties": false,
    })
}

/// The schema of a row that is read. A request may have selected only some of its columns.
pub(crate) fn read(table: &ServedTable) -> Value {
    let properties = table.read.columns.iter().map(|column| {
        let mut schema = of_column(table, column);
        schema = match column.nullable {
            true => or_null(schema),
            false => schema,
        };
        if column.is_generated {
            schema["readOnly"] = json!(true);
        }
        about(&mut schema, table, column);
        (column.name.clone(), schema)
    });
    json!({
        "type": "object",
        "properties": properties.collect::<Map<_, _>>(),
        "additionalProperties": false,
    })
}

/// The schema of a value, other than NULL, that is read from a column. The rules for new rows need not be true of rows that
/// were there before.
pub(crate) fn of_column(table: &ServedTable, column: &ReadColumn) -> Value {
    let rules = &table.json.columns;
    match rules.iter().find(|rule| rule.name == column.name) {
        Some(rule) if rule.server_type.is_none() => value(rule.kind),
        _ => of_server(column),
    }
}

/// The schema of the values that a column takes.
fn column(table: &ServedTable, rule: &ColumnRules) -> Value {
    let of_read = table
        .read
        .place(&rule.name)
        .map(|place| &table.read.columns[place]);
    let mut schema = match (rule.server_type, of_read) {
        (Some(_), Some(column)) => of_server(column),
        _ => value(rule.kind),
    };
    if let Some(labels) = &rule.labels {
        schema["enum"] = json!(labels);
    }
    if let Some(most) = rule.max_chars {
        schema["maxLength"] = json!(most);
    }
    if rule.required && schema["type"] == "string" {
        schema["minLength"] = json!(1);
    }
    let is_number = rule.kind.is_number() && rule.server_type.is_none();
    for (name, exclusive, bound) in [
        ("minimum", "exclusiveMinimum", &rule.min),
        ("maximum", "exclusiveMaximum", &rule.max),
    ] {
        let bound = bound.as_ref().filter(|_| is_number);
        if let Some(bound) =
            bound.and_then(|bound| serde_json::from_str::<Value>(&bound.shown()).ok())
        {
            schema[name] = bound;
            if let Some(schema) = schema.as_object_mut() {
                schema.remove(exclusive);
            }
        }
    }
    if let Some(column) = of_read {
        about(&mut schema, table, column);
    }
    schema
}

/// The schema of a value whose type only the server knows.
fn of_server(column: &ReadColumn) -> Value {
    match (column.form, &*column.type_name) {
        (JsonForm::Array, _) => json!({"type": ["array", "string"]}),
        (JsonForm::Own, name) if name.starts_with("numeric") => {
            json!({"type": ["number", "string"], "pattern": "^(NaN|-?Infinity)$"})
        }
        // No rule says what the type of a generated column is.
        (JsonForm::Own, "smallint" | "integer" | "bigint") => json!({"type": "integer"}),
        (JsonForm::Own, "real" | "double precision") => value(ColumnType::Double),
        (JsonForm::Own, "boolean") => json!({"type": "boolean"}),
        (JsonForm::Own, "json" | "jsonb") => json!({}),
        _ => json!({"type": "string"}),
    }
}

/// Describes a column: its comment, its type in the database, what it refers to.
fn about(schema: &mut Value, table: &ServedTable, column: &ReadColumn) {
    let mut parts: Vec<String> = column.about.iter().cloned().collect();
    parts.push(column.type_name.clone());
    if let Some(detail) = schema["description"].as_str() {
        parts.push(detail.to_owned());
    }
    if table
        .read
        .key
        .iter()
        .any(|place| table.read.columns[*place].name == column.name)
    {
        parts.push("part of the key".to_owned());
    }
    for reference in &table.target.references {
        if reference.columns.contains(&column.name) {
            let parent = &reference.parent;
            parts.push(format!(
                "refers to {}({})",
                parent.table,
                parent.columns.join(", ")
            ));
        }
    }
    schema["description"] = json!(parts.join("; "));
}
