//! How the values of a column are carried: what COPY reads of them, what they are in Avro, and how the server computes the same
//! bytes for the content checksum.

use database::catalogue::definition::{BaseType, ColumnDefinition, TableDefinition};
use database::catalogue::identifier::quoted;
use dataset::failure::Kind as Failing;

/// The most digits of a decimal that readers of Avro take.
const MAX_PRECISION: u8 = 38;

/// The powers of ten from 0 to [`MAX_PRECISION`].
pub(crate) const POWERS: [u128; MAX_PRECISION as usize + 1] = {
    let mut powers = [1; MAX_PRECISION as usize + 1];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// What the values of a column are in Postgres's binary COPY and, after the colon, in Avro.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `smallint`: int.
    Int2,
    /// `integer`: int.
    Int4,
    /// `bigint`: long.
    Int8,
    /// `boolean`: boolean.
    Bool,
    /// `real`: float.
    Float4,
    /// `double precision`: double.
    Float8,
    /// `numeric(p,s)`: decimal on fixed.
    Decimal {
        /// The most digits that a value has.
        precision: u8,
        /// How many of the digits are after the point.
        scale: u8,
    },
    /// Text whose binary form is its bytes, the labels of enums and json among them: string.
    Text,
    /// `jsonb`: string, without the version that its binary form begins with.
    Jsonb,
    /// `uuid`: string.
    Uuid,
    /// `bytea`: bytes.
    Bytes,
    /// `date`: date.
    Date,
    /// `time`: time-micros.
    Time,
    /// `timestamp`: local-timestamp-micros.
    Timestamp,
    /// `timestamptz`: timestamp-micros.
    TimestampTz,
    /// An array of one dimension that begins at 1: array of values that may be null.
    Array {
        /// The oid of the elements' type, which is the same in every server.
        oid: u32,
        /// The kind of the elements.
        of: Box<Kind>,
    },
    /// Everything else: string, as the type's own output writes it.
    AsText,
}

/// A column, with how its values are carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carried {
    /// The column's name.
    pub(crate) name: String,
    /// The column's type, as SQL names it.
    pub(crate) type_name: String,
    /// The labels, if the type is an enum.
    pub(crate) labels: Vec<String>,
    /// The kind of its values.
    pub(crate) kind: Kind,
    /// Whether the column may hold NULL.
    pub(crate) nullable: bool,
    /// The SQL expression that COPY reads.
    pub(crate) expression: String,
    /// The SQL expression for the binary form of the same, as the server computes it.
    pub(crate) sent: String,
}

/// The columns of a table, with how their values are carried.
///
/// # Errors
/// [`Failing::Mismatch`] for a table without columns.
pub(crate) fn of_table(schema: &str, table: &TableDefinition) -> anyhow::Result<Vec<Carried>> {
    if table.columns.is_empty() {
        return Err(Failing::Mismatch.error(format!(
            "table {schema}.{} has no columns, so there is nothing to back up: leave it out with --table",
            table.name
        )));
    }
    Ok(table.columns.iter().map(carried).collect())
}

fn carried(column: &ColumnDefinition) -> Carried {
    let base = &column.base;
    let kind = kind(base);
    let name = quoted(&column.name);
    let (expression, sent) = match &kind {
        // The type's output function, whatever casts there are. A row of NULLs is not NULL itself.
        Kind::AsText => {
            let text = format!(
                "CASE WHEN {name} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {name}) END"
            );
            let sent = format!("pg_catalog.textsend({text})");
            (text, sent)
        }
        kind => {
            let value = match base.in_domain {
                true => format!("({name})::{}", base.shown),
                false => name.clone(),
            };
            let one_nan = with_one_nan(kind, &value);
            let sent = one_nan.as_ref().unwrap_or(&value);
            let sent = format!("pg_catalog.{}({sent})", send_function(kind, base));
            (one_nan.unwrap_or(name), sent)
        }
    };
    Carried {
        name: column.name.clone(),
        type_name: column.type_name.clone(),
        labels: base.labels.clone(),
        kind,
        nullable: !base.forbids_null,
        expression,
        sent,
    }
}

fn kind(base: &BaseType) -> Kind {
    // A domain over a type that is not built in cannot be named without its schema.
    if base.is_enum && !base.in_domain {
        return Kind::Text;
    }
    if !base.is_built_in {
        return Kind::AsText;
    }
    match &base.element {
        Some((oid, element)) => match scalar(element, base.modifier) {
            Kind::AsText => Kind::AsText,
            of => Kind::Array {
                oid: *oid,
                of: Box::new(of),
            },
        },
        None => scalar(&base.name, base.modifier),
    }
}

fn scalar(name: &str, modifier: i32) -> Kind {
    match name {
        "int2" => Kind::Int2,
        "int4" => Kind::Int4,
        "int8" => Kind::Int8,
        "bool" => Kind::Bool,
        "float4" => Kind::Float4,
        "float8" => Kind::Float8,
        "numeric" => numeric(modifier),
        "text" | "varchar" | "bpchar" | "name" | "json" => Kind::Text,
        "jsonb" => Kind::Jsonb,
        "uuid" => Kind::Uuid,
        "bytea" => Kind::Bytes,
        "date" => Kind::Date,
        "time" => Kind::Time,
        "timestamp" => Kind::Timestamp,
        "timestamptz" => Kind::TimestampTz,
        _ => Kind::AsText,
    }
}

/// An SQL expression for `value`, a float or an array of floats, in which each NaN is the one that Postgres reads from the word
/// `NaN`; `None` for other kinds. Postgres takes other NaNs from clients too, but writes and compares all as one, so that text
/// carries only the word.
fn with_one_nan(kind: &Kind, value: &str) -> Option<String> {
    let float = |kind: &Kind| match kind {
        Kind::Float4 => Some("pg_catalog.float4"),
        Kind::Float8 => Some("pg_catalog.float8"),
        _ => None,
    };
    let (float, found, read) = match kind {
        Kind::Array { of, .. } => {
            let float = float(of)?;
            let read = format!("({value})::pg_catalog.text::{float}[]");
            (float, format!("ANY ({value})"), read)
        }
        kind => {
            let float = float(kind)?;
            (float, value.to_owned(), format!("'NaN'::{float}"))
        }
    };
    Some(format!(
        "CASE WHEN 'NaN'::{float} OPERATOR(pg_catalog.=) {found} THEN {read} ELSE {value} END"
    ))
}

/// The kind of a numeric, from its type modifier as `numerictypmodin` packs it (src/backend/utils/adt/numeric.c): four bytes of
/// header, then the precision in the upper 16 bits and the scale, 11 bits with a sign, in the lower.
fn numeric(modifier: i32) -> Kind {
    let packed = modifier - 4;
    let scale = ((packed & 0x7ff) ^ 1024) - 1024;
    match (u8::try_from(packed >> 16), u8::try_from(scale)) {
        (Ok(precision), Ok(scale))
            if modifier >= 4 && precision <= MAX_PRECISION && scale <= precision =>
        {
            Kind::Decimal { precision, scale }
        }
        _ => Kind::AsText,
    }
}

/// The name of the function that gives the binary form of a value.
fn send_function(kind: &Kind, base: &BaseType) -> &'static str {
    match kind {
        Kind::Int2 => "int2send",
        Kind::Int4 => "int4send",
        Kind::Int8 => "int8send",
        Kind::Bool => "boolsend",
        Kind::Float4 => "float4send",
        Kind::Float8 => "float8send",
        Kind::Decimal { .. } => "numeric_send",
        Kind::Text if base.is_enum => "enum_send",
        Kind::Text => match base.name.as_str() {
            "varchar" => "varcharsend",
            "bpchar" => "bpcharsend",
            "name" => "namesend",
            "json" => "json_send",
            _ => "textsend",
        },
        Kind::Jsonb => "jsonb_send",
        Kind::Uuid => "uuid_send",
        Kind::Bytes => "byteasend",
        Kind::Date => "date_send",
        Kind::Time => "time_send",
        Kind::Timestamp => "timestamp_send",
        Kind::TimestampTz => "timestamptz_send",
        Kind::Array { .. } => "array_send",
        Kind::AsText => "textsend",
    }
}

/// How many bytes hold any number of this many decimal digits, in two's complement.
pub(crate) fn decimal_bytes(precision: u8) -> usize {
    let largest = POWERS[usize::from(precision.min(MAX_PRECISION))] - 1;
    let bits = 129 - largest.leading_zeros();
    bits.div_ceil(8) as usize
}
