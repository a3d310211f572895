//! Columns and their types, as they are carried from Postgres to files.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The most digits that a carried `numeric` may have: as many as fit in 128 bits.
pub const MAX_PRECISION: u8 = 38;

/// The most bytes that a name has in Postgres: `NAMEDATALEN` without the byte that ends it.
pub const LONGEST_NAME_BYTES: usize = 63;

/// A type that is carried exactly, written as Postgres writes it: `integer`, `numeric(10,2)`, `text` …
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
        /// All digits.
        precision: u8,
        /// The digits after the point.
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

    /// Whether sums of the values are exact: they are integers, or have a fixed number of digits after the point.
    pub fn has_exact_sum(self) -> bool {
        self.is_number() && !matches!(self, Self::Real | Self::Double)
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
    /// The names of all types except numeric, whose name has a precision and scale.
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

/// A column of a live table, and how it is carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The column's name in the database.
    pub name: String,
    /// The type that the column is carried as.
    pub kind: ColumnType,
    /// Whether the dataset asks to read the column cast to text.
    pub cast_to_text: bool,
    /// Whether it is a `numeric(p,s)` in the database, so that all of its values are shown with `s` digits after the point.
    pub fixed_scale: bool,
    /// Whether the column may be NULL in the database.
    pub nullable: bool,
    /// The column's traits in the database, if it is carried as text; `None` for other columns.
    pub text: Option<TextTraits>,
}

/// The traits in the database of a column that is carried as text. The result of a model's SELECT depends on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextTraits {
    /// The column's type in the database.
    pub kind: TextKind,
    /// How its values are ordered and compared.
    pub collation: Collation,
}

/// The type in the database of a column that is carried as text.
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
    /// An enum, with its name and its labels in order.
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
    /// Whether text is ordered by bytes, as in `C`; `None` if no database was asked.
    pub by_bytes: Option<bool>,
    /// Whether texts are equal only if their bytes are.
    pub deterministic: bool,
    /// Which letters have upper and lower case.
    pub letters: Letters,
}

/// Which letters a collation maps to upper and lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Letters {
    /// Only A to Z, as in `C`.
    Ascii,
    /// Letters are mapped one by one as Unicode does, as in most languages.
    Unicode,
    /// Letters are mapped as Unicode does, and words are split where ICU splits them: `it's` is one word.
    Icu,
    /// Letters are mapped in another way: A to Z differ, as in Turkish, or the mapping is unknown.
    Other,
}

impl Collation {
    /// The collation of a database that was not asked.
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

/// The columns of a live table, in their order.
#[derive(Debug, Clone)]
pub struct TableSchema {
    /// The table's name, without the schema.
    pub name: String,
    /// The columns that are read, in the table's order.
    pub columns: Vec<Column>,
    /// The names of the table's other columns, as far as they are known, for suggesting one if a name is misspelt.
    pub unread: Vec<String>,
}

/// Tables are equal if they have the same name and the same columns that are read.
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
