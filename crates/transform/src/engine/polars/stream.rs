//! Running a plan: each row of the streamed table gets the rows of its parents, and nothing is copied.

use dataset::failure::{Kind, OrFail};
use dataset::{ColumnType, Model};
use polars::prelude::{
    Column, DataFrame, DataType, Expr, IntoLazy, JoinArgs, JoinCoalesce, JoinType, LazyFrame, col,
};

use super::lookup::Lookup;
use super::tables::Tables;
use crate::check::left_out::Parents;
use crate::engine::output::{MISSING, Output, OutputColumn, Taken};
use crate::frame_types::data_type;
use crate::model::plan::{self, ColumnOf, Plan};

/// A streamed model with its parents, ready for rows of the streamed table.
pub(crate) struct Stream<'a> {
    model: &'a Model,
    plan: &'a Plan,
    groups: Vec<Group>,
    /// The output's columns: of the streamed table by name, of the parents as they are.
    columns: Vec<(String, Origin)>,
}

/// The parents of one lookup.
struct Group {
    height: usize,
    keys: Column,
    index: Lookup,
    /// Rows without them are left out. A row that an inner join among the parents leaves out is left out with them.
    required: bool,
}

enum Origin {
    Streamed(String),
    Parents { source: usize, values: Column },
}

impl<'a> Stream<'a> {
    /// Joins and indexes the parents. `None` if they are not what a lookup needs: their key is not an integer, or one
    /// that several rows have.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if a column is not of the declared type.
    pub(crate) fn prepare(
        model: &'a Model,
        plan: &'a Plan,
        parents: &Tables,
    ) -> anyhow::Result<Option<Self>> {
        let mut frames = Vec::new();
        let mut groups = Vec::new();
        for lookup in &plan.lookups {
            let frame = joined(plan, lookup, parents)?;
            let keys = frame.column(&name_of(&lookup.to))?.clone();
            if keys.dtype() != &DataType::Int64 {
                runs_whole(model, lookup, "is not an integer");
                return Ok(None);
            }
            let Some(index) = Lookup::of(keys.i64()?) else {
                runs_whole(model, lookup, "points to several rows");
                return Ok(None);
            };
            groups.push(Group {
                height: frame.height(),
                keys: keys.with_name(lookup.from.as_str().into()),
                index,
                required: !lookup.outer || lookup.joins.iter().any(|join| !join.outer),
            });
            frames.push(frame);
        }
        let columns = plan
            .columns
            .iter()
            .zip(&model.columns)
            .map(|((name, column), (_, kind))| {
                let from = match source_of(plan, column.table) {
                    0 => Origin::Streamed(column.column.clone()),
                    source => {
                        let found = frames[source - 1].column(&name_of(column))?.clone();
                        Origin::Parents {
                            source,
                            values: with_declared_type(model, found, name, *kind)?,
                        }
                    }
                };
                Ok((name.clone(), from))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Some(Self {
            model,
            plan,
            groups,
            columns,
        }))
    }

    /// Whether the columns that look up the parents are what a lookup needs.
    pub(crate) fn takes(&self, streamed: &DataFrame) -> anyhow::Result<bool> {
        for lookup in &self.plan.lookups {
            if streamed.column(&lookup.from)?.dtype() != &DataType::Int64 {
                runs_whole(self.model, lookup, "is not an integer");
                return Ok(false);
            }
        }
        Ok(streamed.height() < MISSING as usize)
    }

    /// The columns of the streamed table that `outputs`, columns of the output, need, and which rows are kept.
    pub(crate) fn needs(&self, outputs: &[&str]) -> Vec<String> {
        let selected = self.columns.iter().filter_map(|(name, from)| match from {
            Origin::Streamed(column) if outputs.contains(&name.as_str()) => Some(column),
            _ => None,
        });
        let looked_up = self.plan.lookups.iter().map(|lookup| &lookup.from);
        let mut names: Vec<String> = selected.chain(looked_up).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The rows that parents are required of, for the count of those left out.
    pub(crate) fn parents(&self) -> anyhow::Result<Vec<Parents>> {
        let required = self.groups.iter().zip(&self.plan.lookups);
        required
            .filter(|(group, _)| group.required)
            .map(|(group, lookup)| {
                Ok(Parents {
                    column: lookup.from.clone(),
                    keys: DataFrame::new(group.height, vec![group.keys.clone()])?,
                })
            })
            .collect()
    }

    /// The output of some rows of the streamed table, which may lack columns that [`Stream::needs`] doesn't name for
    /// the columns wanted: those of the output that it lacks are left out.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if a column is not of the declared type.
    pub(crate) fn apply(&self, streamed: &DataFrame) -> anyhow::Result<Output> {
        let mut rows = Vec::with_capacity(self.groups.len());
        for (group, lookup) in self.groups.iter().zip(&self.plan.lookups) {
            let from = streamed.column(&lookup.from)?.i64()?;
            let found: Vec<u32> = from.iter().map(|key| group.index.row(key)).collect();
            rows.push(found);
        }
        let is_kept = |row: usize| {
            let mut groups = self.groups.iter().zip(&rows);
            groups.all(|(group, rows)| !group.required || rows[row] != MISSING)
        };
        let height = streamed.height();
        let kept: Vec<u32> = (0..height as u32)
            .filter(|&row| is_kept(row as usize))
            .collect();
        let all = kept.len() == height;
        let count = kept.len();
        let mut sources: Vec<Taken> = rows
            .into_iter()
            .map(|rows| match all {
                true => Taken::Rows(rows),
                false => Taken::Rows(kept.iter().map(|&row| rows[row as usize]).collect()),
            })
            .collect();
        sources.insert(0, if all { Taken::All } else { Taken::Rows(kept) });

        let mut columns = Vec::with_capacity(self.columns.len());
        for ((name, from), (_, kind)) in self.columns.iter().zip(&self.model.columns) {
            let (source, values) = match from {
                Origin::Parents { source, values } => (*source, values.clone()),
                Origin::Streamed(column) => {
                    let Ok(found) = streamed.column(column) else {
                        continue;
                    };
                    let values = with_declared_type(self.model, found.clone(), name, *kind)?;
                    (0, values)
                }
            };
            columns.push(OutputColumn {
                name: name.clone(),
                values,
                source,
            });
        }
        Ok(Output {
            rows: count,
            columns,
            sources,
        })
    }
}

fn runs_whole(model: &Model, lookup: &plan::Lookup, why: &str) {
    tracing::debug!(model = model.name, "runs whole: {} {why}", lookup.from);
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
        let frame = tables.get(name)?;
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

/// A table's column with the type that the model declares for it.
///
/// # Errors
/// [`Kind::Mismatch`] if a value would be lost.
fn with_declared_type(
    model: &Model,
    column: Column,
    name: &str,
    kind: ColumnType,
) -> anyhow::Result<Column> {
    let (from, to) = (column.dtype().clone(), data_type(kind));
    if from == to {
        return Ok(column);
    }
    column.strict_cast(&to).or_fail(Kind::Mismatch, || {
        format!(
            "dataset.toml, model `{}`: column `{name}` is declared {kind}, but a value that {} gives is not that without a \
             loss",
            model.name, model.file
        )
    })
}
