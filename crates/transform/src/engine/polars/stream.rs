//! Runs a plan: finds the parents of each row of the streamed table, without copying any value.

use dataset::failure::{Kind, OrFail};
use dataset::{ColumnType, Model};
use polars::prelude::{Column, DataFrame};

use super::dictionary::Key;
use super::lookup::Lookup;
use super::parents::{joined, name_of};
use super::tables::Tables;
use crate::check::left_out::{ParentKey, Parents};
use crate::engine::output::{MISSING, Output, OutputColumn, Taken};
use crate::frame_types::data_type;
use crate::model::plan::{self, Padded, Plan};

/// A streamed model with its parents, ready for rows of the streamed table.
pub(crate) struct Stream<'a> {
    model: &'a Model,
    plan: &'a Plan,
    padded: &'a Padded,
    groups: Vec<Group>,
    /// The output's columns: those of the streamed table by name, those of parents with their values.
    columns: Vec<(String, Origin)>,
}

/// The parents of one lookup.
struct Group {
    height: usize,
    keys: Vec<Column>,
    index: Lookup,
    /// Whether rows without parents in this group are left out. If an inner join among the parents leaves a parent out, the rows
    /// that point to it are left out too.
    required: bool,
}

enum Origin {
    Streamed(String),
    Parents { source: usize, values: Column },
}

impl<'a> Stream<'a> {
    /// Joins and indexes the parents. `None` if a lookup cannot use them, because several rows have the same key.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if a column doesn't have the declared type.
    pub(crate) fn prepare(
        model: &'a Model,
        plan: &'a Plan,
        padded: &'a Padded,
        parents: &Tables,
    ) -> anyhow::Result<Option<Self>> {
        let mut frames = Vec::new();
        let mut groups = Vec::new();
        for lookup in &plan.lookups {
            let Some(frame) = joined(plan, padded, lookup, parents)? else {
                runs_whole(model, lookup);
                return Ok(None);
            };
            let (mut columns, mut keys) = (Vec::new(), Vec::new());
            for (_, to) in &lookup.on {
                let column = frame.column(&name_of(lookup.table, to))?;
                keys.push(Key::of(column, padded.has(lookup.table, to))?);
                columns.push(column.clone());
            }
            let index = Lookup::of(&keys)?;
            if !index.is_unique() {
                runs_whole(model, lookup);
                return Ok(None);
            }
            groups.push(Group {
                height: frame.height(),
                keys: columns,
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
                        let found = frames[source - 1]
                            .column(&name_of(column.table, &column.column))?
                            .clone();
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
            padded,
            groups,
            columns,
        }))
    }

    /// The columns of the streamed table that are needed for the columns `outputs` of the output, and to tell which rows are kept.
    pub(crate) fn needs(&self, outputs: &[&str]) -> Vec<String> {
        let selected = self.columns.iter().filter_map(|(name, from)| match from {
            Origin::Streamed(column) if outputs.contains(&name.as_str()) => Some(column),
            _ => None,
        });
        let lookups = self.plan.lookups.iter();
        let looked_up = lookups.flat_map(|lookup| lookup.on.iter().map(|(from, _)| from));
        let mut names: Vec<String> = selected.chain(looked_up).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The parents that rows are required to have, to count the rows that are left out.
    pub(crate) fn parents(&self) -> anyhow::Result<Vec<Parents>> {
        let required = self.groups.iter().zip(&self.plan.lookups);
        required
            .filter(|(group, _)| group.required)
            .map(|(group, lookup)| {
                let is_padded = |table: usize, column: &str| self.padded.has(table, column);
                let keys = lookup.on.iter().zip(&group.keys);
                let keys = keys.map(|((from, to), values)| ParentKey {
                    column: from.clone(),
                    is_padded: is_padded(0, from),
                    values: values.clone(),
                    values_are_padded: is_padded(lookup.table, to),
                });
                Ok(Parents {
                    rows: group.height,
                    keys: keys.collect(),
                })
            })
            .collect()
    }

    /// The output for some rows of the streamed table. If these lack a column, the columns of the output that need it are left out;
    /// see [`Stream::needs`].
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if a column doesn't have the declared type.
    pub(crate) fn apply(&self, streamed: &DataFrame) -> anyhow::Result<Output> {
        let mut rows = Vec::with_capacity(self.groups.len());
        for (group, lookup) in self.groups.iter().zip(&self.plan.lookups) {
            let mut keys = Vec::with_capacity(lookup.on.len());
            for (from, _) in &lookup.on {
                keys.push(Key::of(streamed.column(from)?, self.padded.has(0, from))?);
            }
            rows.push(group.index.rows(&keys)?);
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

fn runs_whole(model: &Model, lookup: &plan::Lookup) {
    let from: Vec<&str> = lookup.on.iter().map(|(from, _)| from.as_str()).collect();
    tracing::debug!(
        model = model.name,
        "runs whole: {} points to several rows",
        from.join(", ")
    );
}

/// The number of the source that holds a table's columns: the streamed table is 0, the group of the first lookup is 1.
fn source_of(plan: &Plan, table: usize) -> usize {
    plan.lookups
        .iter()
        .position(|lookup| {
            lookup.table == table || lookup.joins.iter().any(|join| join.table == table)
        })
        .map_or(0, |lookup| lookup + 1)
}

/// Gives a table's column the type that the model declares for it.
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
            "dataset.toml, model `{}`: column `{name}` is declared {kind}, but {} gives a value that does not fit it \
             without a loss",
            model.name, model.file
        )
    })
}
