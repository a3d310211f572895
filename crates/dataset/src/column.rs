//! Columns and their types, as the product carries them from Postgres to files.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most digits a carried `numeric` may have: what fits 128 bits.
pub const MAX_PRECISION: u8 = 38;

/// The most bytes of a name in Postgres: `NAMEDATALEN` without the byte that ends it.
pub const LONGEST_NAME_BYTES: usize = 63;

/// A type that is carried exactly. Written as Postgres writes it: `integer`, `numeric(10,2)`, `text` …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// `boolean`
    Boolean,
    /// `smallint`
    SmallInt,
    /// `integer`
    Integer,
    /// `bigint`
    BigInt,
    /// `real`
    Real,
    /// `double precision`
    Double,
    /// `numeric(precision,scale)` with `scale <= precision <= 38`
    Numeric {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: u8,
    },
    /// `text`; also `varchar`, `char(n)`, `name` and enum labels
    Text,
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp`, microseconds, no time zone
    Timestamp,
    /// `timestamptz`, microseconds, carried in UTC
    TimestampTz,
    /// `uuid`
    Uuid,
    /// `bytea`
    Bytes,
    /// `json`, carried as its text
    Json,
    /// `jsonb`, carried as its text
    JsonBinary,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numeric { precision, scale } => write!(f, "numeric({precision},{scale})"),
            other => f.write_str(other.name()),
        }
    }
}

impl ColumnType {
    /// Whether the values are numbers.
    pub fn is_number(self) -> bool {
        matches!(
            self,
            Self::SmallInt
                | Self::Integer
                | Self::BigInt
                | Self::Real
                | Self::Double
                | Self::Numeric { .. }
        )
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::SmallInt => "smallint",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Numeric { .. } => "numeric",
            Self::Text => "text",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Uuid => "uuid",
            Self::Bytes => "bytea",
            Self::Json => "json",
            Self::JsonBinary => "jsonb",
        }
    }

    const PLAIN: [Self; 15] = [
        Self::Boolean,
        Self::SmallInt,
        Self::Integer,
        Self::BigInt,
        Self::Real,
        Self::Double,
        Self::Text,
        Self::Date,
        Self::Time,
        Self::Timestamp,
        Self::TimestampTz,
        Self::Uuid,
        Self::Bytes,
        Self::Json,
        Self::JsonBinary,
    ];
}

impl ColumnType {
    /// The names of all types but numeric, which has digits of its own.
    pub(crate) fn plain_names() -> [&'static str; 15] {
        Self::PLAIN.map(|kind| kind.name())
    }
}

impl FromStr for ColumnType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(plain) = Self::PLAIN.into_iter().find(|kind| kind.name() == text) {
            return Ok(plain);
        }
        let numeric = text
            .strip_prefix("numeric(")
            .and_then(|rest| rest.strip_suffix(')'))
            .and_then(|inside| inside.split_once(','))
            .and_then(|(p, s)| Some((p.trim().parse().ok()?, s.trim().parse().ok()?)));
        match numeric {
            Some((precision, scale)) if scale <= precision && precision <= MAX_PRECISION => {
                Ok(Self::Numeric { precision, scale })
            }
            _ => Err(format!(
                "`{text}` is not a type; one of {}, numeric(precision,scale) with scale <= precision <= {MAX_PRECISION}",
                Self::PLAIN.map(|kind| kind.name()).join(", ")
            )),
        }
    }
}

impl<'de> Deserialize<'de> for ColumnType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for ColumnType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A column of a live table and how it is carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The column's name in the database.
    pub name: String,
    /// What it is carried as.
    pub kind: ColumnType,
    /// Whether the dataset asks for a cast to text on the way out.
    pub cast_to_text: bool,
    /// Whether it is a `numeric(p,s)` in the database, so that each of its values is shown with `s` digits after the point.
    pub fixed_scale: bool,
    /// Whether the database allows NULL in it.
    pub nullable: bool,
    /// What the database says of a column that is carried as text; `None` for any other.
    pub text: Option<TextTraits>,
}

/// What a column carried as text is in the database: the result of a model's SELECT depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextTraits {
    /// The column's type in the database.
    pub kind: TextKind,
    /// How its values are ordered and compared.
    pub collation: Collation,
}

/// The database's type of a column that is carried as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextKind {
    /// `text`
    Text,
    /// `varchar`, with a length or without
    Varchar,
    /// `char(n)`, padded with blanks
    Char,
    /// `name`
    Name,
    /// An enum: its name and labels, in their order.
    Enum(String, Vec<String>),
    /// A type that the dataset asks to be cast to text.
    Cast,
    /// A `numeric` that the dataset asks to be cast to text.
    Numeric,
}

/// How a collation orders and compares text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collation {
    /// The collation's name; `default` for the database's own.
    pub name: String,
    /// Whether text is ordered by bytes, as `C` does; `None` where no database was asked.
    pub by_bytes: Option<bool>,
    /// Whether only equal bytes are equal.
    pub deterministic: bool,
    /// What upper and lower case are.
    pub letters: Letters,
}

/// Which letters a collation maps to upper and lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Letters {
    /// A to Z alone, as in `C`.
    Ascii,
    /// Letters are mapped as Unicode does, each by itself, as in most languages.
    Unicode,
    /// Letters are mapped as Unicode does, and words part where ICU parts them: `it's` is one.
    Icu,
    /// Letters are mapped as a language does that maps A to Z otherwise (Turkish), or as nobody knows.
    Other,
}

impl Collation {
    /// The database's own, where no database was asked.
    pub fn unknown() -> Self {
        Self {
            name: Self::DEFAULT.to_owned(),
            by_bytes: None,
            deterministic: true,
            letters: Letters::Unicode,
        }
    }

    /// The name that Postgres gives to the collation of the database.
    pub const DEFAULT: &str = "default";
}

/// A live table: its columns in their order, and its size.
#[derive(Debug, Clone)]
pub struct TableSchema {
    /// The table's name, without the schema.
    pub name: String,
    /// The columns that are read, in the table's order.
    pub columns: Vec<Column>,
    /// The names of its other columns, as far as they are known: one of them may be meant by a name that there isn't.
    pub unread: Vec<String>,
}

/// Equal are tables of one name with the same columns to read.
impl PartialEq for TableSchema {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.columns) == (&other.name, &other.columns)
    }
}

impl Eq for TableSchema {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_what_it_writes() {
        let numeric = ColumnType::Numeric {
            precision: 38,
            scale: 38,
        };
        for kind in ColumnType::PLAIN.into_iter().chain([numeric]) {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
    }

    #[test]
    fn a_numeric_that_does_not_fit_128_bits_is_refused() {
        for text in [
            "numeric(39,2)",
            "numeric(2,3)",
            "numeric",
            "numeric(-1,2)",
            "money",
        ] {
            assert!(text.parse::<ColumnType>().is_err(), "{text}");
        }
    }
}
