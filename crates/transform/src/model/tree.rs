//! A resolved SELECT: a tree in which every table is found and every type is known. Columns have no names in it, but positions in
//! the rows that they are read from.

use std::sync::Arc;

pub(crate) use super::operations::{
    AggregateFunction, Bound, Comparison, Derived, Field, Frame, FrameUnit, Function, Interval,
    Place, SetOperation, Value, WindowFunction,
};
use super::types::Type;

/// A resolved SELECT.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    pub(crate) relation: Relation,
    /// The columns that the SELECT gives.
    pub(crate) columns: Vec<OutputColumn>,
    /// Whether there are more columns, which only the database knows.
    pub(crate) is_open: bool,
}

/// A column that a SELECT gives.
#[derive(Debug, Clone)]
pub(crate) struct OutputColumn {
    /// The column's name, as Postgres gives it.
    pub(crate) name: String,
    pub(crate) kind: Type,
    pub(crate) collation: Derived,
}

/// An expression, which gives a value for each row.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) node: Node,
    pub(crate) kind: Type,
    pub(crate) collation: Derived,
    /// The expression's place in the SQL.
    pub(crate) at: Place,
}

/// How a value is computed.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// A column of the input, by position.
    Column(usize),
    /// A column of the row around a sub-select. It only exists while the sub-select is resolved.
    Outer(usize),
    Constant(Value),
    Call(Function, Vec<Scalar>),
    /// AND of all these, by three-valued logic. Parts after one that is false are not computed.
    And(Vec<Scalar>),
    Or(Vec<Scalar>),
    /// CASE: the result of the first condition that is true, or else the last.
    Case(Vec<(Scalar, Scalar)>, Box<Scalar>),
    /// The first of these that isn't NULL.
    Coalesce(Vec<Scalar>),
    /// The value of a SELECT that gives at most one row.
    Query(Arc<Relation>),
    /// Whether a value is in the first column of a SELECT.
    In(Box<Scalar>, Arc<Relation>),
    /// The result for a row of a sub-select that depends on the row.
    Correlated(Box<Correlated>),
    /// An aggregate. It only exists while a SELECT is resolved; then it becomes a column of the relation.
    Aggregate(Box<Aggregate>),
    Window(Box<Window>),
}

/// A sub-select that depends on the row around it: which of its rows belong to the row, and what is asked of these.
#[derive(Debug, Clone)]
pub(crate) struct Correlated {
    /// Expressions of the row around, to which the first columns of the relation must be equal.
    pub(crate) keys: Vec<Scalar>,
    /// The sub-select's rows for all rows around, computed once.
    pub(crate) relation: Arc<Relation>,
    pub(crate) asked: Asked,
}

/// What is asked of the rows that belong to a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    /// Whether there is such a row.
    Exists,
    /// Whether there is such a row that meets a condition over these values of the row around, followed by the relation's columns.
    ExistsWhere(Vec<Scalar>, Box<Scalar>),
    /// The column after the keys of the only such row; this constant expression if there is none.
    Value(Box<Scalar>),
}

/// The rows of a SELECT or a part of it, and how they are computed.
#[derive(Debug, Clone)]
pub(crate) enum Relation {
    /// One row without columns, for a SELECT without FROM.
    One,
    /// Rows of VALUES, whose expressions use no columns.
    Values(Vec<Vec<Scalar>>),
    /// Columns of a table.
    Table {
        name: String,
        columns: Vec<String>,
    },
    /// A relation that WITH defines, computed once.
    Shared(Arc<Relation>),
    Filter {
        input: Box<Relation>,
        condition: Scalar,
    },
    Project {
        input: Box<Relation>,
        columns: Vec<Scalar>,
    },
    /// The columns of the input in another order, by position.
    Reordered {
        input: Box<Relation>,
        places: Vec<usize>,
    },
    Join(Box<Join>),
    /// Groups: the columns are the keys, followed by the aggregates. Without keys there is one row, even if the input has none.
    Aggregate {
        input: Box<Relation>,
        keys: Vec<Scalar>,
        aggregates: Vec<Aggregate>,
    },
    /// The columns of the input, followed by one for each window function.
    Window {
        input: Box<Relation>,
        windows: Vec<Window>,
    },
    /// The rows without duplicates.
    Distinct(Box<Relation>),
    Set {
        operation: SetOperation,
        all: bool,
        left: Box<Relation>,
        right: Box<Relation>,
    },
    Sort {
        input: Box<Relation>,
        keys: Vec<SortKey>,
    },
    Limit {
        input: Box<Relation>,
        limit: Option<u64>,
        offset: u64,
    },
}

/// A join: the columns of the left side, followed by those of the right.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) left: Relation,
    pub(crate) right: Relation,
    /// Whether rows of the left side are kept without a partner.
    pub(crate) keeps_left: bool,
    pub(crate) keeps_right: bool,
    /// Pairs that must be equal: an expression of the left side, and one of the right side in its own positions.
    pub(crate) equal: Vec<(Scalar, Scalar)>,
    /// A further condition over the columns of both sides.
    pub(crate) condition: Option<Scalar>,
}

/// An aggregate, which gives one value for each group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) function: AggregateFunction,
    /// The argument; `None` for `COUNT(*)`.
    pub(crate) argument: Option<Scalar>,
    pub(crate) distinct: bool,
    pub(crate) filter: Option<Scalar>,
    pub(crate) kind: Type,
}

/// A window function, which gives one value for each row, computed from the rows of its partition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub(crate) function: WindowFunction,
    pub(crate) argument: Option<Scalar>,
    /// The third argument of LAG and LEAD.
    pub(crate) otherwise: Option<Scalar>,
    pub(crate) filter: Option<Scalar>,
    pub(crate) partition: Vec<Scalar>,
    pub(crate) order: Vec<SortKey>,
    pub(crate) frame: Frame,
    pub(crate) kind: Type,
}

/// A key that rows are ordered by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortKey {
    pub(crate) value: Scalar,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

impl Window {
    /// The expressions that the window function uses.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Scalar> {
        let order = self.order.iter().map(|key| &key.value);
        let arguments = self.argument.iter().chain(&self.otherwise);
        arguments
            .chain(&self.filter)
            .chain(&self.partition)
            .chain(order)
    }

    /// The same window function with changed expressions.
    pub(crate) fn with_parts<E>(
        &self,
        change: &mut dyn FnMut(&Scalar) -> Result<Scalar, E>,
    ) -> Result<Self, E> {
        let mut order = Vec::with_capacity(self.order.len());
        let argument = self.argument.as_ref().map(&mut *change).transpose()?;
        let otherwise = self.otherwise.as_ref().map(&mut *change).transpose()?;
        let filter = self.filter.as_ref().map(&mut *change).transpose()?;
        let partition = self
            .partition
            .iter()
            .map(&mut *change)
            .collect::<Result<_, E>>()?;
        for key in &self.order {
            order.push(SortKey {
                value: change(&key.value)?,
                ..key.clone()
            });
        }
        Ok(Self {
            argument,
            otherwise,
            filter,
            partition,
            order,
            ..self.clone()
        })
    }
}

impl Relation {
    /// How many columns the relation has.
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::One => 0,
            Self::Values(rows) => rows.first().map_or(0, Vec::len),
            Self::Table { columns, .. } => columns.len(),
            Self::Shared(relation) => relation.width(),
            Self::Filter { input, .. } | Self::Sort { input, .. } | Self::Limit { input, .. } => {
                input.width()
            }
            Self::Distinct(input) => input.width(),
            Self::Project { columns, .. } => columns.len(),
            Self::Reordered { places, .. } => places.len(),
            Self::Join(join) => join.left.width() + join.right.width(),
            Self::Aggregate {
                keys, aggregates, ..
            } => keys.len() + aggregates.len(),
            Self::Window { input, windows } => input.width() + windows.len(),
            Self::Set { left, .. } => left.width(),
        }
    }
}
