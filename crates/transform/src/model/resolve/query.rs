//! Resolves WITH, set operations, ORDER BY and LIMIT.

use std::sync::Arc;

use sqlparser::ast::{
    Expr, LimitClause, OrderBy, OrderByExpr, OrderByKind, Query, SetExpr, SetOperator,
    SetQuantifier, Value as Literal, Values,
};

use super::super::refusal::{Refusal, Result, place, place_of};
use super::super::tree::{OutputColumn, Relation, Resolved, Scalar, SetOperation, SortKey};
use super::super::types::Type;
use super::coerce::untyped;
use super::resolver::{Context, Resolver, Shared, columns_of};
use super::scope::Scope;
use crate::model::identifier::folded;

impl Resolver<'_> {
    /// Resolves a query. Columns without a type are left to the caller.
    pub(super) fn query(&mut self, query: &Query) -> Result<Resolved> {
        let known = self.shared.len();
        let resolved = self.deeper(|resolver| resolver.query_with(query));
        self.shared.truncate(known);
        resolved
    }

    fn query_with(&mut self, query: &Query) -> Result<Resolved> {
        let refused = [
            (
                query
                    .fetch
                    .as_ref()
                    .is_some_and(|of| of.with_ties || of.percent),
                "FETCH WITH TIES",
            ),
            (
                query.fetch.is_some() && has_limit(query.limit_clause.as_ref()),
                "FETCH beside LIMIT",
            ),
            (!query.locks.is_empty(), "FOR UPDATE"),
            (query.for_clause.is_some(), "FOR"),
            (query.settings.is_some(), "SETTINGS"),
            (query.format_clause.is_some(), "FORMAT"),
            (!query.pipe_operators.is_empty(), "|>"),
        ];
        if let Some((_, clause)) = refused.iter().find(|(there, _)| *there) {
            return Err(Refusal::at(
                place(query),
                format!("`{clause}` is not supported"),
            ));
        }
        let is_sub_select = self.is_sub_select();
        if let Some(with) = &query.with {
            if with.recursive {
                return Err(Refusal::at(
                    place(query),
                    "`WITH RECURSIVE` is not supported",
                ));
            }
            for cte in &with.cte_tables {
                let name = folded(&cte.alias.name);
                let mut resolved = self.query(&cte.query)?;
                self.settle(&mut resolved);
                if !resolved.is_open {
                    rename(&mut resolved, &cte.alias.columns)?;
                }
                self.shared.push(Shared {
                    name,
                    relation: Arc::new(resolved.relation),
                    columns: resolved.columns,
                    is_open: resolved.is_open,
                });
            }
        }
        let order = match &query.order_by {
            None => &[][..],
            Some(OrderBy {
                kind: OrderByKind::Expressions(keys),
                interpolate: None,
            }) => keys,
            Some(order) => return Err(Refusal::of(order, "is not supported")),
        };
        let mut resolved = match &*query.body {
            SetExpr::Select(select) => self.select(select, order, is_sub_select)?,
            body => {
                let resolved = self.set(body)?;
                self.ordered(resolved, order)?
            }
        };
        let (limit, offset) = match &query.limit_clause {
            None => (None, 0),
            Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            }) if limit_by.is_empty() => (
                limit.as_ref().map(count).transpose()?.flatten(),
                offset
                    .as_ref()
                    .map(|offset| count(&offset.value))
                    .transpose()?
                    .flatten()
                    .unwrap_or(0),
            ),
            Some(clause) => return Err(Refusal::of(clause, "is not supported")),
        };
        let limit = match &query.fetch {
            None => limit,
            Some(fetch) => fetch.quantity.as_ref().map_or(Ok(Some(1)), count)?,
        };
        let is_correlated = is_sub_select && self.is_correlated(limit, offset, place(query))?;
        if !is_correlated && (limit.is_some() || offset > 0) {
            resolved.relation = Relation::Limit {
                input: Box::new(resolved.relation),
                limit,
                offset,
            };
        }
        Ok(resolved)
    }

    /// Resolves a SELECT, a set operation or a query in parentheses.
    fn set(&mut self, body: &SetExpr) -> Result<Resolved> {
        match body {
            SetExpr::Select(select) => self.select(select, &[], false),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation {
                left,
                op,
                set_quantifier,
                right,
            } => {
                let operation = match op {
                    SetOperator::Union => SetOperation::Union,
                    SetOperator::Intersect => SetOperation::Intersect,
                    SetOperator::Except => SetOperation::Except,
                    SetOperator::Minus => {
                        return Err(Refusal::of(body, "is not supported: write EXCEPT"));
                    }
                };
                let all = match set_quantifier {
                    SetQuantifier::All => true,
                    SetQuantifier::None | SetQuantifier::Distinct => false,
                    _ => return Err(Refusal::of(body, "is not supported")),
                };
                self.deeper(|resolver| {
                    let one = resolver.set(left)?;
                    let other = resolver.set(right)?;
                    resolver.combined(body, operation, all, one, other)
                })
            }
            SetExpr::Values(values) => self.values(values),
            other => Err(Refusal::of(other, "is not supported: a model is a SELECT")),
        }
    }

    /// Resolves VALUES, whose columns are named `column1` and so on.
    fn values(&mut self, values: &Values) -> Result<Resolved> {
        let scope = Scope::default();
        let mut rows = Vec::new();
        for row in &values.rows {
            let row = row.content.iter();
            let row =
                row.map(|expr| Ok((self.scalar(expr, Context::plain(&scope, "VALUES"))?, expr)));
            rows.push(row.collect::<Result<Vec<_>>>()?);
        }
        let width = rows.first().map_or(0, Vec::len);
        let mut resolved = vec![Vec::with_capacity(width); rows.len()];
        let mut columns = Vec::with_capacity(width);
        for at in 0..width {
            let column: Option<Vec<_>> = rows.iter().map(|row| row.get(at)).collect();
            let Some(column) = column.filter(|_| rows.iter().all(|row| row.len() == width)) else {
                return Err(Refusal::of(
                    values,
                    "has rows of different numbers of columns",
                ));
            };
            let of_rows = column.iter().map(|(value, _)| value.clone()).collect();
            let (kind, collation, of_rows) = self.brought_together(of_rows, column[0].1)?;
            for (row, value) in resolved.iter_mut().zip(of_rows) {
                row.push(value);
            }
            columns.push(OutputColumn {
                name: format!("column{}", at + 1),
                kind,
                collation: collation.of_column(),
            });
        }
        Ok(Resolved {
            relation: Relation::Values(resolved),
            columns,
            is_open: false,
        })
    }

    fn combined(
        &mut self,
        body: &SetExpr,
        operation: SetOperation,
        all: bool,
        left: Resolved,
        right: Resolved,
    ) -> Result<Resolved> {
        if left.is_open || right.is_open {
            return Ok(Resolved {
                is_open: true,
                ..left
            });
        }
        if left.columns.len() != right.columns.len() {
            return Err(Refusal::of(
                body,
                "has sides of different numbers of columns",
            ));
        }
        let mut columns = Vec::new();
        let (mut one, mut other) = (Vec::new(), Vec::new());
        let side = |resolved: &Resolved| -> Vec<Scalar> {
            let columns = columns_of(&resolved.columns).into_iter().enumerate();
            // A literal without a type gets that of the other side.
            let typed = columns.map(|(at, column)| match column.kind {
                Type::Unknown => untyped(&resolved.relation, at).unwrap_or(column),
                _ => column,
            });
            typed.collect()
        };
        let sides = side(&left).into_iter().zip(side(&right));
        for ((left, right), named) in sides.zip(&left.columns) {
            let common = left.kind.common(&right.kind).ok_or_else(|| {
                Refusal::of(
                    body,
                    format!(
                        "has sides of {} and {} in column `{}`",
                        left.kind, right.kind, named.name
                    ),
                )
            })?;
            let common = match common {
                Type::Unknown => Type::Text,
                common => common,
            };
            if !all {
                self.check_equality(&common, &[&left, &right], place(body))?;
            }
            let collation = self.collation_of(&[&left, &right], place(body))?;
            let (kind, values) = self.of_type(vec![left, right], common)?;
            let mut values = values.into_iter();
            one.extend(values.next());
            other.extend(values.next());
            columns.push(OutputColumn {
                name: named.name.clone(),
                kind,
                collation: collation.of_column(),
            });
        }
        let projected = |input: Relation, columns: Vec<Scalar>| Relation::Project {
            input: Box::new(input),
            columns,
        };
        Ok(Resolved {
            relation: Relation::Set {
                operation,
                all,
                left: Box::new(projected(left.relation, one)),
                right: Box::new(projected(right.relation, other)),
            },
            columns,
            is_open: false,
        })
    }

    /// Orders the rows of a set operation by names or positions of its columns.
    fn ordered(&mut self, resolved: Resolved, order: &[OrderByExpr]) -> Result<Resolved> {
        if order.is_empty() || resolved.is_open {
            return Ok(resolved);
        }
        let columns = columns_of(&resolved.columns);
        let mut keys = Vec::new();
        for key in order {
            let at = match &key.expr {
                Expr::Identifier(name) => named(&resolved.columns, &folded(name), &key.expr)?,
                expr => position(expr, columns.len())?,
            };
            let Some(at) = at else {
                return Err(Refusal::of(
                    &key.expr,
                    "orders a set operation: only names and positions of its columns do",
                ));
            };
            keys.push(self.sort_key(key, columns[at].clone())?);
        }
        Ok(Resolved {
            relation: Relation::Sort {
                input: Box::new(resolved.relation),
                keys,
            },
            ..resolved
        })
    }

    /// Resolves a key of ORDER BY.
    pub(super) fn sort_key(&mut self, key: &OrderByExpr, value: Scalar) -> Result<SortKey> {
        if key.with_fill.is_some() {
            return Err(Refusal::of(key, "is not supported"));
        }
        self.check_order(&value.kind, &[&value], place(&key.expr))?;
        let descending = key.options.asc == Some(false);
        Ok(SortKey {
            value,
            descending,
            nulls_first: key.options.nulls_first.unwrap_or(descending),
        })
    }
}

/// The position of the only column with a name; `None` if there is none.
pub(super) fn named(columns: &[OutputColumn], name: &str, expr: &Expr) -> Result<Option<usize>> {
    let mut found = (0..columns.len()).filter(|&at| columns[at].name == name);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Refusal::of(expr, "is the name of several columns")),
        (found, _) => Ok(found),
    }
}

/// The column whose number an expression in ORDER BY or GROUP BY is; `None` for any other expression.
pub(super) fn position(expr: &Expr, columns: usize) -> Result<Option<usize>> {
    let Expr::Value(value) = expr else {
        return Ok(None);
    };
    match &value.value {
        Literal::Number(number, _) => match number.parse::<usize>() {
            Ok(at) if (1..=columns).contains(&at) => Ok(Some(at - 1)),
            _ => Err(Refusal::of(expr, "is not the position of a column")),
        },
        _ => Err(Refusal::of(
            expr,
            "is a constant, which orders and groups nothing",
        )),
    }
}

/// Renames the first columns.
pub(super) fn rename(
    resolved: &mut Resolved,
    names: &[sqlparser::ast::TableAliasColumnDef],
) -> Result<()> {
    if let Some(extra) = names.get(resolved.columns.len()) {
        return Err(Refusal::at(
            place_of(&extra.name),
            format!("`{}` names a column that does not exist", extra.name),
        ));
    }
    for (column, name) in resolved.columns.iter_mut().zip(names) {
        column.name = folded(&name.name);
    }
    Ok(())
}

/// The number of rows in LIMIT or OFFSET; `None` for all.
///
/// # Errors
/// If it isn't a constant.
pub(crate) fn count(expr: &Expr) -> Result<Option<u64>> {
    if let Expr::Value(value) = expr {
        match &value.value {
            Literal::Null => return Ok(None),
            Literal::Number(number, _) => {
                if let Ok(count) = number.parse::<i64>() {
                    return Ok(Some(count.unsigned_abs()));
                }
            }
            _ => {}
        }
    }
    Err(Refusal::of(expr, "is not a whole number of rows"))
}

fn has_limit(clause: Option<&LimitClause>) -> bool {
    !matches!(
        clause,
        None | Some(LimitClause::LimitOffset { limit: None, .. })
    )
}
