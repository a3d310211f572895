//! Resolves FROM: tables, sub-selects and joins.

use dataset::{Place, did_you_mean};
use sqlparser::ast::{
    Expr, Ident, Join as SqlJoin, JoinConstraint, JoinOperator, ObjectName, TableAlias,
    TableFactor, TableWithJoins,
};

use super::super::refusal::{Refusal, Result, place, place_of};
use super::super::tree::{Comparison, Join, Node, OutputColumn, Relation, Resolved, Scalar};
use super::super::types::Type;
use super::query;
use super::resolver::{Context, Resolver, Shared, columns_of};
use super::scope::{Named, Scope, Visible};
use crate::model::from_names::{called, place_of as place_of_name};
use crate::model::identifier::folded;
use crate::model::optimize::is_hashable;

/// A relation in FROM, with the names that are visible of it.
pub(super) struct From {
    pub(super) relation: Relation,
    pub(super) scope: Scope,
}

impl Resolver<'_> {
    /// Resolves all of FROM. Without a FROM, this is one row.
    pub(super) fn from(&mut self, from: &[TableWithJoins]) -> Result<From> {
        let mut whole: Option<From> = None;
        for tables in from {
            let next = self.tables(tables)?;
            whole = Some(match whole {
                None => next,
                Some(left) => self.product(left, next)?,
            });
        }
        Ok(whole.unwrap_or(From {
            relation: Relation::One,
            scope: Scope::default(),
        }))
    }

    fn tables(&mut self, tables: &TableWithJoins) -> Result<From> {
        let mut left = self.factor(&tables.relation)?;
        for join in &tables.joins {
            let right = self.factor(&join.relation)?;
            left = self.joined(left, join, right)?;
        }
        Ok(left)
    }

    fn factor(&mut self, factor: &TableFactor) -> Result<From> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
                self.named_table(name, alias.as_ref())
            }
            TableFactor::Derived {
                lateral: false,
                subquery,
                alias,
                sample: None,
            } => {
                let mut resolved = self.query(subquery)?;
                self.settle(&mut resolved);
                let name = alias.as_ref().map(|alias| folded(&alias.name));
                self.visible(resolved, name.unwrap_or_default(), None, alias.as_ref())
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => self.deeper(|resolver| resolver.tables(table_with_joins)),
            other => Err(Refusal::of(
                other,
                "is not supported in FROM: name a table or a sub-select",
            )),
        }
    }

    fn named_table(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Result<From> {
        let (Some((of, own)), Some(table)) = (place_of_name(name), called(name, self.schema))
        else {
            return Err(Refusal::of(
                name,
                "is not a table, with its schema before it or without one",
            ));
        };
        let known = alias.map_or(own, |alias| folded(&alias.name));
        let is_shared = |shared: &&Shared| of.is_none() && shared.name == table;
        if let Some(shared) = self.shared.iter().rev().find(is_shared) {
            let resolved = Resolved {
                relation: Relation::Shared(shared.relation.clone()),
                columns: shared.columns.clone(),
                is_open: shared.is_open,
            };
            return self.visible(resolved, known, None, alias);
        }
        if of.is_none() && Place::parse(&table).is_some() {
            // A run uses such names for tables of other schemas.
            return Err(Refusal::of(name, "has a dot in its name"));
        }
        if let Some(column) = alias.and_then(|alias| alias.columns.first()) {
            // Only the columns that the SELECT names are read, so their positions in the table aren't known.
            return Err(Refusal::at(
                place_of(&column.name),
                format!(
                    "`{}` renames a column of a table: rename it in a sub-select, (SELECT … AS {}) AS {known}",
                    column.name, column.name
                ),
            ));
        }
        let Some(found) = self.catalog.table(&table) else {
            let names = self.catalog.names();
            let meant = did_you_mean(&table, names.iter().copied());
            let there = match names.is_empty() {
                true => String::new(),
                false => format!(", which has {}", names.join(", ")),
            };
            return Err(Refusal::of(
                name,
                format!("is not a table of the dataset{there}{meant}"),
            ));
        };
        let columns = found.columns.as_deref().unwrap_or_default();
        let resolved = Resolved {
            relation: Relation::Table {
                name: table.clone(),
                columns: columns.iter().map(|column| column.name.clone()).collect(),
            },
            columns: columns
                .iter()
                .map(|column| OutputColumn {
                    name: column.name.clone(),
                    kind: column.kind.clone(),
                    collation: column.collation.clone(),
                })
                .collect(),
            is_open: found.columns.is_none(),
        };
        let unread = found.unread.clone();
        let table = alias.is_none().then_some(table);
        let mut from = self.visible(resolved, known, table, alias)?;
        for table in &mut from.scope.tables {
            table.unread = unread.clone();
        }
        Ok(from)
    }

    fn visible(
        &mut self,
        mut resolved: Resolved,
        name: String,
        table: Option<String>,
        alias: Option<&TableAlias>,
    ) -> Result<From> {
        if let Some(alias) = alias {
            if alias.at.is_some()
                || alias
                    .columns
                    .iter()
                    .any(|column| column.data_type.is_some())
            {
                return Err(Refusal::at(
                    place_of(&alias.name),
                    format!("`{alias}` is not supported"),
                ));
            }
            if !resolved.is_open {
                query::rename(&mut resolved, &alias.columns)?;
            }
        }
        let values = columns_of(&resolved.columns);
        let named = resolved.columns.into_iter().zip(values);
        let columns: Vec<Named> = named
            .map(|(column, value)| Named {
                name: column.name,
                value,
            })
            .collect();
        Ok(From {
            relation: resolved.relation,
            scope: Scope {
                tables: vec![Visible {
                    name,
                    table,
                    columns: columns.clone(),
                    is_open: resolved.is_open,
                    unread: Vec::new(),
                }],
                columns,
            },
        })
    }

    fn product(&mut self, left: From, right: From) -> Result<From> {
        let width = left.relation.width();
        check_names(&left.scope, &right.scope)?;
        Ok(From {
            relation: join(
                left.relation,
                right.relation,
                (false, false),
                Vec::new(),
                None,
            ),
            scope: left.scope.joined(right.scope, width),
        })
    }

    fn joined(&mut self, left: From, sql: &SqlJoin, right: From) -> Result<From> {
        check_names(&left.scope, &right.scope)?;
        let (constraint, kept) = match &sql.join_operator {
            _ if sql.global => {
                return Err(Refusal::at(place(sql), "GLOBAL joins are not supported"));
            }
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => {
                (constraint, (false, false))
            }
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => {
                (constraint, (true, false))
            }
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => {
                (constraint, (false, true))
            }
            JoinOperator::FullOuter(constraint) => (constraint, (true, true)),
            JoinOperator::CrossJoin(JoinConstraint::None) => return self.product(left, right),
            _ => {
                return Err(Refusal::at(
                    place(sql),
                    format!("`{}` is not supported", sql.to_string().trim()),
                ));
            }
        };
        let width = left.relation.width();
        match constraint {
            JoinConstraint::On(condition) => {
                let scope = left.scope.joined(right.scope, width);
                let condition = self.condition(condition, Context::plain(&scope, "JOIN"))?;
                // If a table's columns aren't known, neither is the side that a column belongs to.
                if kept == (true, true) && !scope.is_open() && !is_hashable(&condition, width) {
                    return Err(Refusal::at(
                        place(sql),
                        "Postgres joins FULL only where columns of both sides are equal",
                    ));
                }
                Ok(From {
                    relation: join(
                        left.relation,
                        right.relation,
                        kept,
                        Vec::new(),
                        Some(condition),
                    ),
                    scope,
                })
            }
            JoinConstraint::Using(columns) => {
                let names = columns.iter().map(|object| match object.0.as_slice() {
                    [part] => part.as_ident().cloned(),
                    _ => None,
                });
                let names: Option<Vec<Ident>> = names.collect();
                let names = names.ok_or_else(|| Refusal::at(place(sql), "is not a column"))?;
                self.using(left, right, kept, &names)
            }
            // This joins by columns of the same name, which aren't known without a database.
            JoinConstraint::Natural if left.scope.is_open() || right.scope.is_open() => {
                self.product(left, right)
            }
            JoinConstraint::Natural => {
                let of_right = |name: &str| right.scope.columns.iter().any(|of| of.name == name);
                let columns = left.scope.columns.iter();
                let shared = columns.filter(|column| of_right(&column.name));
                let names: Vec<Ident> = shared
                    .map(|column| Ident::with_quote('"', &column.name))
                    .collect();
                self.using(left, right, kept, &names)
            }
            _ => Err(Refusal::at(
                place(sql),
                format!(
                    "`{}` is not supported: join ON a condition, USING columns, or NATURAL",
                    sql.to_string().trim()
                ),
            )),
        }
    }

    /// Resolves a join USING columns. Each of these is there once, at the beginning.
    fn using(
        &mut self,
        left: From,
        right: From,
        kept: (bool, bool),
        names: &[Ident],
    ) -> Result<From> {
        let width = left.relation.width();
        let mut equal = Vec::new();
        let mut merged: Vec<Named> = Vec::new();
        let (mut one, mut other) = (left.scope.clone(), right.scope.clone());
        for name in names {
            let missing = |side: &str| {
                Refusal::at(
                    place_of(name),
                    format!("column `{name}` of USING does not exist on the {side} side"),
                )
            };
            let a = left.scope.column(name)?.ok_or_else(|| missing("left"))?;
            let b = right.scope.column(name)?.ok_or_else(|| missing("right"))?;
            let at = place_of(name);
            let [a_key, b_key] = self.comparable(Comparison::Equal, a.clone(), b.clone(), at)?;
            let common = a.kind.common(&b.kind);
            let common = common
                .ok_or_else(|| Refusal::at(at, format!("`{name}` is {} and {}", a.kind, b.kind)))?;
            let b = b.shifted(width);
            let value = match kept {
                (true, true) => {
                    let collation = self.collation_of(&[&a, &b], at)?;
                    let parts = vec![
                        self.cast_implicitly(a, &common)?,
                        self.cast_implicitly(b, &common)?,
                    ];
                    Scalar {
                        node: Node::Coalesce(parts),
                        kind: common,
                        collation,
                        at,
                    }
                }
                (false, true) => self.cast_implicitly(b, &common)?,
                _ => self.cast_implicitly(a, &common)?,
            };
            equal.push((a_key, b_key));
            let name = folded(name);
            one.columns.retain(|column| column.name != name);
            other.columns.retain(|column| column.name != name);
            merged.push(Named { name, value });
        }
        let mut scope = one.joined(other, width);
        merged.append(&mut scope.columns);
        scope.columns = merged;
        Ok(From {
            relation: join(left.relation, right.relation, kept, equal, None),
            scope,
        })
    }

    /// Resolves an expression that must be boolean.
    pub(super) fn condition(&mut self, expr: &Expr, context: Context<'_>) -> Result<Scalar> {
        let value = self.scalar(expr, context)?;
        match value.kind {
            Type::Boolean | Type::Any => Ok(value),
            Type::Unknown => self.cast_implicitly(value, &Type::Boolean),
            _ => Err(Refusal::of(
                expr,
                format!("is {} where {} needs boolean", value.kind, context.clause),
            )),
        }
    }
}

fn check_names(left: &Scope, right: &Scope) -> Result<()> {
    let named = |table: &&Visible| !table.name.is_empty();
    let twice = right
        .tables
        .iter()
        .filter(named)
        .find(|table| left.tables.iter().any(|other| clash(table, other)));
    match twice {
        Some(table) => Err(Refusal::at(
            super::super::tree::Place::default(),
            format!(
                "`{}` is the name of two tables of FROM: give one of them another alias",
                table.name
            ),
        )),
        None => Ok(()),
    }
}

/// Whether two tables of FROM cannot be told apart. They can be if they have no alias and different schemas.
fn clash(one: &Visible, other: &Visible) -> bool {
    let are_told_apart = match (&one.table, &other.table) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    };
    one.name == other.name && !are_told_apart
}

fn join(
    left: Relation,
    right: Relation,
    (keeps_left, keeps_right): (bool, bool),
    equal: Vec<(Scalar, Scalar)>,
    condition: Option<Scalar>,
) -> Relation {
    Relation::Join(Box::new(Join {
        left,
        right,
        keeps_left,
        keeps_right,
        equal,
        condition,
    }))
}
