//! Finds the rows of its only table that a SELECT needs, as far as the server can select them; only these leave the server.

use std::ops::ControlFlow;

use database::catalogue::identifier::quoted;
use database::catalogue::inventory::KnownTable;
use dataset::RowsRead;
use sqlparser::ast::{
    BinaryOperator, Expr, LimitClause, Offset, OrderByExpr, OrderByKind, Query, Select, SelectItem,
    SetExpr, TableFactor, TableWithJoins,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::condition::is_plain;
use crate::model::identifier::folded;
use crate::model::plan::is_empty;
use crate::model::resolve::count;
use crate::model::walk::{Part, walk};

/// The rows that a SELECT of one table needs: those of its WHERE, and as many as its LIMIT allows. The SELECT then runs here over
/// these rows, with the same result as over all.
pub(crate) fn rows(query: &Query, table: &KnownTable) -> RowsRead {
    read(query, table).unwrap_or_default()
}

fn read(query: &Query, table: &KnownTable) -> Option<RowsRead> {
    let Query {
        with: None,
        body,
        order_by,
        limit_clause,
        fetch: None,
        ..
    } = query
    else {
        return None;
    };
    let SetExpr::Select(select) = &**body else {
        return None;
    };
    let of = OneTable::of(select, table)?;
    // Another SELECT within it may need other rows of the table.
    let mut queries = 0;
    let _ = walk(query, |part| {
        queries += usize::from(matches!(part, Part::Query(_)));
        ControlFlow::Continue(())
    });
    if queries > 1 {
        return None;
    }
    let mut parts = Vec::new();
    if let Some(condition) = &select.selection {
        conjuncts(condition, &mut parts);
    }
    let pushed: Vec<String> = parts.iter().filter_map(|part| of.on_server(part)).collect();
    let mut rows = RowsRead {
        condition: (!pushed.is_empty()).then(|| pushed.join(" AND ")),
        ..RowsRead::default()
    };
    if pushed.len() == parts.len() && gives_a_row_for_each(select) {
        let order = match order_by.as_ref().map(|order| &order.kind) {
            None => Some(Vec::new()),
            Some(OrderByKind::Expressions(items)) => of.order(items, &select.projection),
            Some(_) => None,
        };
        if let (Some(order), Some(limit)) = (order, limit_clause.as_ref().and_then(limit)) {
            rows.order_by = order;
            rows.limit = Some(limit);
        }
    }
    Some(rows)
}

/// The only table of a SELECT.
struct OneTable<'a> {
    table: &'a KnownTable,
    /// The name that may stand before the table's columns.
    name: String,
}

impl<'a> OneTable<'a> {
    fn of(select: &Select, table: &'a KnownTable) -> Option<Self> {
        let [TableWithJoins { relation, joins }] = select.from.as_slice() else {
            return None;
        };
        let TableFactor::Table {
            name,
            alias,
            args: None,
            with_ordinality: false,
            sample: None,
            ..
        } = relation
        else {
            return None;
        };
        if !joins.is_empty() {
            return None;
        }
        let name = match alias {
            // Columns are renamed.
            Some(alias) if !alias.columns.is_empty() => return None,
            Some(alias) => &alias.name,
            None => name.0.last()?.as_ident()?,
        };
        let name = folded(name);
        Some(Self { table, name })
    }

    /// The name of a column, if the expression is nothing else.
    fn column(&self, expr: &Expr) -> Option<String> {
        let name = match expr {
            Expr::Identifier(name) => folded(name),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [of, name] if folded(of) == self.name => folded(name),
                _ => return None,
            },
            _ => return None,
        };
        self.table.column(&name).map(|_| name)
    }

    /// A condition in the form in which the server understands it for the table alone; `None` if the server may not evaluate it.
    fn on_server(&self, condition: &Expr) -> Option<String> {
        if !is_plain(condition) {
            return None;
        }
        let of_others = walk(condition, |part| match part {
            Part::Expr(part @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)))
                if self.column(part).is_none() =>
            {
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        });
        if of_others.is_break() {
            return None;
        }
        // The table's alias has no meaning there, so it is removed.
        let text = condition.to_string();
        let mut tokens = Tokenizer::new(&PostgreSqlDialect {}, &text).with_unescape(false);
        let tokens = tokens.tokenize();
        let mut tokens = tokens.ok()?.into_iter().peekable();
        let mut bare = String::new();
        while let Some(token) = tokens.next() {
            match token {
                Token::Word(_) if tokens.next_if_eq(&Token::Period).is_some() => {}
                token => bare += &token.to_string(),
            }
        }
        Some(format!("({bare})"))
    }

    /// The order of the table's rows that is the SELECT's own.
    fn order(&self, items: &[OrderByExpr], projection: &[SelectItem]) -> Option<Vec<String>> {
        let is_alias = |name: &str| {
            projection.iter().any(|item| match item {
                SelectItem::ExprWithAlias { expr, alias } => {
                    folded(alias) == name && self.column(expr).as_deref() != Some(name)
                }
                // Postgres names such a column after its contents: `id::text` is named `id`.
                SelectItem::UnnamedExpr(expr) => self.column(expr).is_none(),
                _ => false,
            })
        };
        let order = items.iter().map(|item| {
            let name = self.column(&item.expr)?;
            // In ORDER BY, a name alone means a column of the output first.
            if matches!(item.expr, Expr::Identifier(_)) && is_alias(&name) {
                return None;
            }
            let options = &item.options;
            Some(format!("{}{options}", quoted(&name)))
        });
        order.collect()
    }
}

/// The conditions that are all true where this one is.
fn conjuncts<'a>(condition: &'a Expr, found: &mut Vec<&'a Expr>) {
    match condition {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            conjuncts(left, found);
            conjuncts(right, found);
        }
        Expr::Nested(inner) => conjuncts(inner, found),
        part => found.push(part),
    }
}

/// Whether a SELECT gives one row for each row that its WHERE keeps.
fn gives_a_row_for_each(select: &Select) -> bool {
    let is_of_row = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => is_plain(expr),
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        _ => false,
    };
    select.distinct.is_none()
        && is_empty(&select.group_by)
        && select.having.is_none()
        && select.projection.iter().all(is_of_row)
}

/// How many rows LIMIT and OFFSET together need.
fn limit(clause: &LimitClause) -> Option<u64> {
    let LimitClause::LimitOffset {
        limit: Some(limit),
        offset,
        ..
    } = clause
    else {
        return None;
    };
    let skipped = match offset {
        None => 0,
        Some(Offset { value, .. }) => count(value).ok()??,
    };
    count(limit).ok()??.checked_add(skipped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use database::catalogue::inventory::KnownColumn;
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::parser::Parser;

    fn table() -> KnownTable {
        let column = |name: &str| KnownColumn {
            name: name.to_owned(),
            shown: "text".to_owned(),
            type_name: "text".to_owned(),
            is_carried: true,
            nullable: true,
        };
        KnownTable {
            schema: "public".to_owned(),
            name: "t".to_owned(),
            relkind: 'r',
            is_partition: false,
            has_children: false,
            estimated_rows: 0,
            columns: ["a", "b", "C d"].map(column).into(),
            key: Vec::new(),
            references: Vec::new(),
        }
    }

    /// The rows that a SELECT needs, as SQL.
    fn needed(sql: &str) -> String {
        let query = Parser::new(&PostgreSqlDialect {})
            .try_with_sql(sql)
            .and_then(|mut parser| parser.parse_query())
            .expect(sql);
        let RowsRead {
            condition,
            order_by,
            limit,
        } = rows(&query, &table());
        let order_by = (!order_by.is_empty()).then(|| format!("ORDER BY {}", order_by.join(", ")));
        let limit = limit.map(|limit| format!("LIMIT {limit}"));
        let parts = [condition, order_by, limit].into_iter().flatten();
        parts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn conditions_that_the_server_may_judge_are_its_own() {
        for (sql, expected) in [
            (
                "SELECT a FROM t AS x WHERE x.A > 5 AND (b = 'y' AND \"C d\" IS NULL)",
                "(A > 5) AND (b = 'y') AND (\"C d\" IS NULL)",
            ),
            (
                "SELECT a FROM s.t WHERE a > 5 OR b = 'y'",
                "(a > 5 OR b = 'y')",
            ),
            (
                "SELECT a FROM t AS \"x\"\"y\" WHERE \"x\"\"y\".b = 'O''x.B' AND a <> 1.5",
                "(b = 'O''x.B') AND (a <> 1.5)",
            ),
            // A condition that isn't plain stays here, the others go to the server.
            (
                "SELECT count(*) FROM t WHERE a < random() AND b > 1 GROUP BY b",
                "(b > 1)",
            ),
            ("SELECT a FROM t WHERE a < now() OR b > 1", ""),
            // A whole row; a column of another table; renamed columns.
            ("SELECT a FROM t WHERE t IS NOT NULL", ""),
            ("SELECT a FROM t AS x WHERE t.a > 1", ""),
            ("SELECT p FROM t AS x (p) WHERE p > 1", ""),
            // Rows that another part of the SELECT may need.
            ("SELECT a FROM t, t AS u WHERE t.a > 1", ""),
            ("SELECT a, (SELECT count(*) FROM t) FROM t WHERE a > 1", ""),
            ("SELECT a FROM t WHERE a > 1 UNION SELECT a FROM t", ""),
            ("WITH x AS (SELECT 1) SELECT a FROM t WHERE a > 1", ""),
            ("SELECT a FROM t TABLESAMPLE SYSTEM (1) WHERE a > 1", ""),
            ("SELECT a FROM t JOIN u ON true WHERE a > 1", ""),
        ] {
            assert_eq!(needed(sql), expected, "{sql}");
        }
    }

    #[test]
    fn a_limit_is_of_rows_that_each_give_one() {
        for (sql, expected) in [
            ("SELECT * FROM t LIMIT 5", "LIMIT 5"),
            ("SELECT t.* FROM t LIMIT 5 OFFSET 10", "LIMIT 15"),
            (
                "SELECT upper(a), 1 FROM t WHERE b > 1 LIMIT 5",
                "(b > 1) LIMIT 5",
            ),
            (
                "SELECT a AS x FROM t ORDER BY t.b DESC, a NULLS FIRST LIMIT 5",
                "ORDER BY \"b\" DESC, \"a\" NULLS FIRST LIMIT 5",
            ),
            // The order is that of an output column, of a text, or of a position.
            ("SELECT b AS a FROM t ORDER BY a LIMIT 5", ""),
            ("SELECT a::text FROM t ORDER BY a LIMIT 5", ""),
            (
                "SELECT a::text FROM t ORDER BY t.a LIMIT 5",
                "ORDER BY \"a\" LIMIT 5",
            ),
            ("SELECT a FROM t ORDER BY 1 LIMIT 5", ""),
            ("SELECT a FROM t ORDER BY a COLLATE \"C\" LIMIT 5", ""),
            ("SELECT a FROM t ORDER BY lower(a) LIMIT 5", ""),
            // Several rows become one, or one becomes several.
            ("SELECT count(*) FROM t LIMIT 5", ""),
            ("SELECT DISTINCT a FROM t LIMIT 5", ""),
            ("SELECT a FROM t GROUP BY a LIMIT 5", ""),
            ("SELECT 1 FROM t HAVING true LIMIT 5", ""),
            ("SELECT sum(a) OVER (ORDER BY b) FROM t LIMIT 5", ""),
            ("SELECT generate_series(1, 2) FROM t LIMIT 5", ""),
            ("SELECT a FROM t WHERE a < random() LIMIT 5", ""),
            // The limit is an expression, or ALL, missing, or WITH TIES.
            ("SELECT a FROM t LIMIT 2 + 3", ""),
            ("SELECT a FROM t LIMIT ALL", ""),
            ("SELECT a FROM t OFFSET 5", ""),
            (
                "SELECT a FROM t ORDER BY a FETCH FIRST 5 ROWS WITH TIES",
                "",
            ),
        ] {
            assert_eq!(needed(sql), expected, "{sql}");
        }
    }
}
