//! The plan of a model that declares `stream`. Its SELECT takes plain columns from the streamed table, whose rows look up their
//! parents in other tables, which may look up theirs.

use dataset::Place;
use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, JoinConstraint, JoinOperator, Query, Select, SelectItem,
    SetExpr, Statement, TableFactor,
};

use crate::model::catalog::Catalog;
use crate::model::from_names::{called, place_of};
use crate::model::identifier::folded;
use crate::model::types::Type;

/// How a streamed model runs. Tables are numbered by their position in FROM; the streamed table is 0.
#[derive(Debug, PartialEq)]
pub(crate) struct Plan {
    /// The name of the table of each number.
    pub(crate) tables: Vec<String>,
    /// The parents that rows of the streamed table look up.
    pub(crate) lookups: Vec<Lookup>,
    /// The columns of the output.
    pub(crate) columns: Vec<(String, ColumnOf)>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnOf {
    /// The table's number.
    pub(crate) table: usize,
    /// The column's name in the table.
    pub(crate) column: String,
}

/// A parent of the streamed rows, with the parents it looks up itself.
#[derive(Debug, PartialEq)]
pub(crate) struct Lookup {
    /// The number of the parent's table.
    pub(crate) table: usize,
    /// Pairs of columns that must be equal: one of the streamed table, one of the parent's.
    pub(crate) on: Vec<(String, String)>,
    /// Whether rows without this parent are kept.
    pub(crate) outer: bool,
    /// The joins to further parents, in the order of FROM.
    pub(crate) joins: Vec<Join>,
}

/// A join among the parents.
#[derive(Debug, PartialEq)]
pub(crate) struct Join {
    /// The number of the table that is joined.
    pub(crate) table: usize,
    pub(crate) outer: bool,
    /// Pairs of columns that must be equal: one of an earlier table, one of this table.
    pub(crate) on: Vec<(ColumnOf, String)>,
}

impl Plan {
    /// The plan of a SELECT that only gives rows of its first table with what they look up, all or some of them, in any order;
    /// `None` if it does more. Names without a schema are of `schema`.
    pub(crate) fn of_query(query: &Query, schema: &str) -> Option<Self> {
        read(None, query, schema).ok()
    }

    /// The plan of a model that declares `stream` for a table. Names without a schema are of `schema`.
    ///
    /// # Errors
    /// Why the SELECT does more than a streamed model may.
    pub(crate) fn of(stream: &str, statements: &[Statement], schema: &str) -> Result<Self, String> {
        let read = match statements {
            [Statement::Query(query)] => read(Some(stream), query, schema),
            _ => Err(NOT_A_SELECT.to_owned()),
        };
        read.map_err(|why| {
            format!(
                "it declares stream = \"{stream}\", but {why}: such a model is a SELECT of columns, each named with its \
                 table, FROM the streamed table, with inner or left joins of its parents by columns that are \
                 equal; without `stream` it runs whole"
            )
        })
    }

    /// The keys that are padded; `None` if a look-up would not compare some keys as Postgres does. It does so for pairs of one type
    /// whose equality is that of the values, for integers, for numerics and for texts. Resolving has made sure that no text has a
    /// collation in which different texts can be equal.
    pub(crate) fn padded(&self, catalog: &Catalog) -> Option<Padded> {
        let kind = |(table, name): (usize, &str)| {
            let columns = catalog.table(&self.tables[table])?.columns.as_ref()?;
            let found = columns.iter().find(|column| column.name == name);
            Some(found?.kind.clone())
        };
        let mut padded = Vec::new();
        for [from, to] in self.keys() {
            let (one, other) = (kind(from)?, kind(to)?);
            is_looked_up(&one, &other).then_some(())?;
            for ((table, column), kind) in [(from, one), (to, other)] {
                let column = column.to_owned();
                padded.extend((kind == Type::Char).then_some(ColumnOf { table, column }));
            }
        }
        Some(Padded(padded))
    }

    /// The pairs of columns that must be equal, each with the number of its table.
    fn keys(&self) -> impl Iterator<Item = [(usize, &str); 2]> {
        self.lookups.iter().flat_map(|lookup| {
            let own = lookup.on.iter();
            let own = own.map(|(from, to)| [(0, from.as_str()), (lookup.table, to.as_str())]);
            let joins = lookup.joins.iter().flat_map(|join| {
                let on = join.on.iter();
                on.map(|(from, own)| {
                    [
                        (from.table, from.column.as_str()),
                        (join.table, own.as_str()),
                    ]
                })
            });
            own.chain(joins)
        })
    }

    /// The tables that are looked up, each with the columns of the key.
    pub(crate) fn looked_up(&self) -> impl Iterator<Item = (usize, Vec<&str>)> {
        self.lookups.iter().flat_map(|lookup| {
            let own = lookup.on.iter().map(|(_, own)| own.as_str()).collect();
            let joins = lookup.joins.iter().map(|join| {
                let own = join.on.iter().map(|(_, own)| own.as_str());
                (join.table, own.collect())
            });
            std::iter::once((lookup.table, own)).chain(joins)
        })
    }

    /// The columns of the table `name` that the plan needs.
    pub(crate) fn needs<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is_it = move |table: usize| self.tables[table] == name;
        let selected = self.columns.iter().map(|(_, column)| column);
        selected
            .map(|column| (column.table, column.column.as_str()))
            .chain(self.keys().flatten())
            .filter(move |(table, _)| is_it(*table))
            .map(|(_, column)| column)
    }
}

/// The columns of `char(n)` among the keys of a plan; blanks at the end of their values don't count.
#[derive(Debug)]
pub(crate) struct Padded(Vec<ColumnOf>);

impl Padded {
    /// Whether a column of the table with this number is such a column.
    pub(crate) fn has(&self, table: usize, column: &str) -> bool {
        let mut columns = self.0.iter();
        columns.any(|padded| padded.table == table && padded.column == column)
    }
}

/// Whether a look-up compares values of these types as Postgres does.
fn is_looked_up(one: &Type, other: &Type) -> bool {
    let is_text = |kind: &Type| kind.is_text() || *kind == Type::Char;
    one.is_integer() && other.is_integer()
        || one.is_numeric() && other.is_numeric()
        || is_text(one) && is_text(other)
        || one == other
            && matches!(
                one,
                Type::Boolean
                    | Type::Enum(_)
                    | Type::Date
                    | Type::Time
                    | Type::Timestamp
                    | Type::TimestampTz
                    | Type::Uuid
                    | Type::Bytes
            )
}

const NOT_A_SELECT: &str = "it is not a single SELECT";

fn read(stream: Option<&str>, query: &Query, schema: &str) -> Result<Plan, String> {
    let SetExpr::Select(select) = &*query.body else {
        return Err(NOT_A_SELECT.to_owned());
    };
    let streams = stream.is_some();
    let clause = [
        (query.with.is_some(), "WITH"),
        (streams && query.order_by.is_some(), "ORDER BY"),
        (
            streams && (query.limit_clause.is_some() || query.fetch.is_some()),
            "LIMIT",
        ),
        (select.distinct.is_some(), "DISTINCT"),
        (streams && select.selection.is_some(), "WHERE"),
        (select.having.is_some(), "HAVING"),
        (!is_empty(&select.group_by), "GROUP BY"),
        (select.qualify.is_some(), "QUALIFY"),
    ];
    if let Some((_, clause)) = clause.iter().find(|(there, _)| *there) {
        return Err(format!("it has {clause}"));
    }
    let reader = Reader {
        schema,
        names_alone: !streams && select.from.iter().all(|from| from.joins.is_empty()),
        ..Reader::default()
    };
    reader.select(stream, select)
}

/// Whether there is no GROUP BY.
pub(crate) fn is_empty(group_by: &GroupByExpr) -> bool {
    matches!(group_by, GroupByExpr::Expressions(columns, modifiers) if columns.is_empty() && modifiers.is_empty())
}

#[derive(Default)]
struct Reader<'a> {
    /// The schema of names that are written without one.
    schema: &'a str,
    /// For each table, the name by which columns refer to it.
    aliases: Vec<String>,
    tables: Vec<String>,
    /// The lookup that each table belongs to; `None` for the streamed one.
    lookup_of: Vec<Option<usize>>,
    /// Whether columns can be written without a table, since there is only one.
    names_alone: bool,
}

impl Reader<'_> {
    fn select(mut self, stream: Option<&str>, select: &Select) -> Result<Plan, String> {
        let [from] = select.from.as_slice() else {
            return Err("it has several tables in FROM".to_owned());
        };
        self.add(&from.relation, None)?;
        if stream.is_some_and(|stream| self.tables[0] != stream) {
            return Err(format!("its first table is {}", self.tables[0]));
        }
        let mut lookups: Vec<Lookup> = Vec::new();
        for join in &from.joins {
            let (constraint, outer) = match &join.join_operator {
                JoinOperator::Join(on) | JoinOperator::Inner(on) => (on, false),
                JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (on, true),
                _ => return Err(format!("it has `{}`", join.to_string().trim())),
            };
            let JoinConstraint::On(condition) = constraint else {
                return Err(format!("`{}` has no ON", join.to_string().trim()));
            };
            let table = self.tables.len();
            self.add(&join.relation, None)?;
            let mut on = Vec::new();
            self.equalities(condition, table, &mut on)?;
            let owner = self.lookup_of[on[0].0.table];
            if on
                .iter()
                .any(|(from, _)| self.lookup_of[from.table] != owner)
            {
                return Err(format!(
                    "`{}` depends on several tables",
                    join.to_string().trim()
                ));
            }
            match owner {
                Some(owner) => {
                    self.lookup_of[table] = Some(owner);
                    lookups[owner].joins.push(Join { table, outer, on });
                }
                None => {
                    self.lookup_of[table] = Some(lookups.len());
                    let on = on.into_iter().map(|(from, own)| (from.column, own));
                    lookups.push(Lookup {
                        table,
                        on: on.collect(),
                        outer,
                        joins: Vec::new(),
                    });
                }
            }
        }
        let columns = select
            .projection
            .iter()
            .map(|item| self.item(item))
            .collect::<Result<_, _>>()?;
        Ok(Plan {
            tables: self.tables,
            lookups,
            columns,
        })
    }

    fn add(&mut self, factor: &TableFactor, lookup: Option<usize>) -> Result<(), String> {
        let TableFactor::Table { name, alias, .. } = factor else {
            return Err(format!("`{factor}` is not a table"));
        };
        let (Some((_, own)), Some(table)) = (place_of(name), called(name, self.schema)) else {
            return Err(format!("`{name}` is not a table"));
        };
        if name.0.len() == 1 && Place::parse(&table).is_some() {
            return Err(format!("`{name}` has a dot in its name"));
        }
        let alias = alias.as_ref().map(|alias| folded(&alias.name));
        self.tables.push(table);
        self.aliases.push(alias.unwrap_or(own));
        self.lookup_of.push(lookup);
        Ok(())
    }

    /// The equalities of a condition, each between a column of an earlier table and one of `table`.
    fn equalities(
        &self,
        condition: &Expr,
        table: usize,
        on: &mut Vec<(ColumnOf, String)>,
    ) -> Result<(), String> {
        match condition {
            Expr::Nested(inner) => self.equalities(inner, table, on),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::And,
                right,
            } => {
                self.equalities(left, table, on)?;
                self.equalities(right, table, on)
            }
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Eq,
                right,
            } => {
                let (left, right) = (self.column(left)?, self.column(right)?);
                let (from, own) = if left.table == table {
                    (right, left)
                } else {
                    (left, right)
                };
                if own.table != table || from.table == table {
                    return Err(format!("`{condition}` joins no earlier table"));
                }
                on.push((from, own.column));
                Ok(())
            }
            _ => Err(format!("`{condition}` is not an equality of columns")),
        }
    }

    fn item(&self, item: &SelectItem) -> Result<(String, ColumnOf), String> {
        match item {
            SelectItem::ExprWithAlias { expr, alias } => Ok((folded(alias), self.column(expr)?)),
            SelectItem::UnnamedExpr(expr) => {
                let column = self.column(expr)?;
                Ok((column.column.clone(), column))
            }
            _ => Err(format!("it selects `{item}`")),
        }
    }

    fn column(&self, expr: &Expr) -> Result<ColumnOf, String> {
        if let Expr::Identifier(name) = expr
            && self.names_alone
        {
            return Ok(ColumnOf {
                table: 0,
                column: folded(name),
            });
        }
        let Expr::CompoundIdentifier(parts) = expr else {
            return Err(format!("`{expr}` is not a column named with its table"));
        };
        let [alias, column] = parts.as_slice() else {
            return Err(format!("`{expr}` is not a column named with its table"));
        };
        let alias = folded(alias);
        let aliases = self.aliases.iter().enumerate();
        let mut of_alias = aliases.filter(|(_, known)| **known == alias);
        let (Some((table, _)), None) = (of_alias.next(), of_alias.next()) else {
            return Err(format!(
                "`{expr}` names an unknown table, or one of several"
            ));
        };
        Ok(ColumnOf {
            table,
            column: folded(column),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    fn plan(sql: &str) -> Result<Plan, String> {
        Plan::of(
            "m",
            &Parser::parse_sql(&GenericDialect {}, sql).expect("SQL"),
            "s",
        )
    }

    fn of(table: usize, column: &str) -> ColumnOf {
        ColumnOf {
            table,
            column: column.to_owned(),
        }
    }

    #[test]
    fn parents_look_up_theirs() {
        let plan = plan(
            "SELECT x.v, a.nome AS \"Nome\" FROM m AS x JOIN c ON c.id = x.c_id
             LEFT JOIN A AS a ON (a.id = C.a_id AND a.k = c.k) INNER JOIN t ON t.id = x.t_id",
        )
        .expect("a plan");
        assert_eq!(plan.tables, ["m", "c", "a", "t"]);
        assert_eq!(
            plan.columns,
            [
                ("v".to_owned(), of(0, "v")),
                ("Nome".to_owned(), of(2, "nome"))
            ]
        );
        let [c, t] = plan.lookups.as_slice() else {
            panic!("{plan:?}")
        };
        assert_eq!(
            (c.table, c.on.as_slice(), c.outer),
            (1, [("c_id".to_owned(), "id".to_owned())].as_slice(), false)
        );
        let join = &c.joins[0];
        assert_eq!((join.table, join.outer), (2, true));
        assert_eq!(
            join.on,
            [
                (of(1, "a_id"), "id".to_owned()),
                (of(1, "k"), "k".to_owned())
            ]
        );
        assert_eq!((t.table, t.joins.len()), (3, 0));
        let needs = |table| {
            let mut names: Vec<_> = plan.needs(table).collect();
            names.sort_unstable();
            names.dedup();
            names
        };
        assert_eq!(needs("m"), ["c_id", "t_id", "v"]);
        assert_eq!(needs("c"), ["a_id", "id", "k"]);
        assert_eq!(needs("a"), ["id", "k", "nome"]);
        assert_eq!(needs("t"), ["id"]);
    }

    #[test]
    fn tables_of_other_schemas_are_called_by_them() {
        let plan = plan("SELECT m.v, p.n FROM S.M JOIN z.m AS p ON p.id = m.p_id").expect("a plan");
        assert_eq!(plan.tables, ["m", "z.m"]);
        assert_eq!(plan.needs("z.m").collect::<Vec<_>>(), ["n", "id"]);
        assert_eq!(plan.needs("m").collect::<Vec<_>>(), ["v", "p_id"]);
    }

    #[test]
    fn what_is_more_than_looking_up_is_refused_with_the_reason() {
        for (sql, why) in [
            (
                "SELECT m.v FROM c JOIN m ON m.c = c.id",
                "its first table is c",
            ),
            (
                "SELECT v FROM m",
                "`v` is not a column named with its table",
            ),
            ("SELECT m.v + 1 AS v FROM m", "`m.v + 1` is not a column"),
            ("SELECT m.* FROM m", "selects `m.*`"),
            ("SELECT m.v FROM m WHERE m.v > 0", "WHERE"),
            ("SELECT m.v FROM m GROUP BY m.v", "GROUP BY"),
            ("SELECT DISTINCT m.v FROM m", "DISTINCT"),
            ("SELECT m.v FROM m ORDER BY m.v", "ORDER BY"),
            ("SELECT m.v FROM m LIMIT 3", "LIMIT"),
            ("WITH x AS (SELECT 1) SELECT m.v FROM m", "WITH"),
            (
                "SELECT m.v FROM m UNION SELECT m.v FROM m",
                "not a single SELECT",
            ),
            ("SELECT m.v FROM m, c", "several tables in FROM"),
            ("SELECT m.v FROM m RIGHT JOIN c ON c.id = m.c", "RIGHT JOIN"),
            ("SELECT m.v FROM m JOIN c USING (id)", "has no ON"),
            (
                "SELECT m.v FROM m JOIN c ON c.id = m.c JOIN d ON d.a = c.a AND d.b = m.b",
                "several tables",
            ),
            (
                "SELECT m.v FROM m JOIN c ON c.id < m.c",
                "is not an equality",
            ),
            (
                "SELECT m.v FROM m JOIN (SELECT 1) AS c ON c.id = m.c",
                "is not a table",
            ),
            ("SELECT m.v FROM z.m", "its first table is z.m"),
            ("SELECT m.v FROM d.s.m", "`d.s.m` is not a table"),
            ("SELECT m.v FROM m JOIN z.m ON m.a = m.b", "one of several"),
            ("SELECT z.v FROM m", "unknown table"),
        ] {
            let error = plan(sql).expect_err(sql);
            assert!(error.contains(why), "{sql}: {error}");
        }
    }
}
