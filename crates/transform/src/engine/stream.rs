//! Running a plan: each row of the streamed table gets the rows of its parents, and nothing is copied.

use dataset::Model;
use dataset::failure::Kind;
use polars::prelude::{
    Column, DataFrame, DataType, Expr, IntoLazy, JoinArgs, JoinCoalesce, JoinType, LazyFrame, col,
};

use super::lookup::Lookup;
use super::plan::{self, ColumnOf, Plan};
use super::whole::with_declared_type;
use super::{Parents, Tables, table};
use crate::output::{MISSING, Output, OutputColumn, Taken};

/// Runs the plan. `None` if the tables are not what a lookup needs: a key that is no integer, or one that
/// several rows have.
pub(super) fn run(
    model: &Model,
    plan: &Plan,
    tables: &Tables,
) -> anyhow::Result<Option<(Output, Vec<Parents>)>> {
    let streamed = table(tables, &plan.tables[0])?;
    if streamed.height() >= MISSING as usize {
        return Ok(None);
    }
    let mut groups = Vec::new();
    for lookup in &plan.lookups {
        let group = joined(plan, lookup, tables)?;
        let keys = group.column(&name_of(&lookup.to))?;
        let from = streamed.column(&lookup.from)?;
        if keys.dtype() != &DataType::Int64 || from.dtype() != &DataType::Int64 {
            tracing::debug!(
                model = model.name,
                "runs whole: {} is no integer",
                lookup.from
            );
            return Ok(None);
        }
        let Some(index) = Lookup::of(keys.i64()?) else {
            tracing::debug!(
                model = model.name,
                "runs whole: {} points to several rows",
                lookup.from
            );
            return Ok(None);
        };
        let rows: Vec<u32> = from.i64()?.iter().map(|key| index.row(key)).collect();
        // A row that an inner join among the parents leaves out is left out with them.
        let required = !lookup.outer || lookup.joins.iter().any(|join| !join.outer);
        groups.push((group, rows, required));
    }

    let is_kept = |row: usize| {
        groups
            .iter()
            .all(|(_, rows, required)| !required || rows[row] != MISSING)
    };
    let height = streamed.height();
    let kept: Vec<u32> = (0..height as u32)
        .filter(|&row| is_kept(row as usize))
        .collect();
    let all = kept.len() == height;
    let rows = kept.len();
    let mut parents = Vec::new();
    let mut sources = Vec::new();
    let mut frames = vec![streamed.clone()];
    for ((group, rows, required), lookup) in groups.into_iter().zip(&plan.lookups) {
        if required {
            let keys = group.column(&name_of(&lookup.to))?.clone();
            let keys = keys.with_name(lookup.from.as_str().into());
            parents.push(Parents {
                column: lookup.from.clone(),
                keys: DataFrame::new(group.height(), vec![keys])?,
            });
        }
        sources.push(Taken::Rows(if all {
            rows
        } else {
            kept.iter().map(|&row| rows[row as usize]).collect()
        }));
        frames.push(group);
    }
    sources.insert(0, if all { Taken::All } else { Taken::Rows(kept) });

    check_names(model, plan)?;
    let columns = plan
        .columns
        .iter()
        .zip(&model.columns)
        .map(|((name, column), (_, kind))| {
            let source = source_of(plan, column.table);
            let found: Column = match source {
                0 => frames[0].column(&column.column)?.clone(),
                _ => frames[source].column(&name_of(column))?.clone(),
            };
            let values = with_declared_type(model, found, name, *kind)?;
            Ok(OutputColumn {
                name: name.clone(),
                values,
                source,
            })
        })
        .collect::<anyhow::Result<_>>()?;
    let output = Output {
        rows,
        columns,
        sources,
    };
    Ok(Some((output, parents)))
}

/// The source that holds a table's columns: the streamed table is 0, the first lookup's group 1.
fn source_of(plan: &Plan, table: usize) -> usize {
    plan.lookups
        .iter()
        .position(|lookup| {
            lookup.to.table == table || lookup.joins.iter().any(|join| join.table == table)
        })
        .map_or(0, |lookup| lookup + 1)
}

/// What a column is called where tables are joined.
fn name_of(column: &ColumnOf) -> String {
    format!("{}.{}", column.table, column.column)
}

/// The rows of a lookup's table with those of the parents it looks up, joined by Polars.
fn joined(plan: &Plan, lookup: &plan::Lookup, tables: &Tables) -> anyhow::Result<DataFrame> {
    let renamed = |number: usize| -> anyhow::Result<LazyFrame> {
        let name = &plan.tables[number];
        let frame = table(tables, name)?;
        let mut needed: Vec<&str> = plan.needs(name).collect();
        needed.sort_unstable();
        needed.dedup();
        let columns: Vec<Expr> = needed
            .into_iter()
            .map(|column| col(column).alias(format!("{number}.{column}")))
            .collect();
        Ok(frame.clone().lazy().select(columns))
    };
    let mut frame = renamed(lookup.to.table)?;
    for join in &lookup.joins {
        let how = if join.outer {
            JoinType::Left
        } else {
            JoinType::Inner
        };
        let mut arguments = JoinArgs::new(how);
        arguments.coalesce = JoinCoalesce::KeepColumns;
        let left: Vec<Expr> = join.on.iter().map(|(from, _)| col(name_of(from))).collect();
        let right: Vec<Expr> = join
            .on
            .iter()
            .map(|(_, own)| col(format!("{}.{own}", join.table)))
            .collect();
        frame = frame.join(renamed(join.table)?, left, right, arguments);
    }
    Ok(frame.collect()?)
}

/// Whether the SELECT gives the columns that the dataset declares.
fn check_names(model: &Model, plan: &Plan) -> anyhow::Result<()> {
    let declared: Vec<&str> = model
        .columns
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let given: Vec<&str> = plan.columns.iter().map(|(name, _)| name.as_str()).collect();
    if declared == given {
        return Ok(());
    }
    Err(Kind::Mismatch.error(format!(
        "model `{}` gives the columns {}, but dataset.toml declares {}",
        model.name,
        given.join(", "),
        declared.join(", ")
    )))
}
