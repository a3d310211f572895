//! Waits for locks on tables, and says who holds them.

use std::time::Instant;

use anyhow::Context;
use postgres::error::SqlState;
use postgres::{Client, GenericClient};
use tracing::field;

use crate::catalogue::identifier::literal;

/// What a lock on tables prevents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Nobody may drop, alter, truncate or rewrite the tables.
    AccessShare,
    /// Nobody may write into the tables either.
    ShareRowExclusive,
}

impl LockMode {
    /// The mode's name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
        }
    }

    /// The modes that conflict with this one, under their names in `pg_locks` (Postgres's documentation, table 13.2).
    const fn conflicting(self) -> &'static [&'static str] {
        match self {
            Self::AccessShare => &["AccessExclusiveLock"],
            Self::ShareRowExclusive => &[
                "RowExclusiveLock",
                "ShareUpdateExclusiveLock",
                "ShareLock",
                "ShareRowExclusiveLock",
                "ExclusiveLock",
                "AccessExclusiveLock",
            ],
        }
    }

    /// The statement that locks `tables`, which are qualified and quoted.
    fn statement(self, tables: &[String]) -> String {
        format!("LOCK TABLE {} IN {} MODE", tables.join(", "), self.name())
    }
}

/// Locks `tables`, which are qualified and quoted, in a transaction or a part of one that `begin` begins. If others hold
/// locks on them, says who, and waits.
///
/// To wait, what was begun is rolled back by the statement `undo` and begun again: asking who holds the locks would give a
/// transaction a snapshot from before the lock.
///
/// # Errors
/// The server's errors, with the transaction still open.
pub fn lock_tables(
    client: &mut Client,
    begin: &dyn Fn(&mut Client) -> anyhow::Result<()>,
    undo: &str,
    tables: &[String],
    mode: LockMode,
) -> anyhow::Result<()> {
    begin(client)?;
    if tables.is_empty() {
        return Ok(());
    }
    let statement = mode.statement(tables);
    match client.batch_execute(&format!("{statement} NOWAIT")) {
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {}
        locked => return Ok(locked?),
    }
    client.batch_execute(undo)?;
    let holders = asked(client, tables, mode);
    let whom = match holders.is_empty() {
        true => vec!["another session".to_owned()],
        false => holders,
    };
    waiting(&whom, tables, || {
        begin(client)?;
        Ok(client.batch_execute(&statement)?)
    })
}

/// Runs `ask`, which waits while others keep `tables` (qualified and quoted) from being read, and says for whom it waits. An
/// example is asking for the size of a table.
///
/// # Errors
/// The server's errors, and those of `ask`.
pub(crate) fn told<C: GenericClient, T>(
    client: &mut C,
    tables: &[String],
    ask: impl FnOnce(&mut C) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let holders = match tables.is_empty() {
        true => Vec::new(),
        // An error here, such as a missing right, ends the client's transaction; so it is returned, and not the error that would
        // follow.
        false => holders(client, tables, LockMode::AccessShare)?,
    };
    match holders.is_empty() {
        true => ask(client),
        false => waiting(&holders, tables, || ask(client)),
    }
}

/// Waits for locks, and says for whom and how long.
fn waiting<T>(
    whom: &[String],
    tables: &[String],
    wait: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    tracing::info!(
        "waiting for locks on {}: {}",
        tables.join(", "),
        whom.join(", ")
    );
    let began = Instant::now();
    let span = tracing::info_span!("waiting for locks", waits = field::Empty);
    let waited = span.in_scope(wait)?;
    tracing::info!("waited {:.1} s for locks", began.elapsed().as_secs_f64());
    Ok(waited)
}

/// The sessions that keep `mode` from `tables`; empty if that cannot be asked.
fn asked(client: &mut impl GenericClient, tables: &[String], mode: LockMode) -> Vec<String> {
    holders(client, tables, mode).unwrap_or_else(|error| {
        tracing::debug!(%error, "cannot find out who holds the tables");
        Vec::new()
    })
}

/// The sessions that hold or wait for a lock which keeps `mode` from `tables`: process, program and user.
fn holders(
    client: &mut impl GenericClient,
    tables: &[String],
    mode: LockMode,
) -> anyhow::Result<Vec<String>> {
    let list = |texts: &mut dyn Iterator<Item = &str>| {
        let texts: Vec<_> = texts.map(literal).collect();
        texts.join(", ")
    };
    let query = format!(
        "SELECT DISTINCT l.pid::text, coalesce(a.application_name, ''), coalesce(a.usename::text, '')
         FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
         WHERE l.locktype = 'relation' AND l.pid <> pg_backend_pid()
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND l.relation IN (SELECT to_regclass(name)::oid FROM unnest(ARRAY[{}]) AS name)
           AND l.mode IN ({})
         ORDER BY 1",
        list(&mut tables.iter().map(String::as_str)),
        list(&mut mode.conflicting().iter().copied())
    );
    let answers = client.simple_query(&query).context("asking for locks")?;
    let rows = answers.iter().filter_map(|answer| match answer {
        postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let told = rows.map(|row| {
        let cell = |index| row.get(index).unwrap_or_default();
        let program = match cell(1) {
            "" => "a program without a name".to_owned(),
            name => name.to_owned(),
        };
        format!("process {} ({program}, user {})", cell(0), cell(2))
    });
    Ok(told.collect())
}
