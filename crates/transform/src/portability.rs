//! What a model may ask of a join.
//!
//! Polars resolves a condition in `ON` that is no equality of two columns against the wrong table where
//! both have a column of that name, and lets it turn a left join into an inner one: silently wrong rows,
//! measured on Polars 0.55 against Postgres. Such a model is refused before anything is read.

use std::ops::ControlFlow;

use dataset::Model;
use dataset::failure::{Kind, OrFail};
use sqlparser::ast::{
    BinaryOperator, Expr, JoinConstraint, JoinOperator, Select, TableFactor, TableWithJoins, Visit,
    Visitor,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

/// Checks that every join of the model is of a kind that Postgres and Polars share.
///
/// # Errors
/// [`Kind::Usage`] quoting the join.
pub(crate) fn check(model: &Model) -> anyhow::Result<()> {
    let place = || format!("model `{}`", model.name);
    let statements =
        Parser::parse_sql(&GenericDialect {}, &model.sql).or_fail(Kind::Usage, place)?;
    if statements.len() != 1 {
        return Err(Kind::Usage.error(format!(
            "{}: one SELECT is expected, not {} statements",
            place(),
            statements.len()
        )));
    }
    match statements.visit(&mut Joins) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(join) => Err(Kind::Usage.error(format!(
            "{}: `{join}` cannot be run faithfully: join ON equalities of columns named with their tables (a.x = b.y \
             AND …) or USING, and put other conditions into WHERE or a subquery",
            place()
        ))),
    }
}

struct Joins;

impl Visitor for Joins {
    /// The join that is refused.
    type Break = String;

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        select.from.iter().try_for_each(check_joins)
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        match factor {
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => check_joins(table_with_joins),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn check_joins(tables: &TableWithJoins) -> ControlFlow<String> {
    for join in &tables.joins {
        let faithful = match &join.join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint) => match constraint {
                JoinConstraint::On(condition) => is_equality_of_columns(condition),
                JoinConstraint::Using(_) => true,
                _ => false,
            },
            JoinOperator::CrossJoin(JoinConstraint::None) => true,
            _ => false,
        };
        if !faithful {
            return ControlFlow::Break(join.to_string().trim().to_owned());
        }
    }
    ControlFlow::Continue(())
}

fn is_equality_of_columns(condition: &Expr) -> bool {
    match condition {
        Expr::Nested(inner) => is_equality_of_columns(inner),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => is_equality_of_columns(left) && is_equality_of_columns(right),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Eq,
            right,
        } => {
            let is_column = |side: &Expr| matches!(side, Expr::CompoundIdentifier(_));
            is_column(left) && is_column(right)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::whole::tests::model;

    #[test]
    fn joins_on_equalities_of_columns_are_taken() {
        for sql in [
            "SELECT 1 FROM a",
            "SELECT 1 FROM a JOIN b ON a.x = b.x LEFT JOIN c ON (c.y = b.y AND c.z = a.z)",
            "SELECT 1 FROM a INNER JOIN b USING (x) CROSS JOIN (SELECT COUNT(*) AS n FROM c) AS d WHERE b.t = 'AB';",
            "WITH e AS (SELECT * FROM a) SELECT 1 FROM e FULL OUTER JOIN b ON e.x = b.x",
        ] {
            check(&model(sql, &[])).expect(sql);
        }
    }

    #[test]
    fn other_joins_are_refused_and_quoted() {
        for (sql, quoted) in [
            (
                "SELECT 1 FROM a LEFT JOIN b ON a.x = b.x AND b.t = 'AB'",
                "LEFT JOIN b ON a.x = b.x AND b.t = 'AB'",
            ),
            ("SELECT 1 FROM a JOIN b ON a.x = b.x AND b.k > 3", "b.k > 3"),
            ("SELECT 1 FROM a JOIN b ON x = y", "x = y"),
            ("SELECT 1 FROM a JOIN b ON a.x = b.x OR a.y = b.y", "OR"),
            ("SELECT 1 FROM a NATURAL JOIN b", "NATURAL JOIN b"),
            (
                "SELECT 1 FROM a WHERE x IN (SELECT b.x FROM b JOIN c ON b.x = c.x + 1)",
                "c.x + 1",
            ),
            (
                "WITH e AS (SELECT 1 FROM a JOIN b ON true) SELECT * FROM e",
                "JOIN b ON true",
            ),
            ("SELECT 1; SELECT 2", "2 statements"),
            ("SELEC 1", "model `m`"),
        ] {
            let error = check(&model(sql, &[])).expect_err(sql);
            assert_eq!(
                dataset::failure::Failure::kind_of(&error),
                Some(Kind::Usage)
            );
            assert!(
                format!("{error:#}").contains(quoted),
                "{error:#} lacks {quoted}"
            );
        }
    }
}
