//! The statement that reads rows. Its names come from the catalogue. Values are parameters; the server finds their types from the
//! columns that they are compared with.

use database::catalogue::identifier::{quoted, relation};

use crate::read::columns::{JsonForm, ReadColumn};
use crate::read::condition::{Condition, Test};
use crate::read::cursor::Cursor;
use crate::read::order::Order;
use crate::read::query::Asked;
use crate::table::ServedTable;

/// A statement, with its parameters and the columns that they are compared with.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    /// The texts of the parameters, each with the index of its column.
    pub(crate) parameters: Vec<(String, usize)>,
}

/// What a statement should read from a table.
pub(crate) struct Reading<'a> {
    pub(crate) table: &'a ServedTable,
    pub(crate) asked: &'a Asked,
    /// How many bytes the rows may have together.
    pub(crate) most_bytes: usize,
}

impl Reading<'_> {
    /// Makes the statement. For each row it gives its JSON, how many rows were found, and the values in the columns of the order.
    /// It looks for one row more than asked for. Rows are left out as soon as their bytes, with those of the rows before, are too
    /// many; if the first row has too many, its JSON is NULL.
    pub(crate) fn statement(&self) -> Statement {
        let Asked {
            columns,
            order,
            limit,
            ..
        } = self.asked;
        let read = &self.table.read;
        let mut statement = Statement::default();
        let mut conditions: Vec<String> = Vec::new();
        for condition in &self.asked.conditions {
            conditions.push(self.condition(condition, &mut statement));
        }
        if let Some(after) = &self.asked.after {
            conditions.push(self.behind(after, &mut statement));
        }
        let conditions = match conditions.is_empty() {
            true => "TRUE".to_owned(),
            false => conditions.join(" AND "),
        };
        let mut places: Vec<usize> = columns.clone();
        places.extend(order.iter().map(|order| order.column));
        places.sort_unstable();
        places.dedup();
        let taken = joined(&places, |place| {
            format!("{} AS c{place}", self.column(*place))
        });
        let given = joined(columns, |place| {
            let ReadColumn { name, form, .. } = &read.columns[*place];
            let value = format!("p.c{place}");
            let value = match form {
                JsonForm::Own => value,
                JsonForm::Text => format!("{value}::pg_catalog.text"),
                // The text of an array begins with its bounds if these are not the usual ones; JSON has no bounds.
                JsonForm::Array => format!(
                    "CASE WHEN {value}::pg_catalog.text ^@ '[' THEN pg_catalog.to_json({value}::pg_catalog.text)
                     ELSE pg_catalog.to_json({value}) END"
                ),
            };
            format!("{value} AS {}", quoted(name))
        });
        let behind: Vec<String> = order
            .iter()
            .map(|order| format!("p.c{}::pg_catalog.text", order.column))
            .collect();
        let values = format!("ARRAY[{}]::pg_catalog.text[]", behind.join(", "));
        let ordered = |of: &str, name: &dyn Fn(usize) -> String| match order.is_empty() {
            true => String::new(),
            false => format!(
                "ORDER BY {}",
                joined(order, |order| {
                    let direction = if order.is_descending { "DESC" } else { "ASC" };
                    let nulls = if order.nulls_first { "FIRST" } else { "LAST" };
                    format!("{of}{} {direction} NULLS {nulls}", name(order.column))
                })
            ),
        };
        let inner = ordered("", &|place| self.column(place));
        let outer = ordered("s.", &|place| format!("c{place}"));
        let most = self.most_bytes;
        statement.sql = format!(
            "SELECT CASE WHEN s.bytes <= {most} THEN s.j END, s.found, CASE WHEN s.bytes <= {most} THEN s.k END
             FROM (SELECT r.*, pg_catalog.count(*) OVER () AS found,
                          pg_catalog.row_number() OVER ({window}) AS n, pg_catalog.sum(
                              pg_catalog.octet_length(r.j) + pg_catalog.octet_length(r.k::pg_catalog.text)
                          ) OVER ({window} ROWS UNBOUNDED PRECEDING) AS bytes
                   FROM (SELECT p.*, {values} AS k, (SELECT pg_catalog.row_to_json(o.*) FROM (SELECT {given}) AS o)::pg_catalog.text AS j
                         FROM (SELECT {taken} FROM {relation} AS t WHERE {conditions} {inner} LIMIT {limit}) AS p) AS r) AS s
             WHERE s.n = 1 OR s.bytes <= {most} {outer}",
            window = ordered("r.", &|place| format!("c{place}")),
            relation = relation(
                &self.table.schema,
                &self.table.target.table,
                !self.table.target.partitioned
            ),
            limit = limit + 1,
        );
        statement
    }

    /// A column of the table, as SQL names it.
    fn column(&self, place: usize) -> String {
        format!("t.{}", quoted(&self.table.read.columns[place].name))
    }

    /// The SQL of an operator between values of a column.
    fn operator(&self, place: usize, operator: &str) -> String {
        let schema = &self.table.read.columns[place].operators;
        format!("OPERATOR({schema}.{operator})")
    }

    fn condition(&self, condition: &Condition, statement: &mut Statement) -> String {
        let place = condition.column;
        let column = self.column(place);
        let test = match &condition.test {
            Test::Value(operator, value) => {
                let value = statement.parameter(value, place);
                format!("{column} {} {value}", self.operator(place, operator))
            }
            Test::AnyOf(array) => {
                let array = statement.parameter(array, place);
                format!("{column} {} ANY ({array})", self.operator(place, "="))
            }
            Test::Is(what) => format!("{column} IS {what}"),
        };
        match condition.is_negated {
            true => format!("NOT ({test})"),
            false => format!("({test})"),
        }
    }

    /// The condition that a row comes after a cursor.
    fn behind(&self, cursor: &Cursor, statement: &mut Statement) -> String {
        let order = &self.asked.order;
        let values: Vec<Option<String>> = order
            .iter()
            .zip(&cursor.0)
            .map(|(order, value)| {
                let value = value.as_ref()?;
                Some(statement.parameter(value, order.column))
            })
            .collect();
        if let Some(rows) = self.as_rows(&values) {
            return rows;
        }
        let mut behind = String::new();
        for (order, value) in order.iter().zip(&values).rev() {
            let place = order.column;
            let (column, nullable) = (self.column(place), self.table.read.columns[place].nullable);
            let is_null_behind = nullable && !order.nulls_first;
            let (later, same, bound) = match value {
                Some(value) => {
                    let [beyond, bound] = if order.is_descending {
                        ["<", "<="]
                    } else {
                        [">", ">="]
                    };
                    let compared =
                        |operator| format!("{column} {} {value}", self.operator(place, operator));
                    let later = match is_null_behind {
                        true => format!("({} OR {column} IS NULL)", compared(beyond)),
                        false => compared(beyond),
                    };
                    // With this condition an index can begin at the cursor.
                    let bound = (!is_null_behind).then(|| compared(bound));
                    (later, compared("="), bound)
                }
                None => {
                    let later = match order.nulls_first {
                        true => format!("{column} IS NOT NULL"),
                        false => "FALSE".to_owned(),
                    };
                    (later, format!("{column} IS NULL"), None)
                }
            };
            behind = match (behind.is_empty(), bound) {
                (true, _) => later,
                (false, Some(bound)) => format!("({bound} AND ({later} OR {same} AND {behind}))"),
                (false, None) => format!("({later} OR {same} AND {behind})"),
            };
        }
        behind
    }

    /// The condition as a single comparison of rows, which an index can answer as a whole. It is possible if no column may be NULL,
    /// and all columns have the same direction and operators of the same schema.
    fn as_rows(&self, values: &[Option<String>]) -> Option<String> {
        let order = &self.asked.order;
        let first = order.first()?;
        let columns = &self.table.read.columns;
        let is_like_first = |order: &Order| {
            order.is_descending == first.is_descending
                && !columns[order.column].nullable
                && columns[order.column].operators == columns[first.column].operators
        };
        let values: Vec<&str> = values.iter().flatten().map(|value| &**value).collect();
        if values.len() < order.len() || !order.iter().all(is_like_first) {
            return None;
        }
        let operator = self.operator(first.column, if first.is_descending { "<" } else { ">" });
        let columns = joined(order, |order| self.column(order.column));
        Some(format!(
            "ROW({columns}) {operator} ROW({})",
            values.join(", ")
        ))
    }
}

impl Statement {
    /// Adds a parameter that is compared with a column, and returns its name in SQL.
    fn parameter(&mut self, value: &str, column: usize) -> String {
        self.parameters.push((value.to_owned(), column));
        format!("${}", self.parameters.len())
    }
}

fn joined<T>(parts: &[T], text: impl Fn(&T) -> String) -> String {
    let parts: Vec<String> = parts.iter().map(text).collect();
    parts.join(", ")
}
