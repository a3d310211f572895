//! Models that run as a whole: a resolved SELECT over whole tables.

use std::collections::HashMap;

use anyhow::Context;
use database::Cancel;
use dataset::Model;
use dataset::failure::Kind;
use polars::prelude::{Column, DataFrame};

use super::relation::Engine;
use super::tables::Tables;
use crate::model::tree::Resolved;

/// Runs a model's SELECT over the tables and gives its columns the declared types. No part of it may take more than
/// `limit_bytes` of memory.
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
    let mut columns = Vec::with_capacity(model.columns.len());
    for ((array, given), (name, declared)) in rows
        .all()?
        .into_iter()
        .zip(&resolved.columns)
        .zip(&model.columns)
    {
        let series = array.declared(&given.kind, *declared).ok_or_else(|| {
            Kind::Mismatch.error(format!(
                "dataset.toml, model `{}`: column `{name}` is declared {declared}, but a value that {} gives is not that \
                 without a loss: declare it wider",
                model.name, model.file
            ))
        })?;
        columns.push(Column::from(series.with_name(name.as_str().into())));
    }
    DataFrame::new(rows.height, columns).context("the columns of the output")
}
