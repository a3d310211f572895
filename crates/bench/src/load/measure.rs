//! The result of a way of loading: the rows and keys in the database, and the time it took.

use std::time::Duration;

use super::files::Files;
use crate::child::Done;
use crate::rounds::Sample;
use crate::server::{SCHEMA, Server};

/// The time after which another program's way is stopped.
pub(super) const PEERS_LIMIT: Duration = Duration::from_secs(120);

/// The measurement of a way that has loaded `files`, once all of their rows and the keys were found.
pub(crate) fn loaded(server: &Server, files: &Files, done: &Done) -> anyhow::Result<Sample> {
    for table in &files.tables {
        server.check_count(&table.name, table.rows)?;
    }
    // Only the dataset's own tables count: extrato has others for its records.
    let query = "SELECT count(*) FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = c.conrelid
                 WHERE c.contype IN ('p', 'f') AND t.relname = ANY($1) AND t.relnamespace = $2::text::regnamespace";
    let tables: Vec<&str> = files
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    let keys: i64 = server
        .connect()?
        .query_one(query, &[&tables, &SCHEMA])?
        .get(0);
    let expected = files.dataset.constraints_sql.matches(" KEY ").count();
    anyhow::ensure!(
        keys as usize == expected,
        "there are {keys} keys instead of {expected}"
    );
    Ok(measured(files.rows_read(), done))
}

/// The measurement of a way that has read this many rows.
pub(crate) fn measured(rows: u64, done: &Done) -> Sample {
    Sample {
        seconds: done.seconds,
        rows,
        usage: Some(done.usage),
        ..Sample::default()
    }
}
