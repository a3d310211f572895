//! The types that Postgres gives to expressions, as far as a model may use them, and its implicit casts among them.

use std::fmt;
use std::sync::Arc;

use dataset::{Column, ColumnType, TextKind};

/// The type of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    /// `numeric`, each value of which Postgres shows with so many digits after the point.
    Numeric(u8),
    /// `numeric`, whose values have at most so many digits after the point; how many Postgres shows of each isn't known.
    NumericUpTo(u8),
    /// `numeric`, whose values have each their own number of digits after the point: that of a quotient.
    Unconstrained,
    Real,
    Double,
    Text,
    Varchar,
    /// `char(n)`
    Char,
    Name,
    Enum(Arc<EnumType>),
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Bytes,
    Json,
    JsonBinary,
    /// Carried as its text, since the dataset asks for that: it can be selected, and be NULL or not.
    Opaque,
    /// A quoted literal or NULL, whose type its surroundings decide.
    Unknown,
    /// Not known for want of a database.
    Any,
}

/// An enum of the database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EnumType {
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
}

/// How values are held while a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Boolean,
    /// All integers, times (microseconds of the day) and timestamps (microseconds since 1970).
    Integers,
    /// Numerics, at their type's scale.
    Numerics,
    /// Numerics, each with a scale of its own.
    Decimals,
    Reals,
    Doubles,
    Text,
    /// Days since 1970.
    Dates,
    Bytes,
}

impl Type {
    /// The type of a table's column.
    pub(crate) fn of(column: &Column) -> Self {
        match column.kind {
            ColumnType::Boolean => Self::Boolean,
            ColumnType::SmallInt => Self::SmallInt,
            ColumnType::Integer => Self::Integer,
            ColumnType::BigInt => Self::BigInt,
            ColumnType::Real => Self::Real,
            ColumnType::Double => Self::Double,
            ColumnType::Numeric { scale, .. } if column.fixed_scale => Self::Numeric(scale),
            ColumnType::Numeric { scale, .. } => Self::NumericUpTo(scale),
            ColumnType::Text => match column.text.as_ref().map(|text| &text.kind) {
                Some(TextKind::Text) => Self::Text,
                Some(TextKind::Varchar) => Self::Varchar,
                Some(TextKind::Char) => Self::Char,
                Some(TextKind::Name) => Self::Name,
                Some(TextKind::Enum(name, labels)) => Self::Enum(Arc::new(EnumType {
                    name: name.clone(),
                    labels: labels.clone(),
                })),
                Some(TextKind::Cast | TextKind::Numeric) => Self::Opaque,
                None => Self::Any,
            },
            ColumnType::Date => Self::Date,
            ColumnType::Time => Self::Time,
            ColumnType::Timestamp => Self::Timestamp,
            ColumnType::TimestampTz => Self::TimestampTz,
            ColumnType::Uuid => Self::Uuid,
            ColumnType::Bytes => Self::Bytes,
            ColumnType::Json => Self::Json,
            ColumnType::JsonBinary => Self::JsonBinary,
        }
    }

    /// How its values are held; those of no type are all NULL, and held as text.
    pub(crate) fn held(&self) -> Held {
        match self {
            Self::Boolean => Held::Boolean,
            Self::SmallInt
            | Self::Integer
            | Self::BigInt
            | Self::Time
            | Self::Timestamp
            | Self::TimestampTz => Held::Integers,
            Self::Numeric(_) | Self::NumericUpTo(_) => Held::Numerics,
            Self::Unconstrained => Held::Decimals,
            Self::Real => Held::Reals,
            Self::Double => Held::Doubles,
            Self::Date => Held::Dates,
            Self::Bytes => Held::Bytes,
            Self::Text
            | Self::Varchar
            | Self::Char
            | Self::Name
            | Self::Enum(_)
            | Self::Uuid
            | Self::Json
            | Self::JsonBinary
            | Self::Opaque
            | Self::Unknown
            | Self::Any => Held::Text,
        }
    }

    /// What an output column of this type is declared as; `None` where that isn't known.
    pub(crate) fn declared(&self) -> Option<ColumnType> {
        Some(match self {
            Self::Boolean => ColumnType::Boolean,
            Self::SmallInt => ColumnType::SmallInt,
            Self::Integer => ColumnType::Integer,
            Self::BigInt => ColumnType::BigInt,
            Self::Numeric(scale) | Self::NumericUpTo(scale) => ColumnType::Numeric {
                precision: dataset::MAX_PRECISION,
                scale: *scale,
            },
            Self::Real => ColumnType::Real,
            Self::Double => ColumnType::Double,
            Self::Text
            | Self::Varchar
            | Self::Char
            | Self::Name
            | Self::Enum(_)
            | Self::Opaque
            | Self::Unconstrained
            | Self::Unknown => ColumnType::Text,
            Self::Date => ColumnType::Date,
            Self::Time => ColumnType::Time,
            Self::Timestamp => ColumnType::Timestamp,
            Self::TimestampTz => ColumnType::TimestampTz,
            Self::Uuid => ColumnType::Uuid,
            Self::Bytes => ColumnType::Bytes,
            Self::Json => ColumnType::Json,
            Self::JsonBinary => ColumnType::JsonBinary,
            Self::Any => return None,
        })
    }

    /// Whether values of this type can be written as a declared type, each as it is or with an error.
    pub(crate) fn fits(&self, declared: ColumnType) -> bool {
        use ColumnType as To;
        match (self, declared) {
            (Self::Any | Self::Unknown, _) => true,
            (
                Self::SmallInt
                | Self::Integer
                | Self::BigInt
                | Self::Numeric(0)
                | Self::NumericUpTo(0)
                | Self::Unconstrained,
                To::SmallInt | To::Integer | To::BigInt | To::Numeric { .. },
            ) => true,
            (
                Self::Numeric(scale) | Self::NumericUpTo(scale),
                To::Numeric {
                    scale: declared, ..
                },
            ) => *scale <= declared,
            (Self::Uuid | Self::Json | Self::JsonBinary, To::Text) => true,
            _ => self.declared() == Some(declared),
        }
    }

    pub(crate) fn is_integer(&self) -> bool {
        matches!(self, Self::SmallInt | Self::Integer | Self::BigInt)
    }

    pub(crate) fn is_number(&self) -> bool {
        self.is_integer() || self.is_numeric() || matches!(self, Self::Real | Self::Double)
    }

    pub(crate) fn is_numeric(&self) -> bool {
        self.scale().is_some() || *self == Self::Unconstrained
    }

    /// The most digits after the point that values of a numeric have; `None` if each has its own, or it is not a numeric.
    pub(crate) fn scale(&self) -> Option<u8> {
        match self {
            Self::Numeric(scale) | Self::NumericUpTo(scale) => Some(*scale),
            _ => None,
        }
    }

    /// `text` and `varchar`, which are the same for all but comparisons with `char(n)`.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::Varchar)
    }

    /// Whether values of the type have a collation.
    pub(crate) fn is_collatable(&self) -> bool {
        matches!(
            self,
            Self::Text | Self::Varchar | Self::Char | Self::Name | Self::Unknown | Self::Any
        )
    }

    /// Whether Postgres can tell its values apart, group and join by them, and so can we.
    pub(crate) fn has_equality(&self) -> bool {
        !matches!(
            self,
            Self::Json | Self::JsonBinary | Self::Opaque | Self::Name
        )
    }

    /// Whether values of the type are ordered by the values themselves.
    pub(crate) fn has_order(&self) -> bool {
        self.has_equality() && !matches!(self, Self::Enum(_))
    }

    fn is_up_to(&self) -> bool {
        matches!(self, Self::NumericUpTo(_))
    }

    /// The type's place among the numbers, each of which is cast implicitly to those that follow.
    fn rank(&self) -> Option<u8> {
        Some(match self {
            Self::SmallInt => 0,
            Self::Integer => 1,
            Self::BigInt => 2,
            Self::Numeric(_) | Self::NumericUpTo(_) | Self::Unconstrained => 3,
            Self::Real => 4,
            Self::Double => 5,
            _ => return None,
        })
    }

    /// Whether Postgres casts it implicitly to another type (`pg_cast.castcontext = 'i'`).
    pub(crate) fn casts_to(&self, other: &Self) -> bool {
        match (self.rank(), other.rank()) {
            (Some(from), Some(to)) => from <= to,
            _ => {
                self == other
                    || matches!(
                        (self, other),
                        (Self::Any | Self::Unknown, _)
                            | (_, Self::Any)
                            | (Self::Varchar | Self::Char, Self::Text)
                            | (Self::Text, Self::Varchar)
                            | (Self::Date, Self::Timestamp | Self::TimestampTz)
                            | (Self::Timestamp, Self::TimestampTz)
                    )
            }
        }
    }

    /// The type that Postgres gives to UNION, CASE and the like of two types (`select_common_type`).
    pub(crate) fn common(&self, other: &Self) -> Option<Self> {
        Some(match (self, other) {
            (Self::Any, _) | (_, Self::Any) => Self::Any,
            (Self::Unknown, other) => other.clone(),
            (own, Self::Unknown) => own.clone(),
            (own, other) if own == other && own.is_numeric() => own.clone(),
            (own, other)
                if (own.is_numeric() || other.is_numeric())
                    && [own, other]
                        .iter()
                        .all(|of| of.is_numeric() || of.is_integer()) =>
            {
                // Integers have no digits after the point.
                let digits = |of: &Self| match of.is_integer() {
                    true => Some(0),
                    false => of.scale(),
                };
                match (digits(own), digits(other)) {
                    (Some(one), Some(more))
                        if one.max(more) == 0 && !own.is_up_to() && !other.is_up_to() =>
                    {
                        Self::Numeric(0)
                    }
                    (Some(one), Some(more)) => Self::NumericUpTo(one.max(more)),
                    _ => Self::Unconstrained,
                }
            }
            // Its length is not known, and so neither is its padding.
            (Self::Char, _) | (_, Self::Char) => return None,
            (own, other) if own == other => own.clone(),
            // Each is cast to the other: the first stays.
            (own, other) if own.is_text() && other.is_text() => own.clone(),
            (own, other) if own.casts_to(other) => other.clone(),
            (own, other) if other.casts_to(own) => own.clone(),
            _ => return None,
        })
    }

    /// The name that the column of a cast bears in Postgres.
    pub(crate) fn internal_name(&self) -> &'static str {
        match self {
            Self::Boolean => "bool",
            Self::SmallInt => "int2",
            Self::Integer => "int4",
            Self::BigInt => "int8",
            Self::Numeric(_) | Self::NumericUpTo(_) | Self::Unconstrained => "numeric",
            Self::Real => "float4",
            Self::Double => "float8",
            Self::Varchar => "varchar",
            Self::Char => "bpchar",
            Self::Name => "name",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Uuid => "uuid",
            Self::Bytes => "bytea",
            Self::Json => "json",
            Self::JsonBinary => "jsonb",
            _ => "text",
        }
    }
}

impl fmt::Display for Type {
    /// Writes the type as Postgres does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::SmallInt => "smallint",
            Self::Integer => "integer",
            Self::BigInt => "bigint",
            Self::Numeric(_) | Self::NumericUpTo(_) | Self::Unconstrained => "numeric",
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Text => "text",
            Self::Varchar => "varchar",
            Self::Char => "char(n)",
            Self::Name => "name",
            Self::Enum(of) => &of.name,
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Uuid => "uuid",
            Self::Bytes => "bytea",
            Self::Json => "json",
            Self::JsonBinary => "jsonb",
            Self::Opaque => {
                "a type that is carried as its text (a model can only give it as it is, and ask whether it is NULL)"
            }
            Self::Unknown => "unknown",
            Self::Any => "any type",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cast_to_those_that_follow_and_no_further() {
        let numbers = [
            Type::SmallInt,
            Type::Integer,
            Type::BigInt,
            Type::Numeric(2),
            Type::Real,
            Type::Double,
        ];
        for (from, one) in numbers.iter().enumerate() {
            for (to, other) in numbers.iter().enumerate() {
                assert_eq!(one.casts_to(other), from <= to, "{one} to {other}");
                let common = one.common(other).expect("numbers");
                let expected = match &numbers[from.max(to)] {
                    Type::Numeric(scale) if from != to => Type::NumericUpTo(*scale),
                    kind => kind.clone(),
                };
                assert_eq!(common, expected, "{one} and {other}");
            }
        }
        assert_eq!(Type::Text.common(&Type::Integer), None);
        assert_eq!(Type::Date.common(&Type::Timestamp), Some(Type::Timestamp));
        let zoned = Type::Timestamp.common(&Type::TimestampTz);
        assert_eq!(zoned, Some(Type::TimestampTz));
    }
}
