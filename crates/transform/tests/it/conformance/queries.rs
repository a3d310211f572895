//! Makes whole SELECTs.

use super::choices::Choices;
use super::kinds::Wanted;
use super::relations::{Column, Relation};
use super::scope::{Form, Generator, Leaf, Scope};

/// A statement to run both in Postgres and here.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    pub(super) sql: String,
    /// Whether the rows have an order in which no two different ones are equal.
    pub(super) ordered: bool,
}

/// Makes a statement from choices.
pub(super) fn statement(choices: &[u32]) -> Statement {
    let mut generator = Generator {
        choices: Choices::new(choices),
        exotic: false,
        ctes: Vec::new(),
        aliases: Vec::new(),
        columns_named: 0,
        nesting: 0,
        told_apart: false,
    };
    generator.exotic = generator.choices.chance(15);
    let style = generator.choices.weighted(&[70, 12, 8, 10]);
    let query = match generator.exotic && generator.choices.chance(25) {
        true => generator.exotic_statement(),
        false => {
            let query = generator.query(&Ask {
                top: true,
                ..Ask::of_any(3)
            });
            Statement {
                sql: query.sql,
                ordered: query.ordered,
            }
        }
    };
    Statement {
        sql: in_style(&query.sql, style),
        ..query
    }
}

/// The demands on a query.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    /// The types of the query's columns; `None` if any will do.
    pub(super) wanted: Option<Vec<Wanted>>,
    /// The columns of the queries around this one.
    pub(super) outer: Vec<Leaf>,
    pub(super) depth: usize,
    /// Whether the query is the statement itself.
    pub(super) top: bool,
}

/// A query.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) columns: Vec<Column>,
    pub(super) ordered: bool,
    /// How many rows the query gives, roughly.
    pub(super) rows: usize,
}

/// A SELECT without its ORDER BY.
pub(super) struct Selected {
    pub(super) sql: String,
    pub(super) columns: Vec<Column>,
    pub(super) rows: usize,
    /// The names that ORDER BY may use besides the columns.
    pub(super) scope: Option<Scope>,
}

impl Ask {
    pub(super) fn of_any(depth: usize) -> Self {
        Self {
            wanted: None,
            outer: Vec::new(),
            depth,
            top: false,
        }
    }

    pub(super) fn of(wanted: Wanted, outer: Vec<Leaf>, depth: usize) -> Self {
        Self {
            wanted: Some(vec![wanted]),
            outer,
            depth,
            top: false,
        }
    }
}

impl Generator<'_> {
    pub(super) fn query(&mut self, ask: &Ask) -> Query {
        let hidden = self.ctes.len();
        let with = match self.choices.chance(if ask.top { 16 } else { 2 }) && ask.depth > 0 {
            true => self.with(ask),
            false => String::new(),
        };
        let in_row = self.choices.chance(if ask.top { 12 } else { 6 }) && ask.depth > 0;
        let selected = match in_row {
            true => self.set_operations(ask),
            false => self.select(ask),
        };
        let ordered = self.choices.chance(if ask.top { 45 } else { 8 });
        let mut sql = with + &selected.sql;
        if ordered {
            sql += &self.order_by(&selected);
            sql += &self.limit();
        }
        self.ctes.truncate(hidden);
        Query {
            sql,
            columns: selected.columns,
            ordered,
            rows: selected.rows,
        }
    }

    /// Makes a query of one column and gives only its first row.
    pub(super) fn first_row(&mut self, ask: &Ask) -> Query {
        let selected = self.select(ask);
        let sql = format!("{}{} LIMIT 1", selected.sql, self.order_by(&selected));
        Query {
            sql,
            columns: selected.columns,
            ordered: true,
            rows: 1,
        }
    }

    fn with(&mut self, ask: &Ask) -> String {
        let mut named = Vec::new();
        for _ in 0..=self.choices.below(2) {
            let names = [
                "recent", "totals", "product", "category", "\"Cte\"", "event",
            ];
            let name = self.choices.one_of(&names);
            let is_used = |relation: &Relation| relation.alias == name;
            if self.ctes.iter().any(is_used) || self.aliases.iter().any(|alias| alias == name) {
                continue;
            }
            self.nesting += 1;
            let query = self.query(&Ask {
                outer: ask.outer.clone(),
                ..Ask::of_any(ask.depth - 1)
            });
            self.nesting -= 1;
            let (mut columns, mut list) = (query.columns, String::new());
            if self.choices.chance(25) {
                columns
                    .iter_mut()
                    .for_each(|column| column.name = self.new_column());
                let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
                list = format!(" ({})", names.join(", "));
            }
            let kept =
                self.choices
                    .one_of(&["", "", "", "", "", "MATERIALIZED ", "NOT MATERIALIZED "]);
            named.push(format!("{name}{list} AS {kept}({})", query.sql));
            let ties = columns.iter().map(|column| column.name.clone()).collect();
            self.ctes.push(Relation {
                alias: name.to_owned(),
                columns,
                ties,
                is_keyed: false,
                rows: query.rows,
            });
        }
        match named.is_empty() {
            true => String::new(),
            false => format!("WITH {} ", named.join(", ")),
        }
    }

    /// Makes two or three SELECTs, combined by set operations.
    fn set_operations(&mut self, ask: &Ask) -> Selected {
        let wanted = match &ask.wanted {
            Some(wanted) => wanted.clone(),
            None => (0..=self.choices.below(3)).map(|_| self.family()).collect(),
        };
        let ask = Ask {
            wanted: Some(wanted),
            depth: ask.depth - 1,
            ..ask.clone()
        };
        let first = self.select(&ask);
        let (mut sql, mut columns, mut rows) = (first.sql, first.columns, first.rows);
        for _ in 0..=self.choices.below(2) {
            let operations = [
                "UNION ALL",
                "UNION",
                "EXCEPT",
                "INTERSECT",
                "UNION ALL",
                "EXCEPT ALL",
                "INTERSECT ALL",
                "UNION",
            ];
            let operation = self.choices.one_of(&operations);
            // The names of later SELECTs don't matter for the result.
            let next = self.select(&Ask {
                top: false,
                ..ask.clone()
            });
            for (column, other) in columns.iter_mut().zip(&next.columns) {
                column.kind = column.kind.common(other.kind);
            }
            rows += next.rows;
            sql = match self.choices.weighted(&[70, 15, 15]) {
                0 => format!("{sql} {operation} {}", next.sql),
                1 => format!("{sql} {operation} ({})", next.sql),
                _ => format!("({sql}) {operation} {}", next.sql),
            };
        }
        Selected {
            sql,
            columns,
            rows,
            scope: None,
        }
    }

    /// Makes an ORDER BY in which no two different rows are equal.
    fn order_by(&mut self, selected: &Selected) -> String {
        let mut keys = Vec::new();
        let mut left: Vec<usize> = (0..selected.columns.len()).collect();
        for _ in 0..=self.choices.below(3) {
            let direction = self.direction();
            match (self.choices.weighted(&[40, 40, 20]), &selected.scope) {
                (2, Some(scope)) => {
                    let family = self.family_here(scope);
                    let key = self.scalar(family, &scope.clone().without_subqueries(), 1);
                    if key.form != Form::Literal {
                        keys.push(key.sql + direction);
                    }
                }
                (choice, _) if !left.is_empty() => {
                    let at = left.remove(self.choices.below(left.len()));
                    let key = match choice {
                        0 => (at + 1).to_string(),
                        _ => selected.columns[at].name.clone(),
                    };
                    keys.push(key + direction);
                }
                _ => {}
            }
        }
        for at in left {
            keys.push(format!("{}{}", at + 1, self.direction()));
        }
        format!(" ORDER BY {}", keys.join(", "))
    }

    fn limit(&mut self) -> String {
        let rows = self.choices.one_of(&["3", "1", "5", "10", "0", "2"]);
        match self.choices.weighted(&[55, 25, 10, 4, 3, 3]) {
            0 => String::new(),
            1 => format!(" LIMIT {rows}"),
            2 => format!(" LIMIT {rows} OFFSET 2"),
            3 => format!(" OFFSET {rows}"),
            4 => format!(" FETCH FIRST {rows} ROWS ONLY"),
            _ => " LIMIT ALL".to_owned(),
        }
    }
}

/// Writes the statement with its keywords and unquoted names in another letter case.
fn in_style(sql: &str, style: usize) -> String {
    let (mut text, mut quote, mut at_start) = (String::new(), None, true);
    for c in sql.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            _ => {}
        }
        match (style, quote) {
            (1, None) => text.extend(c.to_lowercase()),
            (2, None) => text.extend(c.to_uppercase()),
            (3, None) if at_start => text.extend(c.to_uppercase()),
            (3, None) => text.extend(c.to_lowercase()),
            _ => text.push(c),
        }
        at_start = !c.is_alphanumeric();
    }
    text
}
