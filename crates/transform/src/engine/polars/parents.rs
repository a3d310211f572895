//! The parents of a streamed table, joined with the parents that they look up themselves.

use anyhow::Context;
use polars::prelude::{Column, DataFrame, IdxCa};

use super::dictionary::Key;
use super::lookup::Lookup;
use super::tables::Tables;
use crate::engine::output::MISSING;
use crate::model::plan::{self, ColumnOf, Padded, Plan};

/// The name of a table's column where tables are joined.
pub(super) fn name_of(table: usize, column: &str) -> String {
    format!("{table}.{column}")
}

/// Joins the table of a lookup with the parents that its rows look up. `None` if a row finds several.
pub(super) fn joined(
    plan: &Plan,
    padded: &Padded,
    lookup: &plan::Lookup,
    tables: &Tables,
) -> anyhow::Result<Option<DataFrame>> {
    let frame = |table: usize| tables.get(&plan.tables[table]);
    let all = (0..frame(lookup.table)?.height() as u32).collect();
    let mut rows: Vec<(usize, Vec<u32>)> = vec![(lookup.table, all)];
    for join in &lookup.joins {
        let (mut from, mut to) = (Vec::new(), Vec::new());
        for (column, own) in &join.on {
            let ColumnOf { table, column } = column;
            let (_, places) = rows
                .iter()
                .find(|(joined, _)| joined == table)
                .context("a table is joined before another looks it up")?;
            let values = taken(frame(*table)?.column(column)?, places)?;
            from.push(Key::of(&values, padded.has(*table, column))?);
            let values = frame(join.table)?.column(own)?;
            to.push(Key::of(values, padded.has(join.table, own))?);
        }
        let parents = Lookup::of(&to)?;
        let mut found = parents.rows(&from)?;
        if found.iter().any(|&row| parents.is_repeated(row)) {
            return Ok(None);
        }
        if !join.outer {
            let is_kept: Vec<bool> = found.iter().map(|&row| row != MISSING).collect();
            let before = rows.iter_mut().map(|(_, rows)| rows);
            for rows in before.chain([&mut found]) {
                let mut kept = is_kept.iter();
                rows.retain(|_| kept.next() == Some(&true));
            }
        }
        rows.push((join.table, found));
    }
    let height = rows.first().map_or(0, |(_, rows)| rows.len());
    let mut columns = Vec::new();
    for (table, places) in &rows {
        let mut needed: Vec<&str> = plan.needs(&plan.tables[*table]).collect();
        needed.sort_unstable();
        needed.dedup();
        for name in needed {
            let values = taken(frame(*table)?.column(name)?, places)?;
            columns.push(values.with_name(name_of(*table, name).into()));
        }
    }
    Ok(Some(DataFrame::new(height, columns)?))
}

/// Takes these rows of a column; NULL where there is none.
fn taken(column: &Column, rows: &[u32]) -> anyhow::Result<Column> {
    let is_whole = rows.len() == column.len() && (0..).zip(rows).all(|(at, row)| at == *row);
    if is_whole {
        return Ok(column.clone());
    }
    let rows = rows.iter().map(|&row| (row != MISSING).then_some(row));
    Ok(column.take(&IdxCa::from_iter(rows))?)
}
