//! The ledger `extrato_load`: which file was loaded into which table, and how far.
//!
//! The ledger is written in the transaction that loads the rows, so a repeated load does nothing twice.

use anyhow::Context;
use database::catalogue::identifier::{qualified, quoted};
use dataset::failure::{Kind, OrFail};
use postgres::Client;
use postgres::types::Type;

use crate::report::Rows;
use crate::write::left_rejects::EarlierLoad;
use crate::write::rejects;
use storage::sum::Sum;

/// The table that lists the files loaded.
pub(crate) const TABLE: &str = "extrato_load";
const SEQUENCE: &str = "extrato_load_id";

/// Creates the schema and the tables of the ledger where they are missing, and gives this load its id, in the client's
/// transaction.
///
/// # Errors
/// [`Kind::Connection`] if a right is missing; errors of the server.
pub(crate) fn begin(client: &mut Client, schema: &str, reject_table: bool) -> anyhow::Result<i64> {
    let wanted = if reject_table { 3 } else { 2 };
    let names: &[&str] = &[TABLE, SEQUENCE, rejects::TABLE][..wanted];
    let found: i64 = client
        .query_one(
            "SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = ANY ($2)",
            &[&schema, &names],
        )?
        .get(0);
    if found < wanted as i64 {
        // This is asked first, since CREATE SCHEMA needs a right even where there is nothing to create.
        let exists = client
            .query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema])?
            .is_some();
        let mut statements = format!(
            "SET LOCAL client_min_messages = warning;
             CREATE TABLE IF NOT EXISTS {} (
                 load_id bigint NOT NULL, table_name text NOT NULL, file text NOT NULL, bytes bigint NOT NULL,
                 xxh3 text NOT NULL, rows_read bigint NOT NULL, rows_loaded bigint NOT NULL,
                 rows_rejected bigint NOT NULL, rows_skipped bigint NOT NULL, complete boolean NOT NULL,
                 at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (load_id, table_name, xxh3));
             CREATE SEQUENCE IF NOT EXISTS {};",
            qualified(schema, TABLE),
            qualified(schema, SEQUENCE)
        );
        if !exists {
            statements.insert_str(0, &format!("CREATE SCHEMA {};", quoted(schema)));
        }
        if reject_table {
            statements += &rejects::create_sql(schema);
        }
        client.batch_execute(&statements).with_context(|| {
            format!(
                "cannot make the tables {} in schema {schema}: its owner may make them; with --no-reject-table only {TABLE} is needed",
                names.join(", ")
            )
        })?;
    }
    let id = format!(
        "SELECT nextval('{}')",
        qualified(schema, SEQUENCE).replace('\'', "''")
    );
    Ok(client
        .query_one(&id, &[])
        .with_context(|| format!("cannot number this load in schema {schema}"))?
        .get(0))
}

/// What the ledger knows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) load_id: i64,
    /// Whether the whole file was loaded.
    pub(crate) complete: bool,
    /// How many rows of the file are done.
    pub(crate) rows: u64,
}

/// Finds what the ledger knows of a file with this sum. A file without rows is never known: nothing was loaded from it,
/// and other files may look the same.
///
/// # Errors
/// [`Kind::Connection`] if the ledger cannot be read.
pub(crate) fn find(
    client: &mut Client,
    schema: &str,
    table: &str,
    sum: Sum,
) -> anyhow::Result<Option<Before>> {
    let query = format!(
        "SELECT load_id, complete, rows_read FROM {} WHERE table_name = $1 AND xxh3 = $2 AND rows_read > 0
         ORDER BY complete DESC, rows_read DESC, load_id DESC LIMIT 1",
        qualified(schema, TABLE)
    );
    let row = client
        .query_opt(&query, &[&table, &sum.hex()])
        .or_fail(Kind::Connection, || format!("cannot read {schema}.{TABLE}"))?;
    Ok(row.map(|row| Before {
        load_id: row.get(0),
        complete: row.get(1),
        rows: row.get::<_, i64>(2) as u64,
    }))
}

/// Finds the loads other than `load_id` that loaded anything from files with these sums.
///
/// # Errors
/// [`Kind::Connection`] if the ledger cannot be read.
pub(crate) fn earlier_loads(
    client: &mut Client,
    schema: &str,
    table: &str,
    sums: &[Sum],
    load_id: i64,
) -> anyhow::Result<Vec<EarlierLoad>> {
    let sums: Vec<String> = sums.iter().map(|sum| sum.hex()).collect();
    let query = format!(
        "SELECT load_id, sum(rows_rejected)::bigint FROM {} WHERE table_name = $1 AND load_id <> $3
         GROUP BY load_id HAVING bool_or(xxh3 = ANY ($2) AND rows_read > 0) ORDER BY load_id",
        qualified(schema, TABLE)
    );
    let rows = client
        .query(&query, &[&table, &sums, &load_id])
        .or_fail(Kind::Connection, || format!("cannot read {schema}.{TABLE}"))?;
    let load = |row: &postgres::Row| EarlierLoad {
        id: row.get(0),
        rejected: row.get::<_, i64>(1) as u64,
    };
    Ok(rows.iter().map(load).collect())
}

/// What other loads have recorded so far, for comparing it with what they have recorded later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OfOthers {
    entries: i64,
    rows: i64,
}

/// Reads what loads other than `load_id` have recorded.
///
/// # Errors
/// Errors of the server.
pub(crate) fn of_others(
    client: &mut Client,
    schema: &str,
    load_id: i64,
) -> anyhow::Result<OfOthers> {
    let query = format!(
        "SELECT count(*), coalesce(sum(rows_read), 0)::bigint FROM {} WHERE load_id <> $1",
        qualified(schema, TABLE)
    );
    let row = client
        .query_typed_one(&query, &[(&load_id, Type::INT8)])
        .with_context(|| format!("cannot read {schema}.{TABLE}"))?;
    Ok(OfOthers {
        entries: row.get(0),
        rows: row.get(1),
    })
}

/// How far the load of a file has come, as the ledger records it.
pub(crate) struct Entry<'a> {
    pub(crate) load_id: i64,
    pub(crate) table: &'a str,
    pub(crate) file: &'a str,
    pub(crate) sum: Sum,
    pub(crate) rows: &'a Rows,
    /// Whether the whole file was loaded.
    pub(crate) complete: bool,
}

/// Records in the client's transaction how far a file has come.
///
/// # Errors
/// Errors of the server.
pub(crate) fn record(client: &mut Client, schema: &str, entry: &Entry<'_>) -> anyhow::Result<()> {
    let statement = format!(
        "INSERT INTO {} (load_id, table_name, file, bytes, xxh3, rows_read, rows_loaded, rows_rejected, rows_skipped,
                         complete)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (load_id, table_name, xxh3) DO UPDATE
         SET rows_read = excluded.rows_read, rows_loaded = excluded.rows_loaded,
             rows_rejected = excluded.rows_rejected, rows_skipped = excluded.rows_skipped,
             complete = excluded.complete, at = now()",
        qualified(schema, TABLE)
    );
    let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
    let Entry {
        load_id,
        table,
        file,
        sum,
        rows,
        complete,
    } = entry;
    client
        .execute(
            &statement,
            &[
                load_id,
                table,
                file,
                &count(sum.bytes),
                &sum.hex(),
                &count(rows.read),
                &count(rows.loaded),
                &count(rows.rejected),
                &count(rows.skipped),
                complete,
            ],
        )
        .with_context(|| format!("cannot write {schema}.{TABLE}"))?;
    Ok(())
}

/// Forgets what was loaded into tables that are emptied.
///
/// # Errors
/// Errors of the server.
pub(crate) fn forget(client: &mut Client, schema: &str, tables: &[&str]) -> anyhow::Result<()> {
    let statement = format!(
        "DELETE FROM {} WHERE table_name = ANY ($1)",
        qualified(schema, TABLE)
    );
    client.execute(&statement, &[&tables])?;
    Ok(())
}
