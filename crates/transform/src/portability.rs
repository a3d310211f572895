//! What a model may ask of a join.
//!
//! Polars resolves a condition in `ON` that is no equality of two columns against the wrong table where
//! both have a column of that name, and lets it turn a left join into an inner one: silently wrong rows,
//! measured on Polars 0.55 against Postgres. Such a model is refused before anything is read.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, JoinConstraint, JoinOperator, Select, Statement, TableFactor,
    TableWithJoins, Visit, Visitor,
};

/// Checks that a model is one statement, and every join in it of a kind that Postgres and Polars share.
///
/// # Errors
/// Why it is not, quoting the join.
pub(crate) fn check(statements: &[Statement]) -> Result<(), String> {
    let [statement] = statements else {
        return Err(format!(
            "one SELECT is expected, not {} statements",
            statements.len()
        ));
    };
    match statement.visit(&mut Joins) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(join) => Err(format!(
            "`{join}` cannot be run faithfully: join ON equalities of columns named with their tables (a.x = b.y AND …) \
             or USING, and put other conditions into WHERE or a subquery"
        )),
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
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    fn checked(sql: &str) -> Result<(), String> {
        check(&Parser::parse_sql(&GenericDialect {}, sql).expect("SQL"))
    }

    #[test]
    fn joins_on_equalities_of_columns_are_taken() {
        for sql in [
            "SELECT 1 FROM a",
            "SELECT 1 FROM a JOIN b ON a.x = b.x LEFT JOIN c ON (c.y = b.y AND c.z = a.z)",
            "SELECT 1 FROM a INNER JOIN b USING (x) CROSS JOIN (SELECT COUNT(*) AS n FROM c) AS d WHERE b.t = 'AB';",
            "WITH e AS (SELECT * FROM a) SELECT 1 FROM e FULL OUTER JOIN b ON e.x = b.x",
        ] {
            checked(sql).expect(sql);
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
        ] {
            let error = checked(sql).expect_err(sql);
            assert!(error.contains(quoted), "{error} lacks {quoted}");
        }
    }
}
