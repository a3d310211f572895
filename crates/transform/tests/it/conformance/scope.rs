//! What an expression may name at its place, and the generator that all parts of a query share.

use super::choices::Choices;
use super::kinds::{Kind, Wanted};
use super::relations::Relation;
use super::schema::Use;

/// An expression and its type.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    /// The expression's SQL, without parentheses around it.
    pub(super) sql: String,
    pub(super) kind: Kind,
    pub(super) form: Form,
}

/// The outer form of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A name, a call, a cast, or an expression in parentheses.
    Closed,
    /// Operators, whose operands adjacent operators might take.
    Open,
    /// A constant without the name of a type.
    Literal,
}

impl Typed {
    pub(super) fn closed(sql: impl Into<String>, kind: Kind) -> Self {
        Self {
            sql: sql.into(),
            kind,
            form: Form::Closed,
        }
    }

    pub(super) fn open(sql: impl Into<String>, kind: Kind) -> Self {
        Self {
            sql: sql.into(),
            kind,
            form: Form::Open,
        }
    }

    pub(super) fn literal(sql: impl Into<String>, kind: Kind) -> Self {
        Self {
            sql: sql.into(),
            kind,
            form: Form::Literal,
        }
    }

    /// The expression's SQL for use as an operand anywhere.
    pub(super) fn operand(&self) -> String {
        match self.form == Form::Open || self.sql.starts_with('-') {
            true => format!("({})", self.sql),
            false => self.sql.clone(),
        }
    }

    /// The expression's SQL for places where a constant would have no type, or would be taken for a position.
    pub(super) fn typed(&self) -> String {
        match self.form {
            Form::Literal => format!("CAST({} AS {})", self.sql, self.kind.sql()),
            _ => self.sql.clone(),
        }
    }
}

/// A column, or what stands for it in a group.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// The SQL of the column, which needs no parentheses.
    pub(super) sql: String,
    /// The SQL of the column in a subquery; `None` if it cannot be named there.
    pub(super) from_within: Option<String>,
    pub(super) kind: Kind,
    pub(super) usage: Use,
    /// Whether the column belongs to this query, not to one around it.
    pub(super) own: bool,
    /// The name that the column gives to an output column.
    pub(super) name: Option<String>,
}

/// The names that an expression may use at its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) leaves: Vec<Leaf>,
    /// The columns that aggregates may use; `None` where there can be no aggregates.
    pub(super) rows: Option<Vec<Leaf>>,
    /// Expressions in which no two different rows are equal.
    pub(super) ties: Vec<String>,
    /// Whether no two rows are equal in all of these expressions.
    pub(super) is_keyed: bool,
    /// Whether window functions are allowed.
    pub(super) windows: bool,
    /// Whether subqueries are allowed.
    pub(super) subqueries: bool,
}

impl Scope {
    /// The columns that a subquery here may name.
    pub(super) fn for_subquery(&self) -> Vec<Leaf> {
        let named = self.leaves.iter().filter_map(|leaf| {
            let sql = leaf.from_within.clone()?;
            Some(Leaf {
                sql,
                own: false,
                name: None,
                ..leaf.clone()
            })
        });
        named.collect()
    }

    /// This scope without window functions.
    pub(super) fn within_window(&self) -> Self {
        Self {
            windows: false,
            ..self.clone()
        }
    }

    /// The scope of an aggregate's argument.
    pub(super) fn within_aggregate(&self) -> Self {
        let rows = self.rows.iter().flatten().filter(|leaf| leaf.own);
        Self {
            leaves: rows.cloned().collect(),
            ..Self::default()
        }
    }

    /// This scope without columns whose sums overflow.
    pub(super) fn without_extremes(mut self) -> Self {
        self.leaves.retain(|leaf| leaf.usage != Use::Extremes);
        self
    }

    /// This scope without subqueries.
    pub(super) fn without_subqueries(mut self) -> Self {
        self.subqueries = false;
        self
    }
}

/// Makes a query from choices.
pub(super) struct Generator<'a> {
    pub(super) choices: Choices<'a>,
    /// Whether SQL that is certainly refused is allowed.
    pub(super) exotic: bool,
    /// The relations that WITH has defined, the innermost last.
    pub(super) ctes: Vec<Relation>,
    /// The names of relations in the whole statement.
    pub(super) aliases: Vec<String>,
    /// How many names were made for columns of subqueries.
    pub(super) columns_named: usize,
    /// How many subqueries are around the current place.
    pub(super) nesting: usize,
    /// Whether an order has told apart rows that are equal in all columns. SQL leaves open whether a second order does it the same
    /// way.
    pub(super) told_apart: bool,
}

impl Generator<'_> {
    /// Makes a column of this type, or a constant if there is none.
    pub(super) fn leaf(&mut self, wanted: Wanted, scope: &Scope) -> Typed {
        self.column(wanted, scope)
            .unwrap_or_else(|| match (wanted, &scope.rows) {
                (Wanted::Int | Wanted::Exact | Wanted::Number, Some(_)) => {
                    Typed::closed("COUNT(*)", Kind::Int8)
                }
                _ => self.literal(wanted),
            })
    }

    /// Makes a column of this type, if there is one.
    pub(super) fn column(&mut self, wanted: Wanted, scope: &Scope) -> Option<Typed> {
        let extremes = self.choices.chance(6);
        let fitting = scope
            .leaves
            .iter()
            .filter(|leaf| wanted.takes(leaf.kind) && (extremes || leaf.usage != Use::Extremes));
        let fitting: Vec<&Leaf> = fitting.collect();
        if fitting.is_empty() {
            return None;
        }
        let leaf = fitting[self.choices.below(fitting.len())];
        Some(Typed::closed(leaf.sql.clone(), leaf.kind))
    }

    /// Makes NOT with a space after it, or nothing.
    pub(super) fn not(&mut self) -> &'static str {
        match self.choices.chance(40) {
            true => "NOT ",
            false => "",
        }
    }
}
