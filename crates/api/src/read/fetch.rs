//! Runs the statement that reads rows, in a transaction of a session that is given back.

use std::error::Error as StdError;
use std::sync::Arc;

use bytes::BytesMut;
use database::transaction;
use futures_util::future;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Row};

use crate::access::Caller;
use crate::insert::failed::{Meaning, fault, meaning, told};
use crate::options::Limits;
use crate::pool::Pool;
use crate::problem::Problem;
use crate::read::columns::ReadTable;
use crate::read::statement::Statement;

/// How often a statement is tried if its session is lost, or if a replica cancels it in favour of replaying changes.
const TRIES: u32 = 3;

/// The rows that a statement found.
pub(crate) struct Found {
    /// The rows as far as their bytes are within the limit.
    pub(crate) rows: Vec<FoundRow>,
    /// How many rows were found: at most one more than asked for.
    pub(crate) count: usize,
}

/// A row as the server returns it.
pub(crate) struct FoundRow(Row);

impl FoundRow {
    /// The row as JSON.
    pub(crate) fn json(&self) -> &str {
        self.0.get::<_, Option<&str>>(0).unwrap_or_default()
    }

    /// The row's values in the columns of the order, as text.
    pub(crate) fn behind(&self) -> Vec<Option<String>> {
        self.0.get(2)
    }
}

/// Runs a statement for a caller over a table.
///
/// # Errors
/// A problem for values that are not of their columns' types, with the column; for a row that is too long; for a database that
/// cannot be reached or has no time.
pub(crate) async fn fetch(
    pool: &Arc<Pool>,
    caller: &Caller,
    limits: &Limits,
    table: &ReadTable,
    statement: &Statement,
) -> Result<Found, Problem> {
    let opening = format!(
        "{}; SET LOCAL statement_timeout = {}",
        transaction::begin_reading(),
        limits.statement.as_millis()
    );
    for _ in 0..TRIES {
        let lent = pool.lend_to(caller.entered.as_deref()).await?;
        let (rows, is_ended) = run(&lent.session.client, &opening, statement).await;
        if is_ended {
            lent.give_back();
        }
        let error = match rows {
            Ok(rows) => return of_rows(rows, limits),
            Err(error) => error,
        };
        if let Some(problem) = of_request(&error, table, statement) {
            return Err(problem);
        }
        match meaning(&error) {
            Meaning::Again => {}
            Meaning::SessionLost => pool.forget_free(),
            Meaning::Busy => {
                tracing::warn!("not read: {}", told(&error));
                return Err(Problem::busy(
                    "the database could not read the rows in time: ask for fewer, by conditions on columns that have an index",
                ));
            }
            Meaning::Altered => return Err(Problem::altered()),
            Meaning::NoKey | Meaning::Fault => {
                tracing::error!("not read: {}", told(&error));
                return Err(fault(&error));
            }
        }
    }
    Err(Problem::busy(
        "the database was still busy or away after several tries: try again later",
    ))
}

fn of_rows(rows: Vec<Row>, limits: &Limits) -> Result<Found, Problem> {
    let count = rows.first().map_or(0, |row| row.get::<_, i64>(1) as usize);
    if rows
        .first()
        .is_some_and(|row| row.get::<_, Option<&str>>(0).is_none())
    {
        return Err(Problem::bad(
            "row-too-long",
            format!(
                "the first row alone has more than {} bytes, the most that an answer may have: leave its long columns \
                 out with select",
                limits.body_bytes
            ),
        ));
    }
    let rows = rows.into_iter().map(FoundRow).collect();
    Ok(Found { rows, count })
}

/// Sends the whole transaction at once. Returns whether it has ended, so that the session can be lent again.
async fn run(
    client: &Client,
    opening: &str,
    statement: &Statement,
) -> (Result<Vec<Row>, Error>, bool) {
    let texts: Vec<Text<'_>> = statement
        .parameters
        .iter()
        .map(|(text, _)| Text(text))
        .collect();
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> = texts
        .iter()
        .map(|text| (text as &(dyn ToSql + Sync), Type::UNKNOWN))
        .collect();
    let (begun, rows, ended) = future::join3(
        client.batch_execute(opening),
        client.query_typed(&statement.sql, &parameters),
        client.batch_execute("ROLLBACK"),
    )
    .await;
    (begun.and(rows), ended.is_ok())
}

/// A parameter that is sent as text. The server finds its type and reads the text.
#[derive(Debug)]
struct Text<'a>(&'a str);

impl ToSql for Text<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// The problem for an error of the server that is about what the request asks; `None` for other errors.
fn of_request(error: &Error, table: &ReadTable, statement: &Statement) -> Option<Problem> {
    let said = error.as_db_error()?;
    let code = said.code().code();
    // Values that are not of their types, and comparisons that a type lacks.
    let is_of_request = code.starts_with("22")
        || matches!(
            code,
            "42883" | "42804" | "42725" | "42704" | "42846" | "0A000"
        );
    if !is_of_request {
        return None;
    }
    // The server says which parameter it could not read; older servers don't.
    let number = said.where_().and_then(|place| {
        let (_, rest) = place.split_once("parameter $")?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<usize>().ok()
    });
    let number = number.or((statement.parameters.len() == 1).then_some(1));
    let column = number
        .and_then(|number| statement.parameters.get(number.checked_sub(1)?))
        .map(|(_, place)| &table.columns[*place]);
    let place = column.map_or(String::new(), |column| {
        format!("column {} ({}): ", column.name, column.type_name)
    });
    Some(Problem::bad(
        "bad-filter",
        format!("{place}{}", said.message()),
    ))
}
