//! Resolves whether a value is among others.

use std::sync::Arc;

use sqlparser::ast::{Expr, Query};

use super::super::refusal::{Refusal, Result, place};
use super::super::tree::{Comparison, Derived, Node, Place, Relation, Resolved, Scalar};
use super::super::types::Type;
use super::around::Wanted;
use super::resolver::{Context, Resolver};
use super::scalar::logic;

impl Resolver<'_> {
    pub(super) fn in_list(
        &mut self,
        value: &Expr,
        list: &[Expr],
        context: Context<'_>,
        at: Place,
    ) -> Result<Scalar> {
        let value = self.scalar(value, context)?;
        let mut items = list
            .iter()
            .map(|item| self.scalar(item, context))
            .collect::<Result<Vec<_>>>()?;
        // Postgres brings the constants and the value to one type before it compares them.
        let has_column = |item: &Scalar| {
            item.has(&|part| {
                matches!(
                    part.node,
                    Node::Column(_) | Node::Outer(_) | Node::Query(_) | Node::Aggregate(_)
                )
            })
        };
        let common = items
            .iter()
            .filter(|item| !has_column(item))
            .try_fold(value.kind.clone(), |common, item| common.common(&item.kind));
        if let Some(common) = common
            && items.iter().filter(|item| !has_column(item)).count() > 1
            && common != Type::Unknown
        {
            for item in items.iter_mut().filter(|item| !has_column(item)) {
                *item = self.cast_implicitly(item.clone(), &common)?;
            }
        }
        let mut parts = Vec::new();
        for item in items {
            parts.push(self.compare(Comparison::Equal, value.clone(), item, at)?);
        }
        Ok(logic(Node::Or(parts), at))
    }

    pub(super) fn in_query(
        &mut self,
        value: &Expr,
        query: &Query,
        context: Context<'_>,
        at: Place,
    ) -> Result<Scalar> {
        if matches!(value, Expr::Tuple(_)) {
            return Err(Refusal::of(
                value,
                "is several values: compare one with a sub-select, or join",
            ));
        }
        let value = self.scalar(value, context)?;
        let (resolved, belonging) = self.sub_select(query, Wanted::Column, context)?;
        let (relation, kind, collation) = self.single_column(resolved, query)?;
        let column = Scalar::column(0, kind, collation);
        let [value, column] = self.comparable(Comparison::Equal, value, column, at)?;
        if let Some(belonging) = belonging {
            return Ok(belonging.contains(value, column, relation, at));
        }
        let relation = Relation::Project {
            input: Box::new(relation),
            columns: vec![column],
        };
        Ok(logic(Node::In(Box::new(value), Arc::new(relation)), at))
    }

    /// Resolves a sub-select of one column and at most one row as a value.
    pub(super) fn single_value(
        &mut self,
        query: &Query,
        context: Context<'_>,
        at: Place,
    ) -> Result<Scalar> {
        let (resolved, belonging) = self.sub_select(query, Wanted::Value, context)?;
        let (relation, kind, collation) = self.single_column(resolved, query)?;
        let node = match belonging {
            Some(belonging) => belonging.of(relation),
            None => Node::Query(Arc::new(relation)),
        };
        Ok(Scalar {
            node,
            kind,
            collation,
            at,
        })
    }

    fn single_column(
        &mut self,
        mut resolved: Resolved,
        query: &Query,
    ) -> Result<(Relation, Type, Derived)> {
        self.settle(&mut resolved);
        match resolved.columns.as_slice() {
            _ if resolved.is_open => Ok((resolved.relation, Type::Any, Derived::None)),
            [column] => Ok((
                resolved.relation,
                column.kind.clone(),
                column.collation.clone(),
            )),
            columns => Err(Refusal::at(
                place(query),
                format!(
                    "a sub-select of one column is needed here, not of {}",
                    columns.len()
                ),
            )),
        }
    }
}
