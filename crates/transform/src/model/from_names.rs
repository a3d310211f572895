//! Finds the tables that the FROMs of a query name, leaving out names of a WITH around them.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use dataset::Place;
use sqlparser::ast::{ObjectName, Query, SetExpr, Statement};

use crate::model::identifier::folded;
use crate::model::walk::{Part, walk};

/// The names in the FROMs of statements, as Postgres understands them, without those that WITH defines.
#[derive(Debug, Default)]
pub(super) struct FromNames {
    /// Names without a schema, which mean tables or models.
    pub(super) bare: BTreeSet<String>,
    /// Names with a schema.
    pub(super) placed: BTreeSet<Place>,
    /// Names with a database before the schema, here without it.
    pub(super) foreign: BTreeSet<String>,
}

impl FromNames {
    pub(super) fn of(statements: &Vec<Statement>) -> Self {
        let mut found = Found::default();
        let _ = walk(statements, |part| {
            match part {
                Part::Query(query) => found.query(query),
                Part::QueryEnd => drop(found.shared.pop()),
                Part::Relation(name) => found.relation(name),
                Part::Expr(_) => {}
            }
            ControlFlow::Continue(())
        });
        found.names
    }
}

/// The schema and name that FROM gives; without a schema, it is the one for names that have none.
pub(crate) fn place_of(name: &ObjectName) -> Option<(Option<String>, String)> {
    let mut parts = name.0.iter().map(|part| Some(folded(part.as_ident()?)));
    match (parts.next()?, parts.next(), parts.next()) {
        (Some(name), None, None) => Some((None, name)),
        (Some(schema), Some(Some(name)), None) => Some((Some(schema), name)),
        _ => None,
    }
}

/// The run's name for the table that FROM names; names without a schema are of `schema`. `None` for a name with more than a schema
/// before it.
pub(crate) fn called(name: &ObjectName, schema: &str) -> Option<String> {
    Some(match place_of(name)? {
        (None, name) => name,
        (Some(of), name) => Place { schema: of, name }.called(schema),
    })
}

#[derive(Default)]
struct Found {
    names: FromNames,
    /// For each query of a WITH, by address, the names that WITH defines there.
    around: HashMap<*const Query, BTreeSet<String>>,
    /// The names that WITH defines in the queries around, the innermost last.
    shared: Vec<BTreeSet<String>>,
}

impl Found {
    fn query(&mut self, query: &Query) {
        let around = self.around.remove(&std::ptr::from_ref(query));
        let mut shared = around.or_else(|| self.shared.last().cloned());
        let shared = shared.get_or_insert_default();
        if let Some(with) = &query.with {
            let names = with.cte_tables.iter().map(|cte| folded(&cte.alias.name));
            if with.recursive {
                shared.extend(names.clone());
            }
            // Each query of a WITH sees those before it.
            for (cte, name) in with.cte_tables.iter().zip(names) {
                let at = std::ptr::from_ref(&*cte.query);
                self.around.insert(at, shared.clone());
                shared.insert(name);
            }
        }
        let shared = std::mem::take(shared);
        self.table(&query.body, &shared);
        self.shared.push(shared);
    }

    fn relation(&mut self, relation: &ObjectName) {
        match place_of(relation) {
            Some((Some(schema), name)) => drop(self.names.placed.insert(Place { schema, name })),
            Some((None, name)) => {
                if !self.shared.last().is_some_and(|of| of.contains(&name)) {
                    self.names.bare.insert(name);
                }
            }
            None => {
                let last = relation.0.last().and_then(|part| part.as_ident());
                self.names.foreign.extend(last.map(folded));
            }
        }
    }

    /// Adds the name in `TABLE name`, of which the parser keeps only the text without its quotes.
    fn table(&mut self, body: &SetExpr, shared: &BTreeSet<String>) {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                self.table(left, shared);
                self.table(right, shared);
            }
            SetExpr::Table(table) => {
                let name = table.table_name.as_ref().map(|name| name.to_lowercase());
                match (table.schema_name.as_ref(), name) {
                    (Some(schema), Some(name)) => {
                        let schema = schema.to_lowercase();
                        self.names.placed.insert(Place { schema, name });
                    }
                    (None, Some(name)) if !shared.contains(&name) => {
                        self.names.bare.insert(name);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::parser::Parser;

    #[test]
    fn what_with_names_is_no_table_where_it_is_seen() {
        for (sql, bare, placed) in [
            ("SELECT 1 FROM t, S.U, \"S\".\"V\"", "t", "S.V s.u"),
            ("WITH x AS (SELECT 1 FROM t) SELECT 1 FROM x", "t", ""),
            // A query of a WITH doesn't see its own name.
            ("WITH x AS (SELECT 1 FROM x) SELECT 1 FROM x", "x", ""),
            (
                "WITH RECURSIVE x AS (SELECT 1 FROM x) SELECT 1 FROM x",
                "",
                "",
            ),
            (
                "WITH x AS (SELECT 1 FROM y), y AS (SELECT 1 FROM x) SELECT 1 FROM x, y",
                "y",
                "",
            ),
            (
                "WITH RECURSIVE x AS (SELECT 1 FROM y), y AS (SELECT 1) SELECT 1 FROM x, y",
                "",
                "",
            ),
            ("WITH x AS (SELECT 1) SELECT 1 FROM s.x", "", "s.x"),
            (
                "SELECT 1 FROM (WITH x AS (SELECT 1) SELECT 1 FROM x) AS a, x",
                "x",
                "",
            ),
            (
                "WITH x AS (SELECT 1) SELECT 1 FROM t WHERE a IN (SELECT 1 FROM x)",
                "t",
                "",
            ),
            (
                "WITH x AS (WITH y AS (SELECT 1) SELECT 1 FROM y) SELECT 1 FROM x, y",
                "y",
                "",
            ),
            ("WITH \"X\" AS (SELECT 1) SELECT 1 FROM X", "x", ""),
            (
                "WITH x AS (SELECT 1) SELECT 1 FROM x UNION SELECT 2 FROM t",
                "t",
                "",
            ),
        ] {
            let statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
            let names = FromNames::of(&statements);
            let given: Vec<&str> = names.bare.iter().map(String::as_str).collect();
            let with_schema: Vec<String> = names.placed.iter().map(|of| of.called("")).collect();
            assert_eq!(
                (given.join(" "), with_schema.join(" ")),
                (bare.to_owned(), placed.to_owned()),
                "{sql}"
            );
        }
    }
}
