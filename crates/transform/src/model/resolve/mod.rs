//! Resolves a SELECT's names and types as Postgres does. Anything not on the list is refused.
//!
//! [`query`] resolves WITH, set operations, ORDER BY and LIMIT, [`select`] the clauses of one SELECT, [`from`] its joins.
//! Expressions are resolved by [`scalar`], [`membership`], [`correlated`], [`like`], [`call`], [`interval`], [`time`],
//! [`aggregate`] and [`window`]. [`coerce`] and [`cast`] give them types, [`numerics`] gives numerics their digits after the point,
//! and [`grouping`] separates what is computed before and after rows are grouped.

mod aggregate;
mod arguments;
mod around;
mod call;
mod cast;
mod coerce;
mod correlated;
mod from;
mod grouping;
mod interval;
mod like;
mod membership;
mod names;
mod numerics;
mod query;
mod resolver;
mod scalar;
mod scope;
mod select;
mod time;
mod window;

use std::sync::Arc;

use sqlparser::ast::Query;

use super::catalog::Catalog;
use super::refusal::Result;
use super::tree::Resolved;
use resolver::Resolver;

pub(crate) use query::count;
pub(crate) use resolver::Shared;

/// Resolves a query over the tables of a catalogue, and over models, whose names work as if WITH defined them. Table names without
/// a schema are of `schema`.
///
/// # Errors
/// The first construct that Postgres would not accept, or that isn't known to give the same.
pub(crate) fn resolve(
    query: &Query,
    schema: &str,
    models: Vec<Shared>,
    catalog: &Catalog,
) -> Result<Resolved> {
    let mut resolver = Resolver {
        catalog,
        schema,
        shared: models,
        outer: Vec::new(),
        depth: 0,
    };
    let mut resolved = resolver.query(query)?;
    resolver.settle(&mut resolved);
    Ok(resolved)
}

/// Resolves a model that other models name.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn shared(
    name: &str,
    query: &Query,
    schema: &str,
    models: Vec<Shared>,
    catalog: &Catalog,
) -> Result<Shared> {
    let resolved = resolve(query, schema, models, catalog)?;
    Ok(Shared {
        name: name.to_owned(),
        relation: Arc::new(resolved.relation),
        columns: resolved.columns,
        is_open: resolved.is_open,
    })
}
