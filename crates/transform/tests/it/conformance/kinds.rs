//! The types of expressions, as far as the generator must know them to write SQL that Postgres accepts.

/// The type of an expression in Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Int2,
    Int4,
    Int8,
    Numeric,
    Real,
    Double,
    Bool,
    Text,
    Varchar,
    Char,
    Mood,
    Date,
    Timestamp,
    TimestampTz,
    Time,
    Uuid,
    Bytea,
    Jsonb,
}

/// The types that an expression may have at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// `smallint` or `integer`, as text functions take.
    Small,
    /// Any integer.
    Int,
    /// Any integer, or `numeric`.
    Exact,
    /// Any number.
    Number,
    Bool,
    /// `text`, `varchar` or `char`.
    Text,
    Mood,
    Date,
    Timestamp,
    TimestampTz,
    Time,
    Uuid,
    Bytea,
    Jsonb,
}

impl Kind {
    pub(super) fn is_integer(self) -> bool {
        self <= Self::Int8
    }

    pub(super) fn is_exact(self) -> bool {
        self <= Self::Numeric
    }

    pub(super) fn is_number(self) -> bool {
        self <= Self::Double
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Varchar | Self::Char)
    }

    /// The type of an arithmetic operation on numbers of two types.
    pub(super) fn arithmetic(self, other: Self) -> Self {
        match (self, other) {
            (Self::Real, Self::Real) => Self::Real,
            (a, b) if a.is_exact() && b.is_exact() => a.max(b),
            _ => Self::Double,
        }
    }

    /// The common type of two types in CASE, COALESCE or UNION.
    pub(super) fn common(self, other: Self) -> Self {
        match self.is_number() && other.is_number() {
            true => self.max(other),
            false if self.is_text() && other == Self::Text => other,
            false => self,
        }
    }

    /// The type to which this one is converted to be compared with another.
    pub(super) fn compared_with(self, other: Self) -> Self {
        match self {
            // Varchar has no `=` of its own.
            Self::Varchar => Self::Text,
            // Integers are compared without conversion, and so are floats.
            kind if kind.is_integer() && !other.is_integer() => kind.arithmetic(other),
            Self::Numeric => self.arithmetic(other),
            Self::Real if other.is_exact() => Self::Double,
            kind => kind,
        }
    }

    /// The type of SUM.
    pub(super) fn sum(self) -> Self {
        match self {
            Self::Int2 | Self::Int4 => Self::Int8,
            Self::Int8 => Self::Numeric,
            other => other,
        }
    }

    /// The type of ROUND, CEIL and similar functions with one argument; they don't exist for integers.
    pub(super) fn rounded(self) -> Self {
        match self {
            Self::Numeric => self,
            _ => Self::Double,
        }
    }

    /// The types that can be compared with this one.
    pub(super) fn peers(self) -> Wanted {
        match self {
            kind if kind.is_number() => Wanted::Number,
            Self::Text | Self::Varchar | Self::Char => Wanted::Text,
            Self::Mood => Wanted::Mood,
            Self::Date => Wanted::Date,
            Self::Timestamp => Wanted::Timestamp,
            Self::TimestampTz => Wanted::TimestampTz,
            Self::Time => Wanted::Time,
            Self::Uuid => Wanted::Uuid,
            Self::Bytea => Wanted::Bytea,
            Self::Jsonb => Wanted::Jsonb,
            _ => Wanted::Bool,
        }
    }

    /// The narrowest demand that the type meets.
    pub(super) fn wanted(self) -> Wanted {
        match self {
            Self::Int2 | Self::Int4 => Wanted::Small,
            Self::Int8 => Wanted::Int,
            Self::Numeric => Wanted::Exact,
            other => other.peers(),
        }
    }

    /// The type's name in SQL.
    pub(super) fn sql(self) -> &'static str {
        match self {
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Numeric => "numeric",
            Self::Real => "real",
            Self::Double => "double precision",
            Self::Bool => "boolean",
            Self::Text => "text",
            Self::Varchar => "varchar",
            Self::Char => "char(5)",
            Self::Mood => "mood",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Time => "time",
            Self::Uuid => "uuid",
            Self::Bytea => "bytea",
            Self::Jsonb => "jsonb",
        }
    }
}

impl Wanted {
    pub(super) fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Small => kind <= Kind::Int4,
            Self::Int => kind.is_integer(),
            Self::Exact => kind.is_exact(),
            Self::Number => kind.is_number(),
            Self::Text => kind.is_text(),
            other => kind.wanted() == other,
        }
    }

    /// Whether this demand is for a number.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Small | Self::Int | Self::Exact | Self::Number)
    }

    /// Whether Postgres 14 has MIN and MAX for these types.
    pub(super) fn has_least(self) -> bool {
        !matches!(self, Self::Bool | Self::Uuid | Self::Bytea | Self::Jsonb)
    }
}
