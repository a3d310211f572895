//! The types of expressions in Postgres that a model may use, and the implicit casts among them.

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
    /// A `numeric` whose values Postgres all shows with this many digits after the point.
    Numeric(u8),
    /// A `numeric` whose values have at most this many digits after the point. It isn't known how many Postgres shows of each.
    NumericUpTo(u8),
    /// A `numeric` whose values each have their own number of digits after the point, such as a quotient.
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
    /// A type that is carried as text because the dataset says so. It can be selected, and tested for NULL.
    Opaque,
    /// A quoted literal or NULL, whose type its surroundings decide.
    Unknown,
    /// A type that isn't known because no database was asked.
    Any,
}

/// An enum of the database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EnumType {
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
}

/// How values are held in memory while a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    Boolean,
    /// Integers, times (in microseconds of the day) and timestamps (in microseconds since 1970).
    Integers,
    /// Numerics, at the scale of their type.
    Numerics,
    /// Numerics that each have their own scale.
    Decimals,
    Reals,
    Doubles,
    Text,
    /// Dates, in days since 1970.
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

    /// How values of the type are held. Without a type they are all NULL, and held as text.
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

    /// The declared type for an output column of this type; `None` if it isn't known.
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

    /// Whether each value of this type either can be written as the declared type or gives an error.
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

    /// How many digits after the point the values of a numeric have at most; `None` if each has its own, or for other types.
    pub(crate) fn scale(&self) -> Option<u8> {
        match self {
            Self::Numeric(scale) | Self::NumericUpTo(scale) => Some(*scale),
            _ => None,
        }
    }

    /// Whether this is `text` or `varchar`, which differ only in comparisons with `char(n)`.
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

    /// Whether values of the type can be compared for equality, grouped and joined by, both in Postgres and here.
    pub(crate) fn has_equality(&self) -> bool {
        !matches!(
            self,
            Self::Json | Self::JsonBinary | Self::Opaque | Self::Name
        )
    }

    /// Whether values of the type have an order here that is Postgres's.
    pub(crate) fn has_order(&self) -> bool {
        self.has_equality() && !matches!(self, Self::Enum(_))
    }

    fn is_up_to(&self) -> bool {
        matches!(self, Self::NumericUpTo(_))
    }

    /// The type's rank among the numbers: each is cast implicitly to those of higher rank.
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

    /// Whether Postgres casts this type implicitly to another (`pg_cast.castcontext = 'i'`).
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

    /// The common type that Postgres gives to two types in UNION, CASE and similar constructs (`select_common_type`).
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
                // An integer has no digits after the point.
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
            // The length of the result isn't known, and so neither is its padding.
            (Self::Char, _) | (_, Self::Char) => return None,
            (own, other) if own == other => own.clone(),
            // Each can be cast to the other, so the first type stays.
            (own, other) if own.is_text() && other.is_text() => own.clone(),
            (own, other) if own.casts_to(other) => other.clone(),
            (own, other) if other.casts_to(own) => own.clone(),
            _ => return None,
        })
    }

    /// The name that Postgres gives to the column of a cast to this type.
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
