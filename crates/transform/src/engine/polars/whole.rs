//! Models that run as a whole: a resolved SELECT over whole tables.

use std::collections::HashMap;

use anyhow::Context;
use database::Cancel;
use dataset::failure::Kind;
use dataset::{Driving, Model};
use polars::prelude::{Column, DataFrame, DataType, Expr, IntoLazy, JoinArgs, JoinType, col};

use super::Tables;
use super::relation::Engine;
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

/// The rows of the driving table that the model's output lacks: an anti-join on its key.
pub(super) fn left_out(
    driving: &Driving,
    table: &DataFrame,
    output_keys: &DataFrame,
) -> anyhow::Result<DataFrame> {
    let (mut table_key, mut output_key): (Vec<Expr>, Vec<Expr>) = Default::default();
    for (of_table, of_output) in &driving.key {
        let kinds = (
            table.column(of_table)?.dtype(),
            output_keys.column(of_output)?.dtype(),
        );
        let key = |name: &str| match kinds {
            // Polars cannot join by decimals without a feature that few need: by their text, then, of equal digits.
            (DataType::Decimal(_, one), DataType::Decimal(_, other)) => col(name)
                .cast(DataType::Decimal(
                    dataset::MAX_PRECISION.into(),
                    *one.max(other),
                ))
                .cast(DataType::String),
            _ => col(name),
        };
        table_key.push(key(of_table));
        output_key.push(key(of_output));
    }
    let keys_only = output_keys.clone().lazy();
    let mut arguments = JoinArgs::new(JoinType::Anti);
    arguments.nulls_equal = true;
    let mut kept: Vec<&String> = driving.key.keys().collect();
    kept.extend(
        driving
            .sums
            .keys()
            .filter(|sum| !driving.key.contains_key(*sum)),
    );
    let kept: Vec<Expr> = kept.into_iter().map(|name| col(name.as_str())).collect();
    let left_out = table
        .clone()
        .lazy()
        .select(kept)
        .join(keys_only, table_key, output_key, arguments);
    Ok(left_out.collect()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::df;

    #[test]
    fn what_is_left_out_is_found_by_key_also_where_the_key_is_null() {
        let table =
            df!("id" => [Some(1_i64), Some(2), None, Some(4)], "v" => [1_i64, 2, 3, 4]).unwrap();
        let output = df!("key" => [None, Some(1_i64), Some(1)]).unwrap();
        let driving = Driving {
            table: "t".to_owned(),
            key: [("id".to_owned(), "key".to_owned())].into(),
            sums: [("v".to_owned(), "v_out".to_owned())].into(),
        };
        let left = left_out(&driving, &table, &output).unwrap();
        assert_eq!(
            left,
            df!("id" => [Some(2_i64), Some(4)], "v" => [2_i64, 4]).unwrap()
        );
    }
}
