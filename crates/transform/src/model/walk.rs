//! Walks over a piece of SQL.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, Query, Visit, Visitor};

/// A part of the SQL that a walk meets.
pub(crate) enum Part<'a> {
    /// The beginning of a query: a SELECT with the clauses around it.
    Query(&'a Query),
    /// The end of a query.
    QueryEnd,
    /// A name in a FROM.
    Relation(&'a ObjectName),
    /// An expression; it comes before the expressions in it.
    Expr(&'a Expr),
}

/// Walks over a piece of SQL until `each` breaks.
pub(crate) fn walk(
    piece: &impl Visit,
    mut each: impl FnMut(Part<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    piece.visit(&mut Walker(&mut each))
}

/// The only visitor. sqlparser's `visit_expressions` and similar functions would generate code for a walk over the whole tree, some
/// 500 kB, for each closure.
struct Walker<'a>(&'a mut dyn FnMut(Part<'_>) -> ControlFlow<()>);

impl Visitor for Walker<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        (self.0)(Part::Query(query))
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        (self.0)(Part::QueryEnd)
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        (self.0)(Part::Relation(relation))
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        (self.0)(Part::Expr(expr))
    }
}
