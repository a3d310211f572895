//! What an expression may name where it stands, and the generator that all parts of a query share.

use super::choices::Choices;
use super::kinds::{Kind, Wanted};
use super::relations::Relation;
use super::schema::Use;

/// An expression and its type.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    /// Its text, without parentheses around it.
    pub(super) sql: String,
    pub(super) kind: Kind,
    pub(super) form: Form,
}

/// What an expression looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A name, a call, a cast, or something within parentheses.
    Closed,
    /// Operators whose operands the neighbours might take.
    Open,
    /// A constant without a type's name.
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

    /// Its text as an operand of anything.
    pub(super) fn operand(&self) -> String {
        match self.form == Form::Open || self.sql.starts_with('-') {
            true => format!("({})", self.sql),
            false => self.sql.clone(),
        }
    }

    /// Its text where a constant would have no type, or be taken for a position.
    pub(super) fn typed(&self) -> String {
        match self.form {
            Form::Literal => format!("CAST({} AS {})", self.sql, self.kind.sql()),
            _ => self.sql.clone(),
        }
    }
}

/// A column, or what a group has in its place.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    /// Its text, which needs no parentheses.
    pub(super) sql: String,
    /// Its text within a subquery; `None` if it cannot be named there.
    pub(super) from_within: Option<String>,
    pub(super) kind: Kind,
    pub(super) usage: Use,
    /// Whether it belongs to this query, not to one around it.
    pub(super) own: bool,
    /// The name of a column that an output may bear.
    pub(super) name: Option<String>,
}

/// What an expression may name where it stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) leaves: Vec<Leaf>,
    /// What aggregates may take; `None` where there can be none.
    pub(super) rows: Option<Vec<Leaf>>,
    /// Expressions by which no two different rows are equal.
    pub(super) ties: Vec<String>,
    /// Whether no two rows are equal in all of them.
    pub(super) is_keyed: bool,
    /// Whether there may be windows.
    pub(super) windows: bool,
    /// Whether there may be subqueries.
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

    /// The same without windows.
    pub(super) fn within_window(&self) -> Self {
        Self {
            windows: false,
            ..self.clone()
        }
    }

    /// What the argument of an aggregate may name.
    pub(super) fn within_aggregate(&self) -> Self {
        let rows = self.rows.iter().flatten().filter(|leaf| leaf.own);
        Self {
            leaves: rows.cloned().collect(),
            ..Self::default()
        }
    }

    /// The same without columns of which sums overflow.
    pub(super) fn without_extremes(mut self) -> Self {
        self.leaves.retain(|leaf| leaf.usage != Use::Extremes);
        self
    }

    /// The same without subqueries.
    pub(super) fn without_subqueries(mut self) -> Self {
        self.subqueries = false;
        self
    }
}

/// What makes a query out of choices.
pub(super) struct Generator<'a> {
    pub(super) choices: Choices<'a>,
    /// Whether there may be what we shall certainly refuse.
    pub(super) exotic: bool,
    /// What WITH has named, the innermost last.
    pub(super) ctes: Vec<Relation>,
    /// The names that relations bear, in the whole statement.
    pub(super) aliases: Vec<String>,
    /// How many names were made for columns of subqueries.
    pub(super) columns_named: usize,
    /// How many subqueries are around.
    pub(super) nesting: usize,
    /// Whether rows that are equal in all columns were told apart by an order. SQL leaves open how two orders do so.
    pub(super) told_apart: bool,
}

impl Generator<'_> {
    /// A column of this type, or a constant if there is none.
    pub(super) fn leaf(&mut self, wanted: Wanted, scope: &Scope) -> Typed {
        self.column(wanted, scope)
            .unwrap_or_else(|| match (wanted, &scope.rows) {
                (Wanted::Int | Wanted::Exact | Wanted::Number, Some(_)) => {
                    Typed::closed("COUNT(*)", Kind::Int8)
                }
                _ => self.literal(wanted),
            })
    }

    /// A column of this type, if there is one.
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

    /// NOT, at times, with a space behind it.
    pub(super) fn not(&mut self) -> &'static str {
        match self.choices.chance(40) {
            true => "NOT ",
            false => "",
        }
    }
}
