//! The state while a SELECT is resolved, and what its clauses allow.

use std::sync::Arc;

use dataset::Place;
use sqlparser::ast::Ident;

use super::super::catalog::Catalog;
use super::super::refusal::{Refusal, Result};
use super::super::tree::{self, OutputColumn, Relation, Resolved, Scalar};
use super::super::types::Type;
use super::around::Around;
use super::scope::Scope;
use crate::model::identifier::folded;

/// How deep expressions and SELECTs may be nested.
const DEEPEST: usize = 400;

/// Resolves a SELECT, with this state.
pub(super) struct Resolver<'a> {
    pub(super) catalog: &'a Catalog,
    /// The schema of names that are written without one.
    pub(super) schema: &'a str,
    /// The relations that WITH defines, the innermost last.
    pub(super) shared: Vec<Shared>,
    /// The queries around a sub-select, the innermost last.
    pub(super) outer: Vec<Around>,
    pub(super) depth: usize,
}

/// A relation that WITH defines, or another model.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(super) relation: Arc<Relation>,
    pub(super) columns: Vec<OutputColumn>,
    /// Whether it has columns that aren't known.
    pub(super) is_open: bool,
}

/// What an expression may use at its place.
#[derive(Clone, Copy)]
pub(super) struct Context<'s> {
    pub(super) scope: &'s Scope,
    /// The name of the clause, for messages.
    pub(super) clause: &'static str,
    pub(super) aggregates: bool,
    pub(super) windows: bool,
}

impl<'s> Context<'s> {
    /// The context of a clause that must not have aggregates.
    pub(super) fn plain(scope: &'s Scope, clause: &'static str) -> Self {
        Self {
            scope,
            clause,
            aggregates: false,
            windows: false,
        }
    }
}

impl Resolver<'_> {
    /// Runs something one level deeper, up to the limit.
    pub(super) fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == DEEPEST {
            return Err(Refusal::at(
                tree::Place::default(),
                format!("it is nested more than {DEEPEST} deep"),
            ));
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    /// The run's name for a table that is written with its schema.
    pub(super) fn place_called(&self, schema: &Ident, name: &Ident) -> String {
        let (schema, name) = (folded(schema), folded(name));
        Place { schema, name }.called(self.schema)
    }

    /// Makes columns without a type text, as Postgres does at the end of a SELECT.
    pub(super) fn settle(&self, resolved: &mut Resolved) {
        for column in &mut resolved.columns {
            if column.kind == Type::Unknown {
                column.kind = Type::Text;
            }
        }
    }
}

/// The columns of a relation, unchanged.
pub(super) fn columns_of(columns: &[OutputColumn]) -> Vec<Scalar> {
    let column = |(at, column): (usize, &OutputColumn)| {
        Scalar::column(at, column.kind.clone(), column.collation.clone())
    };
    columns.iter().enumerate().map(column).collect()
}
