//! The tables that a model runs over, in memory.

use anyhow::Context;
use dataset::Model;
use dataset::failure::Kind;
use polars::prelude::DataFrame;

use crate::stage::Table;

/// The tables by name.
pub(crate) type Tables = Vec<(String, DataFrame)>;

/// The table of this name, which was read.
pub(crate) fn table<'a>(tables: &'a Tables, name: &str) -> anyhow::Result<&'a DataFrame> {
    let found = tables.iter().find(|(table, _)| table == name);
    let (_, frame) = found.with_context(|| format!("table `{name}` was not read"))?;
    Ok(frame)
}

/// Loads the tables that are named; a run may take `memory_bytes`, of which they may take `limit`.
///
/// # Errors
/// [`Kind::Refused`] if those that are on disk would take more than `limit` bytes with the others.
pub(super) fn load(
    model: &Model,
    tables: Vec<(String, Table)>,
    is_named: impl Fn(&str) -> bool,
    limit: u64,
    memory_bytes: u64,
) -> anyhow::Result<Tables> {
    let wanted: Vec<_> = tables
        .into_iter()
        .filter(|(name, _)| is_named(name))
        .collect();
    let bytes: u64 = wanted.iter().map(|(_, table)| table.memory_bytes()).sum();
    let staged: Vec<&str> = wanted
        .iter()
        .filter(|(_, table)| matches!(table, Table::Staged(_)))
        .map(|(name, _)| name.as_str())
        .collect();
    if !staged.is_empty() && bytes > limit {
        return Err(Kind::Refused.error(format!(
            "model `{}` needs {} whole in memory, in all {} MB of rows, but --memory allows it {} MB: allow about \
             {} MB",
            model.name,
            staged.join(", "),
            bytes >> 20,
            limit >> 20,
            (u128::from(bytes) * u128::from(memory_bytes) / u128::from(limit.max(1))) >> 20
        )));
    }
    wanted
        .into_iter()
        .map(|(name, table)| Ok((name, table.load()?)))
        .collect()
}
