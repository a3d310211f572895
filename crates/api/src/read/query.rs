//! Parses the query of a request for rows.

use axum::http::Uri;

use crate::problem::Problem;
use crate::read::columns::ReadTable;
use crate::read::condition::Condition;
use crate::read::cursor::Cursor;
use crate::read::order::Order;
use crate::read::words::{pairs, parts, unquoted};

/// How many rows a page has by default.
pub(crate) const DEFAULT_ROWS: usize = 100;
/// How many rows a page may have at most.
pub(crate) const MOST_ROWS: usize = 1000;
/// The parameters that are not columns. A column with such a name must be given in double quotes.
pub(crate) const PARAMETERS: [&str; 4] = ["select", "order", "limit", "after"];

/// What a request for rows asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) conditions: Vec<Condition>,
    /// The indices of the columns in the answer, in their order.
    pub(crate) columns: Vec<usize>,
    /// The order. It ends with the table's key, if there is one.
    pub(crate) order: Vec<Order>,
    pub(crate) limit: usize,
    /// The row after which the page begins.
    pub(crate) after: Option<Cursor>,
    /// The query without `after`, for the URL of the next page.
    pub(crate) same: String,
}

impl Asked {
    /// Parses the query of a request for rows of a table.
    ///
    /// # Errors
    /// A problem for names and values that make no sense, with those that are possible.
    pub(crate) fn of(uri: &Uri, table: &ReadTable) -> Result<Self, Problem> {
        let mut asked = Self {
            conditions: Vec::new(),
            columns: posted(table),
            order: Vec::new(),
            limit: DEFAULT_ROWS,
            after: None,
            same: String::new(),
        };
        let mut after = None;
        let mut seen = Vec::new();
        for pair in pairs(uri) {
            let (pair, name, value) = pair?;
            if name != "after" {
                // In a header, the URL with this query is between `<` and `>`.
                asked.same += &pair.replace('<', "%3C").replace('>', "%3E");
                asked.same.push('&');
            }
            if PARAMETERS.contains(&&*name) {
                if seen.contains(&name) {
                    return Err(bad(format!("{name} is given twice")));
                }
                seen.push(name.clone());
            }
            match &*name {
                "select" => asked.columns = selected(&value, table)?,
                "order" => asked.order = ordered(&value, table)?,
                "limit" => asked.limit = limit(&value)?,
                "after" => after = Some(value),
                _ => {
                    let place = column(&unquoted(&name), table)?;
                    let of_column = Condition::parse(&value, place, &table.columns[place])?;
                    asked.conditions.push(of_column);
                }
            }
        }
        let is_descending = asked.order.last().is_some_and(|last| last.is_descending);
        for place in &table.key {
            if asked.order.iter().all(|order| order.column != *place) {
                asked.order.push(Order {
                    column: *place,
                    is_descending,
                    nulls_first: is_descending,
                });
            }
        }
        asked.after = after
            .map(|after| Cursor::parse(&after, &asked.order, table))
            .transpose()?;
        Ok(asked)
    }
}

/// The columns that an answer has by default: those that rows are sent with.
pub(crate) fn posted(table: &ReadTable) -> Vec<usize> {
    (0..table.columns.len())
        .filter(|place| !table.columns[*place].is_generated)
        .collect()
}

fn bad(detail: String) -> Problem {
    Problem::bad("bad-query", detail)
}

fn column(name: &str, table: &ReadTable) -> Result<usize, Problem> {
    table.place(name).ok_or_else(|| {
        let shown: String = name.chars().take(40).collect();
        bad(format!(
            "{shown:?} is neither a column ({}) nor one of {}",
            table.names(),
            PARAMETERS.join(", ")
        ))
    })
}

/// Parses the list of columns that an answer should have.
///
/// # Errors
/// A problem for a column that doesn't exist, or that is named twice.
pub(crate) fn selected(value: &str, table: &ReadTable) -> Result<Vec<usize>, Problem> {
    let mut places = Vec::new();
    for part in parts(value) {
        let place = column(&unquoted(part), table)?;
        if places.contains(&place) {
            return Err(bad(format!("select names {part} twice")));
        }
        places.push(place);
    }
    Ok(places)
}

fn ordered(value: &str, table: &ReadTable) -> Result<Vec<Order>, Problem> {
    let mut order: Vec<Order> = Vec::new();
    for part in parts(value) {
        let (rest, nulls_first) = match part.strip_suffix(".nullsfirst") {
            Some(rest) => (rest, Some(true)),
            None => match part.strip_suffix(".nullslast") {
                Some(rest) => (rest, Some(false)),
                None => (part, None),
            },
        };
        let (name, is_descending) = match rest.strip_suffix(".desc") {
            Some(name) => (name, true),
            None => (rest.strip_suffix(".asc").unwrap_or(rest), false),
        };
        let place = column(&unquoted(name), table)?;
        if order.iter().any(|before| before.column == place) {
            return Err(bad(format!("order names {name} twice")));
        }
        order.push(Order {
            column: place,
            is_descending,
            // The server does the same: NULL is greater than all values.
            nulls_first: nulls_first.unwrap_or(is_descending),
        });
    }
    Ok(order)
}

fn limit(value: &str) -> Result<usize, Problem> {
    let limit = value.parse().ok();
    let limit = limit.filter(|limit| (1..=MOST_ROWS).contains(limit));
    limit.ok_or_else(|| bad(format!("limit is a number from 1 to {MOST_ROWS}")))
}
