//! Writes relations as Spark's SQL. Each is a SELECT whose columns are named `c0`, `c1` and so on, by position.

use std::sync::Arc;

use dataset::ColumnType;

use super::scope::Scope;
use super::types::{self, quoted};
use super::writer::{Ordered, Writer, listed, names, reordered};
use crate::model::refusal::{Refusal, Result};
use crate::model::tree::{Node, Place, Relation, Scalar, SetOperation};
use crate::model::types::Type;

impl Writer<'_> {
    /// Writes the rows of a relation.
    pub(super) fn relation(&mut self, relation: &Relation) -> Result<String> {
        Ok(match relation {
            Relation::One => "SELECT 1 AS one".to_owned(),
            Relation::Values(rows) => {
                let rows: Vec<_> = rows
                    .iter()
                    .map(|row| self.select(row, &Scope::default()))
                    .collect::<Result<_>>()?;
                rows.join("\nUNION ALL\n")
            }
            Relation::Table { name, columns } => self.table(name, columns)?,
            Relation::Shared(shared) => {
                let name = self.shared(shared)?;
                format!("SELECT * FROM {name}")
            }
            Relation::Filter { input, condition } => {
                let alias = self.alias();
                let scope = Scope::of(&alias, input.width());
                let from = self.relation(input)?;
                let (joins, scope) = self.looked_up(&[condition], scope)?;
                let mut conditions = Vec::new();
                for part in conjuncts(condition) {
                    conditions.push(self.condition(part, &scope)?);
                }
                let names = listed(names(&alias, input.width()));
                format!(
                    "SELECT {names} FROM (\n{from}\n) AS {alias}{joins}\nWHERE {}",
                    conditions.join("\nAND ")
                )
            }
            Relation::Project { input, columns } => {
                let rows = Ordered::by_nothing(self.relation(input)?);
                self.projected(rows, input.width(), columns)?.sql
            }
            Relation::Reordered { input, places } => {
                let rows = Ordered::by_nothing(self.relation(input)?);
                self.reordered(rows, places).sql
            }
            Relation::Join(join) => self.join(join)?,
            Relation::Aggregate {
                input,
                keys,
                aggregates,
            } => self.grouped(input, keys, aggregates)?,
            Relation::Window { input, windows } => self.windowed(input, windows)?,
            Relation::Distinct(input) => {
                let alias = self.alias();
                let from = self.relation(input)?;
                let names = listed(names(&alias, input.width()));
                format!("SELECT DISTINCT {names} FROM (\n{from}\n) AS {alias}")
            }
            Relation::Set {
                operation,
                all,
                left,
                right,
            } => {
                let operation = match operation {
                    SetOperation::Union => "UNION",
                    SetOperation::Intersect => "INTERSECT",
                    SetOperation::Except => "EXCEPT",
                };
                let all = if *all { " ALL" } else { "" };
                let (left, right) = (self.relation(left)?, self.relation(right)?);
                let (one, other) = (self.alias(), self.alias());
                format!(
                    "SELECT * FROM (\n{left}\n) AS {one}\n{operation}{all}\nSELECT * FROM (\n{right}\n) AS {other}"
                )
            }
            // Nothing depends on the order of intermediate rows.
            Relation::Sort { input, .. } => self.relation(input)?,
            Relation::Limit { .. } => {
                let limited = self.ordered(relation)?;
                let alias = self.alias();
                let names = listed(names(&alias, relation.width()));
                format!("SELECT {names} FROM (\n{}\n) AS {alias}", limited.sql)
            }
        })
    }

    /// Writes the rows of a relation, with the keys that they are ordered by.
    pub(super) fn ordered(&mut self, relation: &Relation) -> Result<Ordered> {
        match relation {
            Relation::Sort { input, keys } => {
                let alias = self.alias();
                let scope = Scope::of(&alias, input.width());
                let from = self.relation(input)?;
                let of_keys: Vec<&Scalar> = keys.iter().map(|key| &key.value).collect();
                let (joins, scope) = self.looked_up(&of_keys, scope)?;
                let mut columns = names(&alias, input.width());
                for (at, key) in keys.iter().enumerate() {
                    columns.push(format!("{} AS k{at}", self.scalar(&key.value, &scope)?));
                }
                Ok(Ordered {
                    sql: format!(
                        "SELECT {} FROM (\n{from}\n) AS {alias}{joins}",
                        listed(columns)
                    ),
                    keys: keys
                        .iter()
                        .map(|key| (key.descending, key.nulls_first))
                        .collect(),
                })
            }
            Relation::Limit {
                input,
                limit,
                offset,
            } => {
                let ordered = self.ordered(input)?;
                let alias = self.alias();
                let by = ordered.order(&alias, input.width());
                let mut sql = format!("SELECT * FROM (\n{}\n) AS {alias}", ordered.sql);
                if !by.is_empty() {
                    sql += &format!("\nORDER BY {}", by.join(", "));
                }
                if let Some(limit) = limit {
                    let limit = i32::try_from(*limit).map_err(|_| {
                        Refusal::at(
                            Place::default(),
                            format!(
                                "LIMIT {limit} is more than Spark allows, which is {}",
                                i32::MAX
                            ),
                        )
                    })?;
                    sql += &format!("\nLIMIT {limit}");
                }
                if *offset > 0 {
                    sql += &format!("\nOFFSET {offset}");
                }
                Ok(Ordered {
                    sql,
                    keys: ordered.keys,
                })
            }
            Relation::Project { input, columns } => {
                let rows = self.ordered(input)?;
                self.projected(rows, input.width(), columns)
            }
            Relation::Reordered { input, places } => {
                let rows = self.ordered(input)?;
                Ok(self.reordered(rows, places))
            }
            other => Ok(Ordered::by_nothing(self.relation(other)?)),
        }
    }

    /// Writes a `SELECT` of expressions over rows of this width, which keeps the keys that order the rows.
    fn projected(&mut self, rows: Ordered, width: usize, columns: &[Scalar]) -> Result<Ordered> {
        let alias = self.alias();
        let scope = Scope::of(&alias, width);
        let (joins, scope) = self.looked_up(&columns.iter().collect::<Vec<_>>(), scope)?;
        let mut select = self.select(columns, &scope)?;
        let Ordered { sql, keys } = rows;
        for at in 0..keys.len() {
            select += &format!(", {alias}.k{at}");
        }
        let sql = format!("{select} FROM (\n{sql}\n) AS {alias}{joins}");
        Ok(Ordered { sql, keys })
    }

    /// Writes a `SELECT` of the columns of rows in another order, which keeps the keys that order the rows.
    fn reordered(&mut self, rows: Ordered, places: &[usize]) -> Ordered {
        let alias = self.alias();
        let Ordered { sql, keys } = rows;
        let mut columns = reordered(&alias, places);
        columns.extend((0..keys.len()).map(|at| format!("{alias}.k{at}")));
        let columns = listed(columns);
        let sql = format!("SELECT {columns} FROM (\n{sql}\n) AS {alias}");
        Ordered { sql, keys }
    }

    /// Writes a `SELECT` of expressions.
    fn select(&mut self, columns: &[Scalar], scope: &Scope) -> Result<String> {
        let mut list = Vec::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate() {
            list.push(format!("{} AS c{at}", self.scalar(column, scope)?));
        }
        Ok(format!("SELECT {}", listed(list)))
    }

    /// The name of a shared relation.
    pub(super) fn shared(&mut self, relation: &Arc<Relation>) -> Result<String> {
        let at = Arc::as_ptr(relation);
        let found = self.shared.iter().position(|(of, _)| *of == at);
        let number = match found {
            Some(number) => number,
            None => {
                let sql = self.relation(relation)?;
                self.shared.push((at, sql));
                self.shared.len() - 1
            }
        };
        Ok(self.shared_name(number))
    }

    fn table(&self, name: &str, columns: &[String]) -> Result<String> {
        let schema = self.tables.iter().find(|table| table.name == name);
        let column = |column: &String| schema?.columns.iter().find(|of| of.name == *column);
        let mut list = Vec::with_capacity(columns.len());
        for (at, wanted) in columns.iter().enumerate() {
            let found = column(wanted).ok_or_else(|| {
                Refusal::at(
                    Place::default(),
                    format!("column `{wanted}` of table `{name}` was not read"),
                )
            })?;
            let own = quoted(wanted);
            list.push(match found.kind {
                ColumnType::SmallInt | ColumnType::Integer => {
                    let kind = types::of(&Type::of(found)).unwrap_or_default();
                    format!("CAST({own} AS {kind}) AS c{at}")
                }
                // Spark doesn't evaluate columns that nothing needs, and a SELECT that needs this one was refused before.
                ColumnType::Time => format!(
                    "CAST(raise_error('column {} is a time, which Spark cannot read') AS STRING) AS c{at}",
                    wanted.replace(['\\', '\''], "")
                ),
                // All decimals have the same width.
                ColumnType::Numeric { .. } => {
                    let kind = types::of(&Type::of(found)).unwrap_or_default();
                    format!("CAST({own} AS {kind}) AS c{at}")
                }
                _ => format!("{own} AS c{at}"),
            });
        }
        Ok(format!("SELECT {} FROM {}", listed(list), quoted(name)))
    }
}

/// The conditions that must all be true.
fn conjuncts(condition: &Scalar) -> Vec<&Scalar> {
    match &condition.node {
        Node::And(parts) => parts.iter().flat_map(conjuncts).collect(),
        _ => vec![condition],
    }
}
