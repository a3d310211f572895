//! Statements about the tables that rows go into: whether they exist, emptying, locking, adding keys.

use anyhow::Context;
use database::catalogue::identifier::{qualified, quoted, relation};
use database::lock_wait::{self, LockMode};
use dataset::Dataset;
use dataset::failure::{Failure, Kind, OrFail};
use postgres::Client;
use postgres::error::SqlState;
use tracing::field;

/// Whether the schema has any of the dataset's tables.
///
/// # Errors
/// Errors of the server.
pub(crate) fn any(client: &mut Client, dataset: &Dataset, schema: &str) -> anyhow::Result<bool> {
    let names: Vec<&str> = dataset
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    let found = client.query_opt(
        "SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = ANY ($2) LIMIT 1",
        &[&schema, &names],
    )?;
    Ok(found.is_some())
}

/// The rules of the schema's tables and domains that only the server can judge, each in words that differ from those of
/// any other rule.
///
/// # Errors
/// Errors of the server.
pub(crate) fn rules_of_the_server(
    client: &mut Client,
    schema: &str,
) -> anyhow::Result<Vec<String>> {
    let rules = client.query(
        "WITH n AS (SELECT oid FROM pg_namespace WHERE nspname = $1)
         SELECT format('%s %s %s', r.conname, r.contypid::regtype, pg_get_constraintdef(r.oid))
         FROM pg_constraint AS r JOIN n ON n.oid = r.connamespace WHERE r.contype IN ('c', 'x')
         UNION ALL
         SELECT pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
         JOIN n ON n.oid = c.relnamespace
         WHERE i.indisunique AND (i.indpred IS NOT NULL OR i.indexprs IS NOT NULL)
         UNION ALL
         SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
         JOIN n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal",
        &[&schema],
    )?;
    Ok(rules.iter().map(|row| row.get(0)).collect())
}

/// A table that is to be emptied.
pub(crate) struct Emptied<'a> {
    pub(crate) table: &'a str,
    /// Whether the table's rows are those of its partitions.
    pub(crate) partitioned: bool,
}

/// Empties the tables, partitioned ones with their partitions. Other tables that inherit from them keep their rows.
///
/// # Errors
/// [`Kind::Refused`] if other tables refer to them; [`Kind::Connection`] if the right is missing.
pub(crate) fn truncate(
    client: &mut Client,
    schema: &str,
    tables: &[Emptied<'_>],
) -> anyhow::Result<()> {
    let relations: Vec<_> = tables
        .iter()
        .map(|emptied| relation(schema, emptied.table, !emptied.partitioned))
        .collect();
    let tables: Vec<_> = tables.iter().map(|emptied| emptied.table).collect();
    let truncated = client.batch_execute(&format!("TRUNCATE {}", relations.join(", ")));
    let failed = || format!("cannot empty {}", tables.join(", "));
    match truncated {
        Err(error) if error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) => {
            Err(error).or_fail(Kind::Refused, || {
                format!(
                    "{}: load the tables that refer to them too, or leave out --truncate",
                    failed()
                )
            })
        }
        truncated => truncated.with_context(failed),
    }
}

/// Keeps other writers off, so that keys stay as they were read. A user who may only insert may not lock; in that case the
/// server's own keys decide.
///
/// # Errors
/// Errors of the server.
pub(crate) fn lock(client: &mut Client, schema: &str, tables: &[&str]) -> anyhow::Result<()> {
    let begin = |client: &mut Client| Ok(client.batch_execute("SAVEPOINT locking")?);
    let names: Vec<_> = tables
        .iter()
        .map(|table| qualified(schema, table))
        .collect();
    let (undo, mode) = ("ROLLBACK TO SAVEPOINT locking", LockMode::ShareRowExclusive);
    let locked = lock_wait::lock_tables(client, &begin, undo, &names, mode);
    match locked {
        Ok(()) => client.batch_execute("RELEASE SAVEPOINT locking")?,
        Err(error) if is_without_right(&error) => {
            tracing::debug!(%error, "tables are not locked");
            client.batch_execute(undo)?;
        }
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot lock the tables in schema {schema}"));
        }
    }
    Ok(())
}

fn is_without_right(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<postgres::Error>();
    cause.and_then(|error| error.code()) == Some(&SqlState::INSUFFICIENT_PRIVILEGE)
}

/// The event that fires a row trigger, as in `pg_trigger.tgtype` (src/include/catalog/pg_trigger.h).
#[derive(Debug, Clone, Copy)]
pub(crate) enum RowEvent {
    Insert = 1 << 2,
    Update = 1 << 4,
}

/// Adds to an error about a wrong number of rows the triggers of a table and its partitions that see each row before
/// it is taken and may leave it out. If there are none, or they cannot be read, the error stays as it is.
pub(crate) fn with_triggers(
    error: anyhow::Error,
    client: &mut Client,
    schema: &str,
    table: &str,
    event: RowEvent,
) -> anyhow::Error {
    if Failure::kind_of(&error) != Some(Kind::Check) {
        return error;
    }
    let found = client.query(
        "SELECT DISTINCT format('%I.%I', n.nspname, c.relname), t.tgname::text
         FROM (SELECT $1::text::regclass AS oid UNION SELECT relid FROM pg_partition_tree($1::text::regclass)) AS r
         JOIN pg_trigger AS t ON t.tgrelid = r.oid JOIN pg_class AS c ON c.oid = r.oid
         JOIN pg_namespace AS n ON n.oid = c.relnamespace
         WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype::integer & 3 = 3
           AND t.tgtype::integer & $2 <> 0
           AND NOT EXISTS (SELECT FROM pg_trigger AS above WHERE above.oid = t.tgparentid)
         ORDER BY 1, 2",
        &[&qualified(schema, table), &(event as i32)],
    );
    let found = match found {
        Ok(found) if !found.is_empty() => found,
        Ok(_) => return error,
        Err(failed) => {
            tracing::debug!(error = %failed, "triggers are not looked for");
            return error;
        }
    };
    let triggers = found.iter().map(|row| {
        let (table, trigger): (&str, &str) = (row.get(0), row.get(1));
        (
            format!("`{trigger}` of {table}"),
            format!("ALTER TABLE {table} DISABLE TRIGGER {}", quoted(trigger)),
        )
    });
    let (named, disabled): (Vec<_>, Vec<_>) = triggers.unzip();
    let triggers = match &named[..] {
        [trigger] => format!("the row trigger {trigger}"),
        _ => format!("one of the row triggers {}", named.join(", ")),
    };
    error.context(format!(
        "{triggers} apparently leaves rows out, but a load accounts for every row: take these rows out of the file, or \
         disable the trigger for the load ({})",
        disabled.join("; ")
    ))
}

/// Adds the dataset's keys, foreign keys and indexes, unless the tables have them already.
///
/// # Errors
/// Errors of the server, with the row that breaks a key.
pub(crate) fn add_keys(
    client: &mut Client,
    dataset: &Dataset,
    schema: &str,
    unkeyed: &mut bool,
) -> anyhow::Result<()> {
    if !std::mem::take(unkeyed) {
        return Ok(());
    }
    tracing::info!("adding keys, foreign keys and indexes");
    let span = tracing::info_span!(
        "adding keys, foreign keys and indexes",
        waits = field::Empty
    );
    span.in_scope(|| client.batch_execute(&dataset.constraints_sql))
        .with_context(|| format!("cannot add the keys in schema {schema}"))
        .map_err(with_detail)
}

/// Adds to an error the detail that the server gives about the row that it refused, which the message alone leaves out.
pub(crate) fn with_detail(error: anyhow::Error) -> anyhow::Error {
    let detail = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<postgres::Error>())
        .and_then(|error| error.as_db_error()?.detail())
        .map(|detail| detail.trim_end_matches('.').to_owned());
    match detail {
        Some(detail) => error.context(format!(
            "the server refuses a row that passed all checks of the load: {detail}"
        )),
        None => error,
    }
}
