//! Texts of types that only the server knows: each is read by the type's own input function, as COPY would read it.
//!
//! A text that is not a value raises an error, which would end the transaction. So the texts are tried in a block of PL/pgSQL
//! that catches errors: first all of them at once, then, if that raises one, some rows at a time, and then the rows of a group
//! with an error one by one. A file without errors costs one statement; any other costs at most about one block for each row.

use database::catalogue::identifier::quoted;
use postgres::Client;
use postgres::error::SqlState;

use crate::keys::questions::{INDEX_BY_ROW, NOT_OF_A_ROW, VALUES, staged_name, text_name};
use crate::keys::results::{Finding, TABLE as FINDINGS};

/// How many rows are tried at once after an error. They are few, since each may have to be tried again by itself.
const ROWS_AT_ONCE: u32 = 20;
/// How many characters of the server's message are kept, since it may repeat a text of any length.
const SAID_CHARS: u32 = 400;
/// The SQLSTATE that input functions of some extensions raise; faults of the server itself share its class.
const UNCLASSIFIED: &str = "XX000";

/// Records which of the staged texts are not values, and turns those of the columns `to_values` into values. Both `texts` and
/// `to_values` are indices of `columns`, which are the columns of `table`, a qualified name. Without PL/pgSQL nothing is
/// recorded, and rows with bad texts are left to the server.
///
/// # Errors
/// Errors of the server.
pub(crate) fn judge(
    client: &mut Client,
    table: &str,
    columns: &[String],
    texts: &[usize],
    to_values: &[usize],
) -> Result<(), postgres::Error> {
    // One table for each type: a row of several columns would also be refused for a domain that is NOT NULL.
    let types: String = texts
        .iter()
        .map(|column| {
            format!(
                "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} AS value FROM {table} LIMIT 0;",
                type_name(*column),
                quoted(&columns[*column])
            )
        })
        .collect();
    client.batch_execute(&format!("{types} SAVEPOINT judging"))?;
    let tried: String = texts.iter().map(|column| trial(*column)).collect();
    let judged = client.batch_execute(&format!(
        "DO $extrato$ DECLARE begins bigint; tried record; detail text; BEGIN {tried} END $extrato$"
    ));
    match judged {
        Err(error)
            if [
                Some(&SqlState::UNDEFINED_OBJECT),
                Some(&SqlState::INSUFFICIENT_PRIVILEGE),
            ]
            .contains(&error.code()) =>
        {
            tracing::debug!(%error, "texts are left to the server");
            client.batch_execute("ROLLBACK TO SAVEPOINT judging")?;
        }
        judged => judged?,
    }
    for column in to_values {
        client.batch_execute(&format!(
            "UPDATE pg_temp.{VALUES} AS s SET {} = NULL FROM pg_temp.{FINDINGS} AS f
             WHERE f.row = s.row AND f.of = {column} AND f.finding = {}",
            text_name(*column),
            Finding::NoValue as i16
        ))?;
    }
    if !to_values.is_empty() {
        let made: Vec<_> = to_values
            .iter()
            .map(|column| {
                let (name, text) = (staged_name(*column), text_name(*column));
                let value = value_of(*column, &format!("s.{text}"));
                format!("{name} = CASE WHEN s.{text} IS NOT NULL THEN {value} END")
            })
            .collect();
        client.batch_execute(&format!(
            "UPDATE pg_temp.{VALUES} AS s SET {}",
            made.join(", ")
        ))?;
    }
    let types: Vec<_> = texts
        .iter()
        .map(|column| format!("pg_temp.{}", type_name(*column)))
        .collect();
    client.batch_execute(&format!(
        "RELEASE SAVEPOINT judging; DROP TABLE {}",
        types.join(", ")
    ))
}

/// The name of the temporary table, without rows, whose column `value` has the type of a column.
fn type_name(column: usize) -> String {
    format!("extrato_type_{column}")
}

/// The SQL expression for the value that the input function of a column's type makes of a text. Among the ways from a text to a
/// value, only this one passes the type's modifier to the function, as COPY does, and cuts or pads nothing.
fn value_of(column: usize, text: &str) -> String {
    format!(
        "(jsonb_populate_record(NULL::pg_temp.{}, jsonb_build_object('value', {text}))).value",
        type_name(column)
    )
}

/// The statements of PL/pgSQL that record which texts of a column are not values.
fn trial(column: usize) -> String {
    let text = text_name(column);
    let value = value_of(column, &format!("s.{text}"));
    let rows = format!("FROM pg_temp.{VALUES} AS s WHERE s.{text} IS NOT NULL");
    let some = format!("{rows} AND s.row BETWEEN begins AND begins + {ROWS_AT_ONCE} - 1");
    let one = value_of(column, "tried.of");
    let others = NOT_OF_A_ROW.join("', '");
    let caught = format!(
        "EXCEPTION WHEN others THEN
             IF left(SQLSTATE, 2) IN ('{others}') AND SQLSTATE <> '{UNCLASSIFIED}' THEN RAISE; END IF;"
    );
    format!(
        "BEGIN
             PERFORM count({value}) {rows};
         {caught}
             {INDEX_BY_ROW};
             FOR begins IN SELECT generate_series(min(row), max(row), {ROWS_AT_ONCE}) FROM pg_temp.{VALUES} LOOP
                 BEGIN
                     PERFORM count({value}) {some};
                 {caught}
                     FOR tried IN SELECT s.row, s.{text} AS of {some} LOOP
                         BEGIN
                             PERFORM {one};
                         {caught}
                             GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
                             INSERT INTO pg_temp.{FINDINGS}
                             VALUES (tried.row, {column}, {finding}, NULL, SQLSTATE,
                                     left(concat_ws(': ', SQLERRM, nullif(detail, '')), {SAID_CHARS}));
                         END;
                     END LOOP;
                 END;
             END LOOP;
         END;
         ",
        finding = Finding::NoValue as i16
    )
}
