//! The constants, functions and operators of expressions and SELECTs, and the collations of results.

use std::sync::Arc;

use dataset::Collation;

/// A line and column of the SQL; 0 if unknown.
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
    /// A numeric as an integer, at the scale of its type.
    Numeric(i128),
    Real(f32),
    Double(f64),
    Text(String),
    /// A date, as days since 1970.
    Date(i32),
}

/// An interval, in the parts that Postgres keeps apart: months differ in days, and days in hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Interval {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) microseconds: i64,
}

/// A function or operator whose argument types, and so its meaning, are known.
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
    /// Rounds to the digits that the second argument, a constant, says; without it, to none.
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
    /// A cast to the type of the expression.
    Cast,
    /// The cast to `numeric(precision,scale)`, with this many digits before the point at most.
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
    /// The first characters, up to this many, as in a cast to `varchar(n)`.
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
    /// The timestamp that is an interval later.
    Move(Interval),
    /// A function that only a database can tell.
    Untyped,
    /// A function that is not known to give what Postgres gives: the model is refused.
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
    /// Whether the comparison needs the order of values, and not only their equality.
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
    /// The day of the week, where Sunday is 0.
    DayOfWeek,
    /// The day of the week, where Monday is 1.
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
    /// No collation of its own: the database's applies.
    None,
    /// The collation of a column.
    Implicit(Arc<Collation>),
    /// The collation that COLLATE names.
    Explicit(Arc<Collation>),
    /// No collation, since columns contradict each other.
    Conflict,
}

impl Derived {
    /// The collation of an expression with two parts; `None` if COLLATE names two.
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

    /// The collation of a SELECT's column, for those who read it.
    pub(crate) fn of_column(self) -> Self {
        match self {
            Self::Explicit(of) => Self::Implicit(of),
            other => other,
        }
    }
}

/// The way in which two SELECTs are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetOperation {
    Union,
    Intersect,
    Except,
}

/// The function of an aggregate, which gives one value for a group.
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

/// A window function, which gives one value for each row of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowFunction {
    RowNumber,
    Rank,
    DenseRank,
    /// The number of the part that a row is in, if a partition is cut into this many.
    Tile(i64),
    /// The value this many rows before; after, if it is negative.
    Lag(i64),
    First,
    Last,
    /// The value of the row at this position of the frame, counted from 1.
    Nth(i64),
    PercentRank,
    CumeDist,
    Aggregate(AggregateFunction),
}

/// The rows of its partition that a row sees. From one row to the next, neither end moves back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) unit: FrameUnit,
    pub(crate) start: Bound,
    pub(crate) end: Bound,
}

/// The unit by which the bounds of a frame are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameUnit {
    Rows,
    /// Groups of rows that the order doesn't tell apart.
    Peers,
}

/// A bound of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The beginning or end of the partition.
    Unbounded,
    /// This many units after the row's own; before it, if negative.
    At(i64),
}

impl Frame {
    /// The frame in which a row sees its whole partition.
    pub(crate) const WHOLE: Self = Self {
        unit: FrameUnit::Rows,
        start: Bound::Unbounded,
        end: Bound::Unbounded,
    };
    /// The frame in which a row sees the rows before it, itself and its peers: Postgres's default if there is an ORDER BY.
    pub(crate) const TO_PEERS: Self = Self {
        unit: FrameUnit::Peers,
        start: Bound::Unbounded,
        end: Bound::At(0),
    };
}
