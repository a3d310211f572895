//! The service's own tables, in the schema `extrato_serve`: keys, the audit, and answers to requests with an
//! Idempotency-Key.

use anyhow::Context;
use dataset::failure::Kind;
use loader::request::{REJECT_TABLE, reject_table_sql};
use postgres::Client;
use tokio_postgres::Error;

/// The statements that create the service's own tables.
const TABLES: &str = include_str!("store.sql");

/// Creates the service's own tables, and the tables of rejects in these schemas, where they are missing.
///
/// # Errors
/// [`Kind::Connection`] with the way out if the role may not create them.
pub(crate) fn prepare(client: &mut Client, schemas: &[&str]) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    let mut has = |schema: &str, table: &str| -> anyhow::Result<bool> {
        let found = client.query_opt(
            "SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2",
            &[&schema, &table],
        )?;
        Ok(found.is_some())
    };
    // Older versions created fewer of these tables.
    for table in ["key", "request", "audit"] {
        if !has("extrato_serve", table)? {
            missing.push(TABLES.to_owned());
            break;
        }
    }
    for schema in schemas {
        if !has(schema, REJECT_TABLE)? {
            missing.push(reject_table_sql(schema));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let made = client.batch_execute(&format!("BEGIN; {}; COMMIT", missing.join("; ")));
    made.map_err(|error| {
        Kind::Connection.caused_by(
            error,
            "cannot make the tables that the service needs (schema extrato_serve, and extrato_reject beside the tables): let \
             the owner of the database start the service once, then grant its role what sql/roles.sql lists",
        )
    })
    .context("preparing the database")
}

/// The identity of a request that may come again under the same Idempotency-Key.
#[derive(Debug, Clone)]
pub(crate) struct Repeatable {
    /// The client that sent the request.
    pub(crate) client: String,
    /// The Idempotency-Key.
    pub(crate) key: String,
    /// The checksum of everything that the request asks.
    pub(crate) sum: [u8; 32],
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// What is known about a request that may have come before.
#[derive(Debug)]
pub(crate) enum Before {
    /// The request was not seen yet, and nobody else works on it: the transaction holds a lock.
    Nothing,
    /// The request was answered before.
    Answered(Given),
    /// The key was used before, for a different request.
    Other,
}

impl Repeatable {
    /// Looks for the request, after taking a lock for which only requests with the same key wait. `opening` begins the transaction.
    pub(crate) async fn find(
        &self,
        client: &tokio_postgres::Client,
        opening: &str,
    ) -> Result<Before, Error> {
        let name = format!("extrato_serve {}\n{}", self.client, self.key);
        client.batch_execute(opening).await?;
        client
            .execute(
                "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1::pg_catalog.text, 7))",
                &[&name],
            )
            .await?;
        let found = client
            .query_opt(
                "SELECT sum, status, answer FROM extrato_serve.request WHERE client = $1 AND key = $2",
                &[&self.client, &self.key],
            )
            .await?;
        let Some(found) = found else {
            return Ok(Before::Nothing);
        };
        let sum: &[u8] = found.try_get(0)?;
        if sum != self.sum {
            return Ok(Before::Other);
        }
        let status: i16 = found.try_get(1)?;
        Ok(Before::Answered(Given {
            status: status as u16,
            body: found.try_get(2)?,
        }))
    }

    /// Stores the answer, in the transaction that inserts the rows.
    pub(crate) async fn keep(
        &self,
        client: &tokio_postgres::Client,
        given: &Given,
    ) -> Result<(), Error> {
        let (sum, status) = (&self.sum[..], given.status as i16);
        client
            .execute(
                "INSERT INTO extrato_serve.request (client, key, sum, status, answer) VALUES ($1, $2, $3, $4, $5)",
                &[&self.client, &self.key, &sum, &status, &given.body],
            )
            .await?;
        Ok(())
    }
}
