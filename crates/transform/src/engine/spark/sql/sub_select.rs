//! Writes sub-selects as Spark's SQL: those that give a single value become joins, others conditions.

use super::scope::Scope;
use super::writer::{Writer, listed};
use crate::model::refusal::Result;
use crate::model::tree::{Asked, Correlated, Function, Node, Scalar};

impl Writer<'_> {
    /// Writes joins for the sub-selects that give a single value in these expressions, and gives the scope that finds these values.
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

    /// Writes a condition for keeping rows, which may contain sub-selects.
    pub(super) fn condition(&mut self, condition: &Scalar, scope: &Scope) -> Result<String> {
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
                    // These are all columns of the relation, including the keys.
                    both.extend((0..of.relation.width()).map(|at| format!("{alias}.c{at}")));
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
}

/// Finds the sub-selects in an expression that give a single value.
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
