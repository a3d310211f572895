//! A SELECT's names and types, found as Postgres finds them; whatever is on no list is refused.
//!
//! [`query`] reads WITH, set operations, ORDER BY and LIMIT, [`select`] the clauses of one SELECT, [`from`] its joins,
//! [`scalar`], [`membership`], [`call`], [`aggregate`] and [`window`] expressions; [`coerce`] and [`cast`] give them types, and [`grouping`] tells what is computed before and
//! after rows are grouped.

mod aggregate;
mod call;
mod cast;
mod coerce;
mod from;
mod grouping;
mod membership;
mod names;
mod query;
mod scalar;
mod scope;
mod select;
mod window;

use std::sync::Arc;

use sqlparser::ast::Query;

use super::catalog::Catalog;
use super::refusal::{Refusal, Result};
use super::tree::{OutputColumn, Relation, Resolved, Scalar};
use scope::Scope;

/// How deep expressions and SELECTs may be nested.
const DEEPEST: usize = 400;

/// Resolves a query over the tables of a catalogue.
///
/// # Errors
/// The first construct that Postgres would not accept, or that isn't known to be equal.
pub(crate) fn resolve(query: &Query, catalog: &Catalog) -> Result<Resolved> {
    let mut resolver = Resolver {
        catalog,
        shared: Vec::new(),
        outer: Vec::new(),
        depth: 0,
    };
    let mut resolved = resolver.query(query)?;
    resolver.settle(&mut resolved);
    Ok(resolved)
}

struct Resolver<'a> {
    catalog: &'a Catalog,
    /// What WITH names, the innermost last.
    shared: Vec<Shared>,
    /// The scopes around a sub-select.
    outer: Vec<Scope>,
    depth: usize,
}

/// What WITH names.
#[derive(Clone)]
struct Shared {
    name: String,
    relation: Arc<Relation>,
    columns: Vec<OutputColumn>,
    /// Its columns are not all known.
    is_open: bool,
}

/// What an expression may be made of where it stands.
#[derive(Clone, Copy)]
struct Context<'s> {
    scope: &'s Scope,
    /// What the clause is called.
    clause: &'static str,
    aggregates: bool,
    windows: bool,
}

impl<'s> Context<'s> {
    /// The context of a clause that can have no aggregates.
    fn plain(scope: &'s Scope, clause: &'static str) -> Self {
        Self {
            scope,
            clause,
            aggregates: false,
            windows: false,
        }
    }
}

impl Resolver<'_> {
    /// Goes one level deeper.
    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEEPEST {
            return Err(Refusal::at(
                super::tree::Place::default(),
                format!("it is nested more than {DEEPEST} deep"),
            ));
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    /// Gives columns of no type that of text, as Postgres does where a SELECT ends.
    fn settle(&self, resolved: &mut Resolved) {
        use super::types::Type;
        for column in &mut resolved.columns {
            if column.kind == Type::Unknown {
                column.kind = Type::Text;
            }
        }
    }
}

/// The columns of a relation as they are.
fn columns_of(columns: &[OutputColumn]) -> Vec<Scalar> {
    let column = |(at, column): (usize, &OutputColumn)| {
        Scalar::column(at, column.kind.clone(), column.collation.clone())
    };
    columns.iter().enumerate().map(column).collect()
}
