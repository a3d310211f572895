//! Models over frames, in memory. No files, no database, no clock.
//!
//! [`whole`] runs any SELECT that was resolved, part by part ([`relation`]), over Polars' columns. [`plan`] reads those
//! that only look up the parents of each row of one table, and [`stream`] runs these without ever making the rows of the
//! join.

mod accumulate;
mod aggregate;
mod array;
mod codes;
mod evaluate;
pub(crate) mod external_sort;
mod join;
mod lookup;
mod order;
mod relation;
mod rows;
mod stream;
pub(crate) mod whole;
mod window;

use anyhow::Context;
use database::Cancel;
use dataset::Driving;
use polars::prelude::{DataFrame, IntoLazy, JoinArgs, JoinType, LazyFrame, col};

use crate::engine::output::Output;
use crate::model::select::{Ready, Select};
pub(crate) use stream::Stream;

/// The tables by name.
pub(crate) type Tables = Vec<(String, DataFrame)>;

/// The table of this name, which was read.
pub(crate) fn table<'a>(tables: &'a Tables, name: &str) -> anyhow::Result<&'a DataFrame> {
    let found = tables.iter().find(|(table, _)| table == name);
    let (_, frame) = found.with_context(|| format!("table `{name}` was not read"))?;
    Ok(frame)
}

/// Runs a model's SELECT over the tables and gives its columns the declared types; and what tells which rows of the
/// driving table it leaves out. No part of it may take more than `limit_bytes` of memory.
///
/// # Errors
/// [`Kind::Refused`](dataset::failure::Kind::Refused) if a value cannot be computed, or there are more rows than memory
/// holds; [`Kind::Mismatch`](dataset::failure::Kind::Mismatch) if a value is not what the dataset declares.
pub(crate) fn run(
    select: &Select<'_>,
    ready: &Ready,
    tables: &Tables,
    limit_bytes: u64,
    cancel: &Cancel,
) -> anyhow::Result<(Output, Kept)> {
    let model = select.model;
    if let Some(plan) = select.plan.as_ref().filter(|_| ready.streams) {
        let streamed = table(tables, &plan.tables[0])?;
        if let Some(stream) = Stream::prepare(model, plan, tables)?
            && stream.takes(streamed)?
        {
            return Ok((stream.apply(streamed)?, Kept::Parents(stream.parents()?)));
        }
    }
    let frame = whole::run(model, &ready.resolved, tables, limit_bytes, cancel)?;
    let names = model
        .driving
        .iter()
        .flat_map(|driving| driving.key.values());
    let keys = frame.select(names.map(String::as_str))?;
    Ok((Output::of(frame), Kept::Keys(keys)))
}

/// Which rows of the driving table are in the output.
pub(crate) enum Kept {
    /// Those whose key is here, in the output's key columns.
    Keys(DataFrame),
    /// Those that have all of these parents.
    Parents(Vec<Parents>),
}

/// The rows that a column of the streamed table must point to, or the row is left out.
pub(crate) struct Parents {
    /// The column.
    column: String,
    /// Their keys, in a column of the same name.
    keys: DataFrame,
}

impl Kept {
    /// The rows of the driving table that the output lacks: by anti-joins of Polars, which know nothing of how
    /// the model was run. Only the columns to be summed, and keys, are given.
    pub(crate) fn left_out(
        &self,
        driving: &Driving,
        table: &DataFrame,
    ) -> anyhow::Result<DataFrame> {
        match self {
            Self::Keys(keys) => whole::left_out(driving, table, keys),
            Self::Parents(parents) => left_out_of_parents(driving, table, parents),
        }
    }
}

fn left_out_of_parents(
    driving: &Driving,
    table: &DataFrame,
    parents: &[Parents],
) -> anyhow::Result<DataFrame> {
    let mut names: Vec<&String> = driving.sums.keys().collect();
    names.extend(parents.iter().map(|parents| &parents.column));
    // A row without anything to sum still counts.
    names.extend(driving.key.keys());
    names.sort_unstable();
    names.dedup();
    let columns: Vec<_> = names.iter().map(|name| col(name.as_str())).collect();
    let mut kept = table.clone().lazy().select(columns);
    let mut left_out: Vec<LazyFrame> = Vec::new();
    for parents in parents {
        let joined = |how: JoinType| {
            let keys = parents.keys.clone().lazy();
            let column = || [col(parents.column.as_str())];
            kept.clone()
                .join(keys, column(), column(), JoinArgs::new(how))
        };
        left_out.push(joined(JoinType::Anti));
        kept = joined(JoinType::Semi);
    }
    let mut frame = table
        .select(names.iter().map(|name| name.as_str()))?
        .clear();
    for part in left_out {
        frame.vstack_mut(&part.collect()?)?;
    }
    Ok(frame)
}
