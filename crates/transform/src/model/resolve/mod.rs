//! A SELECT's names and types, found as Postgres finds them; whatever is on no list is refused.
//!
//! [`query`] reads WITH, set operations, ORDER BY and LIMIT, [`select`] the clauses of one SELECT, [`from`] its joins,
//! [`scalar`], [`membership`], [`correlated`], [`like`], [`call`], [`interval`], [`time`], [`aggregate`] and [`window`]
//! expressions; [`coerce`] and [`cast`] give them types, [`numerics`] digits after the point, and [`grouping`] tells what is
//! computed before and after rows are grouped.

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

/// Resolves a query over the tables of a catalogue, where names without a schema are of `schema`, and over models that it names
/// as if WITH named them.
///
/// # Errors
/// The first construct that Postgres would not accept, or that isn't known to be equal.
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

/// Resolves a model that others name.
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
