//! Expressions, resolved: a value for each row, computed from the columns of that row.

use std::convert::Infallible;
use std::sync::Arc;

use dataset::Collation;

use super::tree::{Aggregate, Relation, Window};
use super::types::Type;

/// A value for each row.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) node: Node,
    pub(crate) kind: Type,
    pub(crate) collation: Derived,
    /// Where it stands in the SQL.
    pub(crate) at: Place,
}

/// A line and column of the SQL; 0 where it isn't known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// Of the input.
    Column(usize),
    Constant(Value),
    Call(Function, Vec<Scalar>),
    /// All of these, by three-valued logic; what follows one that is false is not computed.
    And(Vec<Scalar>),
    Or(Vec<Scalar>),
    /// The result of the first condition that is true, or the last.
    Case(Vec<(Scalar, Scalar)>, Box<Scalar>),
    /// The first that isn't NULL.
    Coalesce(Vec<Scalar>),
    /// The only value of a SELECT that gives at most one row.
    Query(Arc<Relation>),
    /// Whether the first column of a SELECT has a value.
    In(Box<Scalar>, Arc<Relation>),
    /// Only while a SELECT is resolved: its relation gets a column for each.
    Aggregate(Box<Aggregate>),
    Window(Box<Window>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Boolean(bool),
    /// Of all that is held as integers.
    Integer(i64),
    /// At the scale of its type.
    Numeric(i128),
    Real(f32),
    Double(f64),
    Text(String),
    /// Days since 1970.
    Date(i32),
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
    Extract(Field),
    /// `DATE_TRUNC`
    TruncateTime(Field),
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
    /// Whether it asks for the order of values, and not just whether they are equal.
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
    /// Of what has none of its own: the database's.
    None,
    /// Of a column.
    Implicit(Arc<Collation>),
    /// That COLLATE names.
    Explicit(Arc<Collation>),
    /// Of columns that contradict each other.
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

impl Scalar {
    /// A column of the input.
    pub(crate) fn column(index: usize, kind: Type, collation: Derived) -> Self {
        Self {
            node: Node::Column(index),
            kind,
            collation,
            at: Place::default(),
        }
    }

    /// A constant.
    pub(crate) fn constant(value: Value, kind: Type) -> Self {
        Self {
            node: Node::Constant(value),
            kind,
            collation: Derived::None,
            at: Place::default(),
        }
    }

    /// A call whose collation is none.
    pub(crate) fn call(function: Function, arguments: Vec<Self>, kind: Type) -> Self {
        let at = arguments.first().map_or(Place::default(), |first| first.at);
        Self {
            node: Node::Call(function, arguments),
            kind,
            collation: Derived::None,
            at,
        }
    }

    pub(crate) fn at(self, at: Place) -> Self {
        Self { at, ..self }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.node, Node::Constant(Value::Null))
    }

    /// The parts that it is computed from, of the same rows.
    pub(crate) fn parts(&self) -> Vec<&Self> {
        match &self.node {
            Node::Column(_) | Node::Constant(_) | Node::Query(_) => Vec::new(),
            Node::Call(_, parts) | Node::And(parts) | Node::Or(parts) | Node::Coalesce(parts) => {
                parts.iter().collect()
            }
            Node::Case(branches, otherwise) => {
                let branches = branches.iter().flat_map(|(when, then)| [when, then]);
                branches.chain([&**otherwise]).collect()
            }
            Node::In(value, _) => vec![value],
            Node::Aggregate(of) => of.argument.iter().chain(&of.filter).collect(),
            Node::Window(of) => of.parts().collect(),
        }
    }

    /// This expression with its parts changed, in the order of [`Scalar::parts`].
    pub(crate) fn with_parts<E>(
        &self,
        change: &mut dyn FnMut(&Self) -> Result<Self, E>,
    ) -> Result<Self, E> {
        let mut all =
            |parts: &[Self]| -> Result<Vec<Self>, E> { parts.iter().map(&mut *change).collect() };
        let node = match &self.node {
            Node::Column(_) | Node::Constant(_) | Node::Query(_) => self.node.clone(),
            Node::Call(function, parts) => Node::Call(*function, all(parts)?),
            Node::And(parts) => Node::And(all(parts)?),
            Node::Or(parts) => Node::Or(all(parts)?),
            Node::Coalesce(parts) => Node::Coalesce(all(parts)?),
            Node::Case(branches, otherwise) => {
                let mut changed = Vec::with_capacity(branches.len());
                for (when, then) in branches {
                    changed.push((change(when)?, change(then)?));
                }
                Node::Case(changed, Box::new(change(otherwise)?))
            }
            Node::In(value, query) => Node::In(Box::new(change(value)?), query.clone()),
            Node::Aggregate(of) => Node::Aggregate(Box::new(Aggregate {
                argument: of.argument.as_ref().map(&mut *change).transpose()?,
                filter: of.filter.as_ref().map(&mut *change).transpose()?,
                ..(**of).clone()
            })),
            Node::Window(of) => Node::Window(Box::new(of.with_parts(change)?)),
        };
        Ok(Self {
            node,
            ..self.clone()
        })
    }

    /// Whether it, or a part of it, is so.
    pub(crate) fn has(&self, is: &dyn Fn(&Self) -> bool) -> bool {
        is(self) || self.parts().into_iter().any(|part| part.has(is))
    }

    /// Marks the columns of the input that it needs.
    pub(crate) fn needs(&self, needed: &mut [bool]) {
        match &self.node {
            Node::Column(index) => needed[*index] = true,
            _ => self.parts().into_iter().for_each(|part| part.needs(needed)),
        }
    }

    /// This expression where all columns of the input stand so many places further right.
    pub(crate) fn shifted(&self, places: usize) -> Self {
        self.moved(&|index| index + places)
    }

    /// This expression where all columns of the input stand so many places further left.
    pub(crate) fn moved_left(&self, places: usize) -> Self {
        self.moved(&|index| index - places)
    }

    fn moved(&self, place: &dyn Fn(usize) -> usize) -> Self {
        if let Node::Column(index) = self.node {
            return Self {
                node: Node::Column(place(index)),
                ..self.clone()
            };
        }
        let moved = self.with_parts(&mut |part| Ok::<_, Infallible>(part.moved(place)));
        match moved {
            Ok(moved) => moved,
            Err(never) => match never {},
        }
    }
}

impl PartialEq for Scalar {
    /// Whether both compute the same, wherever they stand.
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.collation == other.collation
            && match (&self.node, &other.node) {
                (Node::Column(own), Node::Column(of)) => own == of,
                (Node::Constant(own), Node::Constant(of)) => own == of,
                (Node::Call(own, parts), Node::Call(of, others)) => own == of && parts == others,
                (Node::And(parts), Node::And(others))
                | (Node::Or(parts), Node::Or(others))
                | (Node::Coalesce(parts), Node::Coalesce(others)) => parts == others,
                (Node::Case(own, otherwise), Node::Case(of, other)) => {
                    own == of && otherwise == other
                }
                (Node::Aggregate(own), Node::Aggregate(of)) => own == of,
                (Node::Window(own), Node::Window(of)) => own == of,
                (Node::Query(own), Node::Query(of)) => Arc::ptr_eq(own, of),
                (Node::In(own, query), Node::In(of, other)) => {
                    own == of && Arc::ptr_eq(query, other)
                }
                _ => false,
            }
    }
}
