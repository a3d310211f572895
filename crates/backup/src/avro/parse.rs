//! Parses the schema of an Avro file whose records can be rows of a table.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::schema::NAME;

/// A field of the record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// The name of the field's column: the value of our own property, or else the field's name.
    pub(crate) column: String,
    /// The type of the field's values.
    pub(crate) slot: Slot,
}

/// A value that may be null.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slot {
    /// The index of the null branch of the union; `None` if there is no union.
    pub(crate) null: Option<i64>,
    /// The type of values that are not null.
    pub(crate) of: AvroType,
}

/// A type that a column can have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AvroType {
    /// `boolean`
    Boolean,
    /// `int`
    Int(Meaning),
    /// `long`
    Long(Meaning),
    /// `float`
    Float,
    /// `double`
    Double,
    /// `bytes`, with the scale if they are a decimal
    Bytes(Option<u8>),
    /// `fixed` of this many bytes, with the scale if it is a decimal
    Fixed(usize, Option<u8>),
    /// `string`
    String,
    /// `enum`, with its symbols, which all fields of the type share
    Enum(Arc<[String]>),
    /// `array`
    Array(Box<Slot>),
}

/// What an `int` or a `long` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A number.
    Number,
    /// Days since 1970-01-01.
    Date,
    /// Time since midnight; the unit is this fraction of a second (1,000 for milliseconds).
    Time(i64),
    /// Time since 1970-01-01; the unit is this fraction of a second (1,000 for milliseconds).
    Timestamp(i64),
}

/// Parses the fields of a record.
///
/// # Errors
/// The reason why the schema is not a record whose fields can be columns, with the field.
pub(crate) fn fields(schema: &Value) -> Result<Vec<Field>, String> {
    if schema["type"] != "record" {
        return Err("its schema is not a record".to_owned());
    }
    let Some(fields) = schema["fields"].as_array() else {
        return Err("its schema has no fields".to_owned());
    };
    // Rows without fields have no bytes, so a block could claim any number of them.
    if fields.is_empty() {
        return Err("its schema has no fields".to_owned());
    }
    let mut named = HashMap::new();
    let namespace = schema["namespace"].as_str().unwrap_or_default();
    let mut found = Vec::new();
    for field in fields {
        let Some(name) = field["name"].as_str() else {
            return Err("its schema has a field without a name".to_owned());
        };
        let column = field[NAME].as_str().unwrap_or(name).to_owned();
        let slot = slot(&field["type"], namespace, &mut named)
            .map_err(|why| format!("its field `{name}` {why}"))?;
        found.push(Field { column, slot });
    }
    Ok(found)
}

type Named = HashMap<String, AvroType>;

fn slot(schema: &Value, namespace: &str, named: &mut Named) -> Result<Slot, String> {
    let Some(branches) = schema.as_array() else {
        return Ok(Slot {
            null: None,
            of: avro_type(schema, namespace, named)?,
        });
    };
    let is_null = |branch: &Value| branch == "null" || branch["type"] == "null";
    match branches.as_slice() {
        [one, other] if is_null(one) && !is_null(other) => Ok(Slot {
            null: Some(0),
            of: avro_type(other, namespace, named)?,
        }),
        [one, other] if is_null(other) && !is_null(one) => Ok(Slot {
            null: Some(1),
            of: avro_type(one, namespace, named)?,
        }),
        _ => Err("is a union, but not of null and one type".to_owned()),
    }
}

fn avro_type(schema: &Value, namespace: &str, named: &mut Named) -> Result<AvroType, String> {
    let Some(kind) = schema.as_str().or_else(|| schema["type"].as_str()) else {
        // The type is nested in another `type`, as some writers do.
        return match schema["type"].is_object() {
            true => avro_type(&schema["type"], namespace, named),
            false => Err("has an unknown type".to_owned()),
        };
    };
    let logical = schema["logicalType"].as_str().unwrap_or_default();
    let decimal = || match logical {
        "decimal" => scale(schema).map(Some),
        _ => Ok(None),
    };
    let found = match kind {
        "boolean" => AvroType::Boolean,
        "int" => AvroType::Int(meaning(logical)?),
        "long" => AvroType::Long(meaning(logical)?),
        "float" => AvroType::Float,
        "double" => AvroType::Double,
        "bytes" => AvroType::Bytes(decimal()?),
        "string" => AvroType::String,
        "array" => AvroType::Array(Box::new(slot(&schema["items"], namespace, named)?)),
        "fixed" => {
            let size = schema["size"]
                .as_u64()
                .and_then(|size| usize::try_from(size).ok());
            AvroType::Fixed(
                size.filter(|size| *size > 0).ok_or("has no size")?,
                decimal()?,
            )
        }
        "enum" => {
            let symbols = schema["symbols"].as_array().ok_or("has no symbols")?;
            let symbols = symbols.iter().map(|of| of.as_str().map(str::to_owned));
            let symbols: Option<Vec<String>> = symbols.collect();
            AvroType::Enum(symbols.ok_or("has symbols that are not texts")?.into())
        }
        name => {
            let full = format!("{namespace}.{name}");
            let known = named.get(name).or_else(|| named.get(&full));
            return known
                .cloned()
                .ok_or_else(|| format!("is of the type {name}, which no column has"));
        }
    };
    // Only these types have names: with named arrays, a few fields could nest them as deep as there are fields.
    let is_named = matches!(found, AvroType::Fixed(..) | AvroType::Enum(_));
    if let Some(name) = schema["name"].as_str().filter(|_| is_named) {
        let namespace = schema["namespace"].as_str().unwrap_or(namespace);
        named.insert(format!("{namespace}.{name}"), found.clone());
        named.insert(name.to_owned(), found.clone());
    }
    Ok(found)
}

fn scale(schema: &Value) -> Result<u8, String> {
    let number = |name: &str| schema[name].as_u64();
    match (number("precision"), number("scale").unwrap_or(0)) {
        (Some(precision), scale) if precision <= 38 && scale <= precision => Ok(scale as u8),
        _ => Err("is a decimal of more than 38 digits".to_owned()),
    }
}

fn meaning(logical: &str) -> Result<Meaning, String> {
    Ok(match logical {
        "date" => Meaning::Date,
        "time-millis" => Meaning::Time(1_000),
        "time-micros" => Meaning::Time(1_000_000),
        "timestamp-millis" | "local-timestamp-millis" => Meaning::Timestamp(1_000),
        "timestamp-micros" | "local-timestamp-micros" => Meaning::Timestamp(1_000_000),
        // Postgres has no nanoseconds, and the bare number would not say what it means.
        "timestamp-nanos" | "local-timestamp-nanos" => {
            return Err(
                "has nanoseconds, which Postgres does not: write it with microseconds".to_owned(),
            );
        }
        _ => Meaning::Number,
    })
}
