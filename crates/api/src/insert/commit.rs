//! The end of a request's transaction: its line in the audit and the commit, sent together.

use futures_util::future;
use tokio_postgres::Error;

use crate::insert::failed::{Failed, Meaning, meaning};
use crate::insert::outcome::Counts;
use crate::pool::Session;
use crate::table::ServedTable;

/// Writes lines of the audit for one table. Requests, clients and counts are arrays of the same length. They are unnested in the
/// SELECT list, where they advance together; functions in FROM would each be stored first.
const AUDIT: &str = "INSERT INTO extrato_serve.audit (dataset, schema, table_name, request, client, received, inserted, updated,
                                 skipped, rejected, left_out)
     SELECT $1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.text,
            pg_catalog.unnest($4::pg_catalog.text[]), pg_catalog.unnest($5::pg_catalog.text[]),
            pg_catalog.unnest($6::pg_catalog.int4[]), pg_catalog.unnest($7::pg_catalog.int4[]),
            pg_catalog.unnest($8::pg_catalog.int4[]), pg_catalog.unnest($9::pg_catalog.int4[]),
            pg_catalog.unnest($10::pg_catalog.int4[]), pg_catalog.unnest($11::pg_catalog.int4[])";

/// The audit's line about a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AuditLine<'a> {
    pub(crate) request: &'a str,
    /// The name of the key that the request had; empty if no key is needed.
    pub(crate) client: &'a str,
    pub(crate) counts: Counts,
}

/// Writes the audit's lines of requests for one table, and commits them together with their rows.
pub(crate) async fn commit(
    session: &mut Session,
    dataset: &str,
    table: &ServedTable,
    lines: &[AuditLine<'_>],
) -> Result<(), Failed> {
    let audit = match &session.audit {
        Some(audit) => audit,
        None => {
            let audit = session.client.prepare(AUDIT).await?;
            session.audit.insert(audit)
        }
    };
    let requests: Vec<&str> = lines.iter().map(|line| line.request).collect();
    let clients: Vec<&str> = lines.iter().map(|line| line.client).collect();
    let counted = |count: fn(&Counts) -> u32| -> Vec<i32> {
        lines
            .iter()
            .map(|line| count(&line.counts) as i32)
            .collect()
    };
    let (written, committed) = future::join(
        session.client.execute(
            audit,
            &[
                &dataset,
                &table.schema,
                &table.target.table,
                &requests,
                &clients,
                &counted(Counts::all),
                &counted(|counts| counts.inserted),
                &counted(|counts| counts.updated),
                &counted(|counts| counts.skipped),
                &counted(|counts| counts.rejected),
                &counted(|counts| counts.left_out),
            ],
        ),
        session.client.batch_execute("COMMIT"),
    )
    .await;
    match (written, committed) {
        (Ok(_), Ok(())) => Ok(()),
        // Committing a transaction that has failed rolls it back, and the server calls that a success.
        (Err(error), _) if error.as_db_error().is_some() => Err(Failed::Undone(error)),
        (_, Err(error)) | (Err(error), _) => Err(uncommitted(error)),
    }
}

/// Why a commit failed: an error of the server means that nothing was committed, anything else leaves it unknown.
fn uncommitted(error: Error) -> Failed {
    match error.as_db_error().is_some() && meaning(&error) != Meaning::SessionLost {
        true => Failed::Undone(error),
        false => Failed::Unknown(error),
    }
}
