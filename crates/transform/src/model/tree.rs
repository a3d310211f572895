//! A SELECT, resolved: what is computed from which columns of which tables, every name found and every type known.
//! Columns have no names in it, but places in the rows of what they are read from.

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
    /// The columns that it gives.
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

/// A value for each row.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) node: Node,
    pub(crate) kind: Type,
    pub(crate) collation: Derived,
    /// Where it stands in the SQL.
    pub(crate) at: Place,
}

/// How a value is computed.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// A column of the input, by its place.
    Column(usize),
    /// Only while a sub-select is resolved: a column of the row around it.
    Outer(usize),
    Constant(Value),
    Call(Function, Vec<Scalar>),
    /// Whether all of these are true, by three-valued logic; what follows one that is false is not computed.
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
    /// What a SELECT that is asked for each row anew says of the row.
    Correlated(Box<Correlated>),
    /// Only while a SELECT is resolved: its relation gets a column for each.
    Aggregate(Box<Aggregate>),
    Window(Box<Window>),
}

/// A SELECT that is asked for each row: which of its rows belong to it, and what is asked of these.
#[derive(Debug, Clone)]
pub(crate) struct Correlated {
    /// Of the row; what the first columns of the relation must be equal to.
    pub(crate) keys: Vec<Scalar>,
    /// The rows for all rows there are, computed once.
    pub(crate) relation: Arc<Relation>,
    pub(crate) asked: Asked,
}

/// What is asked of the rows that belong to a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    /// Whether there is one.
    Exists,
    /// Whether there is one that keeps a condition over these values of the row, and then the columns of the relation.
    ExistsWhere(Vec<Scalar>, Box<Scalar>),
    /// The column behind the keys of the only one; this constant expression where there is none.
    Value(Box<Scalar>),
}

/// Rows, and how they come about.
#[derive(Debug, Clone)]
pub(crate) enum Relation {
    /// One row without columns: that of a SELECT without FROM.
    One,
    /// Rows of expressions of nothing else.
    Values(Vec<Vec<Scalar>>),
    /// Columns of a table.
    Table {
        name: String,
        columns: Vec<String>,
    },
    /// What WITH names, computed once.
    Shared(Arc<Relation>),
    Filter {
        input: Box<Relation>,
        condition: Scalar,
    },
    Project {
        input: Box<Relation>,
        columns: Vec<Scalar>,
    },
    /// The columns of the input in another order: by their places.
    Reordered {
        input: Box<Relation>,
        places: Vec<usize>,
    },
    Join(Box<Join>),
    /// The keys, then the aggregates. Without keys it is one row, even of none.
    Aggregate {
        input: Box<Relation>,
        keys: Vec<Scalar>,
        aggregates: Vec<Aggregate>,
    },
    /// The columns of the input, then the windows'.
    Window {
        input: Box<Relation>,
        windows: Vec<Window>,
    },
    /// No two equal rows.
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

/// A join: the columns of the left side, then those of the right.
#[derive(Debug, Clone)]
pub(crate) struct Join {
    pub(crate) left: Relation,
    pub(crate) right: Relation,
    /// Rows of this side stay without a partner.
    pub(crate) keeps_left: bool,
    pub(crate) keeps_right: bool,
    /// What must be equal: of the left side, and of the right (in places of its own).
    pub(crate) equal: Vec<(Scalar, Scalar)>,
    /// What else must be true, of both sides.
    pub(crate) condition: Option<Scalar>,
}

/// One value for each group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Aggregate {
    pub(crate) function: AggregateFunction,
    /// What is aggregated; nothing for `COUNT(*)`.
    pub(crate) argument: Option<Scalar>,
    pub(crate) distinct: bool,
    pub(crate) filter: Option<Scalar>,
    pub(crate) kind: Type,
}

/// One value for each row, computed from the rows of its partition.
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

/// What rows are ordered by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SortKey {
    pub(crate) value: Scalar,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

impl Window {
    /// The parts that it is computed from.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &Scalar> {
        let order = self.order.iter().map(|key| &key.value);
        let arguments = self.argument.iter().chain(&self.otherwise);
        arguments
            .chain(&self.filter)
            .chain(&self.partition)
            .chain(order)
    }

    /// This window with its parts changed.
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
    /// How many columns it has.
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
