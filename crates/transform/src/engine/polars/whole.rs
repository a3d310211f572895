//! Runs models as a whole: a resolved SELECT over whole tables.

use std::collections::HashMap;

use anyhow::Context;
use database::Cancel;
use dataset::Model;
use dataset::failure::Kind;
use polars::prelude::{Column, DataFrame};

use super::array::Array;
use super::relation::Engine;
use super::tables::Tables;
use crate::model::tree::Resolved;
use crate::model::types::Type;

/// Runs a model's SELECT over the tables and gives its columns the declared types. No part of the run may take more than
/// `limit_bytes` bytes of memory.
pub(super) fn run(
    model: &Model,
    resolved: &Resolved,
    tables: &Tables,
    limit_bytes: u64,
    cancel: &Cancel,
) -> anyhow::Result<DataFrame> {
    let mut engine = Engine {
        model,
        tables,
        limit_bytes,
        cancel,
        computed: HashMap::new(),
    };
    let rows = engine.whole(&resolved.relation)?;
    let kinds = resolved.columns.iter().map(|column| &column.kind);
    as_declared(model, rows.height, rows.all()?.into_iter().zip(kinds))
}

/// Gives the columns that Postgres computed the types that the model declares.
///
/// # Errors
/// [`Kind::Mismatch`] if a value is not what the dataset declares.
pub(in crate::engine) fn of_postgres(
    model: &Model,
    frame: &DataFrame,
    kinds: &[Type],
) -> anyhow::Result<DataFrame> {
    let arrays = frame.columns().iter();
    let arrays = arrays.map(|column| Array::of(column.as_materialized_series()));
    let arrays: Vec<_> = arrays.collect::<anyhow::Result<_>>()?;
    as_declared(model, frame.height(), arrays.iter().zip(kinds))
}

fn as_declared<'a>(
    model: &Model,
    height: usize,
    given: impl Iterator<Item = (&'a Array, &'a Type)>,
) -> anyhow::Result<DataFrame> {
    let mut columns = Vec::with_capacity(model.columns.len());
    for ((array, given), (name, declared)) in given.zip(&model.columns) {
        let series = array.declared(given, *declared).ok_or_else(|| {
            Kind::Mismatch.error(format!(
                "{}: column `{name}` is declared {declared}, but {} gives a value that does not fit it without a \
                 loss: declare it wider",
                model.entry(),
                model.file
            ))
        })?;
        columns.push(Column::from(series.with_name(name.as_str().into())));
    }
    DataFrame::new(height, columns).context("the columns of the output")
}
