//! Relations as Spark's SQL. Each is a SELECT whose columns are called `c0`, `c1` and so on by their places.

use std::sync::Arc;

use dataset::ColumnType;

use super::scope::{Scope, spark_type};
use super::types::{self, quoted};
use super::writer::{Ordered, Writer, listed, names};
use crate::model::refusal::{Refusal, Result};
use crate::model::tree::{
    Aggregate, AggregateFunction, Asked, Correlated, Function, Join, Node, Place, Relation, Scalar,
    SetOperation, SortKey,
};
use crate::model::types::{Held, Type};

impl Writer<'_> {
    /// The rows of a relation.
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
                let names = names(&alias, input.width());
                format!(
                    "SELECT {names} FROM (\n{from}\n) AS {alias}{joins}\nWHERE {}",
                    conditions.join("\nAND ")
                )
            }
            Relation::Project { input, columns } => {
                let alias = self.alias();
                let scope = Scope::of(&alias, input.width());
                let from = self.relation(input)?;
                let (joins, scope) = self.looked_up(&columns.iter().collect::<Vec<_>>(), scope)?;
                let select = self.select(columns, &scope)?;
                format!("{select} FROM (\n{from}\n) AS {alias}{joins}")
            }
            Relation::Reordered { input, places } => {
                let alias = self.alias();
                let from = self.relation(input)?;
                let columns = places.iter().enumerate();
                let columns = columns.map(|(at, place)| format!("{alias}.c{place} AS c{at}"));
                let columns = columns.collect::<Vec<_>>().join(", ");
                format!("SELECT {columns} FROM (\n{from}\n) AS {alias}")
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
                let names = names(&alias, input.width());
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
            // Nothing asks for the order of what is in between.
            Relation::Sort { input, .. } => self.relation(input)?,
            Relation::Limit { .. } => {
                let limited = self.ordered(relation)?;
                let alias = self.alias();
                let names = names(&alias, relation.width());
                format!("SELECT {names} FROM (\n{}\n) AS {alias}", limited.sql)
            }
        })
    }

    /// The rows of a relation with what they are ordered by.
    pub(super) fn ordered(&mut self, relation: &Relation) -> Result<Ordered> {
        match relation {
            Relation::Sort { input, keys } => {
                let alias = self.alias();
                let scope = Scope::of(&alias, input.width());
                let from = self.relation(input)?;
                let of_keys: Vec<&Scalar> = keys.iter().map(|key| &key.value).collect();
                let (joins, scope) = self.looked_up(&of_keys, scope)?;
                let mut columns = vec![names(&alias, input.width())];
                for (at, key) in keys.iter().enumerate() {
                    columns.push(format!("{} AS k{at}", self.sort_key(key, &scope)?));
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
                let Ordered { sql, keys } = self.ordered(input)?;
                let alias = self.alias();
                let ordered = Ordered { sql, keys };
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
                                "LIMIT {limit} is more than Spark takes, which is {}",
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
                let alias = self.alias();
                let scope = Scope::of(&alias, input.width());
                let Ordered { sql, keys } = self.ordered(input)?;
                let (joins, scope) = self.looked_up(&columns.iter().collect::<Vec<_>>(), scope)?;
                let mut select = self.select(columns, &scope)?;
                for at in 0..keys.len() {
                    select += &format!(", {alias}.k{at}");
                }
                let sql = format!("{select} FROM (\n{sql}\n) AS {alias}{joins}");
                Ok(Ordered { sql, keys })
            }
            Relation::Reordered { input, places } => {
                let alias = self.alias();
                let Ordered { sql, keys } = self.ordered(input)?;
                let columns = places.iter().enumerate();
                let columns = columns.map(|(at, place)| format!("{alias}.c{place} AS c{at}"));
                let keys_too = (0..keys.len()).map(|at| format!("{alias}.k{at}"));
                let columns = listed(columns.chain(keys_too).collect());
                let sql = format!("SELECT {columns} FROM (\n{sql}\n) AS {alias}");
                Ok(Ordered { sql, keys })
            }
            other => Ok(Ordered {
                sql: self.relation(other)?,
                keys: Vec::new(),
            }),
        }
    }

    fn sort_key(&mut self, key: &SortKey, scope: &Scope) -> Result<String> {
        self.scalar(&key.value, scope)
    }

    /// `SELECT` of expressions.
    fn select(&mut self, columns: &[Scalar], scope: &Scope) -> Result<String> {
        let mut list = Vec::with_capacity(columns.len());
        for (at, column) in columns.iter().enumerate() {
            list.push(format!("{} AS c{at}", self.scalar(column, scope)?));
        }
        Ok(format!("SELECT {}", listed(list)))
    }

    /// The name of what WITH names.
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
        Ok(format!("s{number}"))
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
                // Spark reads no column that nothing needs, and where this one is asked for by itself it is refused before.
                ColumnType::Time => format!(
                    "CAST(raise_error('column {} is a time, which Spark cannot read') AS STRING) AS c{at}",
                    wanted.replace(['\\', '\''], "")
                ),
                // Decimals are as wide everywhere.
                ColumnType::Numeric { .. } => {
                    let kind = types::of(&Type::of(found)).unwrap_or_default();
                    format!("CAST({own} AS {kind}) AS c{at}")
                }
                _ => format!("{own} AS c{at}"),
            });
        }
        Ok(format!("SELECT {} FROM {}", listed(list), quoted(name)))
    }

    fn join(&mut self, join: &Join) -> Result<String> {
        let (one, other) = (self.alias(), self.alias());
        let (left, right) = (self.relation(&join.left)?, self.relation(&join.right)?);
        let width = join.left.width();
        let of_left = Scope::of(&one, width);
        let of_right = Scope::of(&other, join.right.width());
        let mut conditions = Vec::new();
        for (left, right) in &join.equal {
            self.check_comparable(left, right)?;
            let (left, right) = (self.scalar(left, &of_left)?, self.scalar(right, &of_right)?);
            conditions.push(format!("{left} = {right}"));
        }
        if let Some(condition) = &join.condition {
            let both = of_left.beside(of_right);
            conditions.push(format!("({})", self.scalar(condition, &both)?));
        }
        let how = match (join.keeps_left, join.keeps_right) {
            (false, false) if conditions.is_empty() => "CROSS JOIN",
            (false, false) => "INNER JOIN",
            (true, false) => "LEFT JOIN",
            (false, true) => "RIGHT JOIN",
            (true, true) => "FULL JOIN",
        };
        let on = match (conditions.is_empty(), how) {
            (true, "CROSS JOIN") => String::new(),
            (true, _) => "\nON true".to_owned(),
            (false, _) => format!("\nON {}", conditions.join("\nAND ")),
        };
        let own = (0..width).map(|at| format!("{one}.c{at}"));
        let behind = (0..join.right.width()).map(|at| format!("{other}.c{at} AS c{}", width + at));
        let columns = listed(own.chain(behind).collect());
        Ok(format!(
            "SELECT {columns} FROM (\n{left}\n) AS {one}\n{how} (\n{right}\n) AS {other}{on}"
        ))
    }

    fn grouped(
        &mut self,
        input: &Relation,
        keys: &[Scalar],
        aggregates: &[Aggregate],
    ) -> Result<String> {
        let (inner, alias) = (self.alias(), self.alias());
        let from = self.relation(input)?;
        let of_input = Scope::of(&inner, input.width());
        // Keys are columns first, so that none is taken for the number of one.
        let mut columns = vec![names(&inner, input.width())];
        for (at, key) in keys.iter().enumerate() {
            self.check_key(key)?;
            columns.push(format!("{} AS g{at}", self.scalar(key, &of_input)?));
        }
        let scope = Scope::of(&alias, input.width());
        let mut list: Vec<_> = (0..keys.len())
            .map(|at| format!("{alias}.g{at} AS c{at}"))
            .collect();
        for (at, aggregate) in aggregates.iter().enumerate() {
            let value = self.aggregate(aggregate, &scope)?;
            list.push(format!("{value} AS c{}", keys.len() + at));
        }
        let by = (0..keys.len()).map(|at| format!("{alias}.g{at}"));
        let by = match keys.is_empty() {
            true => String::new(),
            false => format!("\nGROUP BY {}", by.collect::<Vec<_>>().join(", ")),
        };
        Ok(format!(
            "SELECT {} FROM (\nSELECT {} FROM (\n{from}\n) AS {inner}\n) AS {alias}{by}",
            listed(list),
            listed(columns)
        ))
    }

    fn aggregate(&mut self, of: &Aggregate, scope: &Scope) -> Result<String> {
        let distinct = if of.distinct { "DISTINCT " } else { "" };
        let call = self.aggregated(of.function, of.argument.as_ref(), distinct, scope)?;
        let filter = match &of.filter {
            None => String::new(),
            Some(filter) => format!(" FILTER (WHERE {})", self.scalar(filter, scope)?),
        };
        let at = of.argument.as_ref().map_or(Place::default(), |of| of.at);
        Ok(format!(
            "CAST({call}{filter} AS {})",
            spark_type(&of.kind, at)?
        ))
    }

    /// The call of an aggregate.
    pub(super) fn aggregated(
        &mut self,
        function: AggregateFunction,
        argument: Option<&Scalar>,
        distinct: &str,
        scope: &Scope,
    ) -> Result<String> {
        let Some(argument) = argument else {
            return Ok("count(*)".to_owned());
        };
        let value = self.scalar(argument, scope)?;
        if !distinct.is_empty() {
            self.check_key(argument)?;
        }
        let refused = |why: &str| Err(Refusal::at(argument.at, why));
        let name = match function {
            AggregateFunction::Count => "count",
            AggregateFunction::Sum => match argument.kind.held() {
                Held::Integers if argument.kind == Type::BigInt => {
                    return Ok(format!("sum({distinct}CAST({value} AS DECIMAL(38, 0)))"));
                }
                Held::Integers | Held::Numerics => "sum",
                _ => {
                    return refused(
                        "a sum of floats depends on the order of rows, which Spark does not keep",
                    );
                }
            },
            AggregateFunction::Min => "min",
            AggregateFunction::Max => "max",
            AggregateFunction::Mean => {
                return refused(
                    "AVG is not known to give in Spark what Postgres gives: SUM and COUNT are, or run this model with \
                     --engine polars",
                );
            }
            AggregateFunction::All => "bool_and",
            AggregateFunction::Any => "bool_or",
        };
        Ok(format!("{name}({distinct}{value})"))
    }

    /// Joins for the sub-selects that stand for one value in these expressions, and the scope in which they are found.
    pub(super) fn looked_up(
        &mut self,
        scalars: &[&Scalar],
        scope: Scope,
    ) -> Result<(String, Scope)> {
        let mut found: Vec<&Correlated> = Vec::new();
        scalars
            .iter()
            .for_each(|scalar| values_of(scalar, &mut found));
        let (mut joins, mut scope) = (String::new(), scope);
        for of in found {
            let (inner, alias) = (self.alias(), self.alias());
            let from = self.relation(&of.relation)?;
            let count = of.keys.len();
            let by: Vec<_> = (0..count).map(|at| format!("{inner}.c{at}")).collect();
            let mut on = Vec::new();
            for (at, key) in of.keys.iter().enumerate() {
                on.push(format!("{} = {alias}.c{at}", self.scalar(key, &scope)?));
            }
            let on = match on.is_empty() {
                true => "true".to_owned(),
                false => on.join(" AND "),
            };
            let group = match by.is_empty() {
                true => String::new(),
                false => format!(" GROUP BY {}", by.join(", ")),
            };
            let columns = listed(
                by.into_iter()
                    .chain([
                        format!("first({inner}.c{count}) AS value"),
                        "count(*) AS several".to_owned(),
                    ])
                    .collect(),
            );
            joins += &format!(
                "\nLEFT JOIN (\nSELECT {columns} FROM (\n{from}\n) AS {inner}{group}\n) AS {alias}\nON {on}"
            );
            scope.found(of, alias);
        }
        Ok((joins, scope))
    }

    /// A condition by which rows are kept, which may ask other rows.
    fn condition(&mut self, condition: &Scalar, scope: &Scope) -> Result<String> {
        let (negated, inner) = match &condition.node {
            Node::Call(Function::Not, parts) => ("NOT ", &parts[0]),
            _ => ("", condition),
        };
        match &inner.node {
            Node::In(value, relation) => {
                let alias = self.alias();
                let (value_sql, from) = (self.scalar(value, scope)?, self.relation(relation)?);
                Ok(format!(
                    "{value_sql} {negated}IN (SELECT {alias}.c0 FROM (\n{from}\n) AS {alias})"
                ))
            }
            Node::Correlated(of) if !matches!(of.asked, Asked::Value(_)) => {
                let alias = self.alias();
                let from = self.relation(&of.relation)?;
                let mut conditions = Vec::new();
                for (at, key) in of.keys.iter().enumerate() {
                    conditions.push(format!("{alias}.c{at} = {}", self.scalar(key, scope)?));
                }
                if let Asked::ExistsWhere(values, condition) = &of.asked {
                    let mut both = Vec::new();
                    for value in values {
                        both.push(self.scalar(value, scope)?);
                    }
                    let behind = of.keys.len()..of.relation.width();
                    both.extend(behind.map(|at| format!("{alias}.c{at}")));
                    conditions.push(self.scalar(condition, &Scope::of_columns(both))?);
                }
                let condition = match conditions.is_empty() {
                    true => "true".to_owned(),
                    false => conditions.join(" AND "),
                };
                Ok(format!(
                    "{negated}EXISTS (SELECT 1 FROM (\n{from}\n) AS {alias} WHERE {condition})"
                ))
            }
            _ => self.scalar(condition, scope),
        }
    }

    /// Refuses to group by what Postgres may show otherwise than Spark: 0 and -0 are one to both.
    fn check_key(&self, key: &Scalar) -> Result<()> {
        match key.kind {
            Type::Real | Type::Double => Err(Refusal::at(
                key.at,
                "rows are not grouped by floats in Spark: 0 and -0 are one there, and which is shown is not known",
            )),
            _ => Ok(()),
        }
    }
}

/// The conditions that all must be true.
fn conjuncts(condition: &Scalar) -> Vec<&Scalar> {
    match &condition.node {
        Node::And(parts) => parts.iter().flat_map(conjuncts).collect(),
        _ => vec![condition],
    }
}

/// The sub-selects that stand for one value in an expression.
fn values_of<'s>(scalar: &'s Scalar, found: &mut Vec<&'s Correlated>) {
    if let Node::Correlated(of) = &scalar.node
        && let Asked::Value(_) = of.asked
    {
        found.push(of);
    }
    scalar
        .parts()
        .into_iter()
        .for_each(|part| values_of(part, found));
}
