//! What expressions and SELECTs are made of: constants, functions, operators, and the collations of what they give.

use std::sync::Arc;

use dataset::Collation;

/// A line and column of the SQL; 0 where it isn't known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    /// A value of any type that is held as an integer.
    Integer(i64),
    /// At the scale of its type.
    Numeric(i128),
    Real(f32),
    Double(f64),
    Text(String),
    /// Days since 1970.
    Date(i32),
}

/// A span of time, in the parts that Postgres keeps apart: a month has no fixed number of days, nor a day of hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) microseconds: i64,
}

/// What is computed from arguments whose types, and so the meaning, are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Negate,
    Absolute,
    Sign,
    /// To the digits that the second argument, a constant, says, or to none.
    Round,
    Truncate,
    Ceiling,
    Floor,
    Compare(Comparison),
    /// `IS [NOT] DISTINCT FROM`
    Distinct,
    NotDistinct,
    Not,
    IsNull,
    IsNotNull,
    IsTrue,
    IsNotTrue,
    IsFalse,
    IsNotFalse,
    /// To the type of the expression.
    Cast,
    /// The cast to `numeric(precision,scale)`: so many digits before the point and no more.
    CastNumeric(u8),
    Greatest,
    Least,
    /// `||`
    Concatenate,
    Concat,
    ConcatWs,
    Length,
    Upper,
    Lower,
    /// The first so many characters: the cast to `varchar(n)`.
    Cut(u32),
    TrimBoth,
    TrimLeft,
    TrimRight,
    Substring,
    Left,
    Right,
    Replace,
    /// `STRPOS`
    Position,
    StartsWith,
    Like,
    Initcap,
    Reverse,
    Repeat,
    /// `LPAD`
    PadLeft,
    /// `RPAD`
    PadRight,
    SplitPart,
    Translate,
    Extract(Field),
    /// `DATE_PART`
    DatePart(Field),
    /// `TO_CHAR` of a timestamp
    ToChar,
    /// `DATE_TRUNC`
    TruncateTime(Field),
    /// The timestamp that lies an interval further.
    Move(Interval),
    /// Not known for want of a database.
    Untyped,
    /// Not known to give what Postgres gives: such a model is refused.
    Unequal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// Whether the comparison asks for the order of values, and not just whether they are equal.
    pub(crate) fn is_of_order(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}

/// A part of a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Year,
    IsoYear,
    Quarter,
    Month,
    Week,
    Day,
    /// Sunday is 0.
    DayOfWeek,
    /// Monday is 1.
    IsoDayOfWeek,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Epoch,
}

/// The collation of an expression, derived from its parts by Postgres's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Derived {
    /// The database's collation, of what has none of its own.
    None,
    /// The collation of a column.
    Implicit(Arc<Collation>),
    /// The collation that COLLATE names.
    Explicit(Arc<Collation>),
    /// No collation: columns contradict each other.
    Conflict,
}

impl Derived {
    /// The collation of an expression of two parts; `None` if COLLATE names two.
    pub(crate) fn with(&self, other: &Self) -> Option<Self> {
        let is_default = |of: &Collation| of.name == Collation::DEFAULT;
        Some(match (self, other) {
            (Self::Explicit(own), Self::Explicit(of)) if own != of => return None,
            (Self::Explicit(own), _) => Self::Explicit(own.clone()),
            (_, Self::Explicit(of)) => Self::Explicit(of.clone()),
            (Self::Conflict, _) | (_, Self::Conflict) => Self::Conflict,
            (Self::None, other) => other.clone(),
            (own, Self::None) => own.clone(),
            (Self::Implicit(own), Self::Implicit(of)) if own == of || is_default(of) => {
                Self::Implicit(own.clone())
            }
            (Self::Implicit(own), Self::Implicit(of)) if is_default(own) => {
                Self::Implicit(of.clone())
            }
            _ => Self::Conflict,
        })
    }

    /// The collation of a column that a SELECT gives, to those who read it.
    pub(crate) fn of_column(self) -> Self {
        match self {
            Self::Explicit(of) => Self::Implicit(of),
            other => other,
        }
    }
}

/// How two SELECTs become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetOperation {
    Union,
    Intersect,
    Except,
}

/// What one value for a group is computed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateFunction {
    Count,
    Sum,
    Min,
    Max,
    Mean,
    All,
    Any,
}

/// What a value for each row of a partition is computed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowFunction {
    RowNumber,
    Rank,
    DenseRank,
    /// The part that a row is in, where a partition is cut into so many.
    Tile(i64),
    /// The value so many rows before, or after where that is negative.
    Lag(i64),
    First,
    Last,
    /// The value of the row at this place of the frame, counted from 1.
    Nth(i64),
    PercentRank,
    CumeDist,
    Aggregate(AggregateFunction),
}

/// Which rows of its partition a row sees. Neither end moves back from one row to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) unit: FrameUnit,
    pub(crate) start: Bound,
    pub(crate) end: Bound,
}

/// What the bounds of a frame are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameUnit {
    Rows,
    /// Rows that the order doesn't tell apart.
    Peers,
}

/// Where a frame begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// At the partition's own begin or end.
    Unbounded,
    /// With what is so many units behind the row's own; before it where this is negative.
    At(i64),
}

impl Frame {
    /// A row sees its whole partition.
    pub(crate) const WHOLE: Self = Self {
        unit: FrameUnit::Rows,
        start: Bound::Unbounded,
        end: Bound::Unbounded,
    };
    /// A row sees those before it, itself and its peers: what Postgres takes where there is an ORDER BY.
    pub(crate) const TO_PEERS: Self = Self {
        unit: FrameUnit::Peers,
        start: Bound::Unbounded,
        end: Bound::At(0),
    };
}
