//! The beginning of each of our transactions, which makes all settings itself, so that none stays in a session.
//!
//! A pooler (PgBouncer in transaction mode) lends a session of the server to one client for a transaction, and to another for the
//! next. So whatever outlives a transaction ends up with another client: settings, advisory locks, temporary tables, cursors,
//! prepared statements. Therefore every statement of ours runs in a transaction that was begun here, settings and locks are the
//! transaction's own, and statements have no name, except those that the client's COPY prepares and closes again in the same
//! transaction.

use dataset::failure::Kind;
use postgres::{Client, SimpleQueryMessage};

/// The settings of each transaction. With them, nothing in the configuration of the role or the server changes a value's text or
/// ends a long statement; nothing hides rows (with `row_security` off, a policy that would leave out rows is an error); and
/// a table's rows come in their order, not from where another session's scan of it is.
/// `DateStyle` keeps its order of day and month: `'03/02/2024'` in a SELECT is the day that the source takes it for.
/// None of these statements takes a snapshot.
const SETTINGS: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO'; \
    SET LOCAL IntervalStyle = 'postgres'; SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'; \
    SET LOCAL lc_monetary = 'C'; SET LOCAL lc_numeric = 'C'; SET LOCAL lc_time = 'C'; SET LOCAL xmloption = 'content'; \
    SET LOCAL row_security = off; SET LOCAL standard_conforming_strings = on; SET LOCAL synchronize_seqscans = off";

/// The queries that begin each transaction. The first sets `transaction_timeout`, which exists from Postgres 17 on. The second
/// finds statements that another program has left in a pooled session under names that our client uses too (`s0`, `s1` …), each of
/// which would be in the way of a COPY.
const QUERIES: &str = "SELECT set_config('transaction_timeout', '0', true) \
    WHERE current_setting('transaction_timeout', true) IS NOT NULL; \
    SELECT format('DEALLOCATE %I', name) AS deallocate FROM pg_prepared_statements WHERE name ~ '^s[0-9]+$'";

/// The mode of transactions that write.
const READ_WRITE: &str = "ISOLATION LEVEL READ COMMITTED READ WRITE";
/// The mode of transactions that read the catalogue, in which each statement sees what has been committed.
const READ_ONLY: &str = "ISOLATION LEVEL READ COMMITTED READ ONLY";

/// Begins a transaction that writes.
///
/// # Errors
/// [`Kind::Usage`] behind a pooler that lends a session for a single statement only; the server's errors.
pub fn begin(client: &mut Client) -> anyhow::Result<()> {
    run(client, &format!("{}; {QUERIES}", opening(READ_WRITE)))
}

/// Begins a transaction that only reads.
///
/// # Errors
/// The errors of [`begin`].
pub fn begin_read_only(client: &mut Client) -> anyhow::Result<()> {
    run(client, &format!("{}; {QUERIES}", opening(READ_ONLY)))
}

/// Runs `work` in a transaction that only reads.
///
/// # Errors
/// The errors of [`begin`] and of `work`, after which the transaction is rolled back.
pub fn reading<T>(
    client: &mut Client,
    work: impl FnOnce(&mut Client) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    begin_read_only(client)?;
    let done = work(client);
    let end = client.batch_execute("ROLLBACK").map_err(Into::into);
    done.and_then(|done| end.map(|()| done))
}

/// The statements that begin a transaction that writes, for an asynchronous client with a session of its own, in which prepared
/// statements stay.
pub fn begin_writing() -> String {
    opening(READ_WRITE)
}

/// The statements that begin a transaction that only reads, for an asynchronous client with a session of its own.
pub fn begin_reading() -> String {
    opening(READ_ONLY)
}

/// The statements that begin a transaction in a mode, without taking a snapshot.
pub(crate) fn opening(mode: &str) -> String {
    format!("BEGIN {mode}; {SETTINGS}")
}

/// Runs the queries of a transaction's beginning once it has its snapshot; and again before its end, if the client has prepared
/// statements that it keeps.
pub(crate) fn settle(client: &mut Client) -> anyhow::Result<()> {
    run(client, QUERIES)
}

fn run(client: &mut Client, statements: &str) -> anyhow::Result<()> {
    let answers = client.simple_query(statements).map_err(explain)?;
    match deallocate(&answers) {
        Some(deallocate) => client.batch_execute(&deallocate).map_err(explain),
        None => Ok(()),
    }
}

/// Begins a transaction of the asynchronous client with these statements, which come from [`adopting`].
pub(crate) async fn begin_async(
    client: &tokio_postgres::Client,
    statements: &str,
) -> Result<(), tokio_postgres::Error> {
    let answers = client.simple_query(statements).await?;
    match deallocate(&answers) {
        Some(deallocate) => client.batch_execute(&deallocate).await,
        None => Ok(()),
    }
}

/// The statements that begin a transaction in a mode which sees an exported snapshot.
pub(crate) fn adopting(mode: &str, snapshot: &str) -> String {
    format!("BEGIN {mode}; SET TRANSACTION SNAPSHOT {snapshot}; {SETTINGS}; {QUERIES}")
}

/// The statements that remove the prepared statements that were found.
fn deallocate(answers: &[SimpleQueryMessage]) -> Option<String> {
    let found = answers.iter().filter_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.try_get("deallocate").ok().flatten(),
        _ => None,
    });
    let statements: Vec<&str> = found.collect();
    (!statements.is_empty()).then(|| statements.join("; "))
}

/// Explains why a transaction cannot begin.
fn explain(error: postgres::Error) -> anyhow::Error {
    let said = error.as_db_error().map(|error| error.message().to_owned());
    match said {
        // PgBouncer's words; there is no code for it.
        Some(said) if said.contains("statement pooling mode") => Kind::Usage.caused_by(
            error,
            "the pooler lends its connections for single statements (pool_mode = statement), and everything here runs in \
             transactions: connect to the server itself, or to a pool with pool_mode = transaction or session",
        ),
        // PgBouncer's message is lost if it closes the connection before the message is read.
        None if error.is_closed() => Kind::Connection.caused_by(
            error,
            "the connection was closed as a transaction began: was the server stopped, or is there a pooler before it that \
             needs pool_mode = transaction or session?",
        ),
        _ => error.into(),
    }
}
