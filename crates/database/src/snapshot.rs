//! One snapshot over all tables: locked first, exported once, held by one connection for the whole run.

use std::time::Duration;

use anyhow::Context;
use dataset::Dataset;
use dataset::failure::Kind;
use postgres::fallible_iterator::FallibleIterator;

use crate::catalogue::identifier::{literal, qualified, quoted};
use crate::catalogue::{self, LiveTable, Wanted};
use crate::connect::{Cancel, Connection, Settings};
use crate::sqlstate;

/// The longest that a session which reads a part waits for a lock. Only indexes may have a lock that ends by itself.
const LONGEST_WAIT: &str = "5s";

/// Long enough to take what has already arrived.
const HEARING: Duration = Duration::from_millis(1);

/// Holds the locks and the snapshot until it is dropped.
pub struct Snapshot {
    settings: Settings,
    connection: Connection,
    id: String,
    schema: String,
    tables: Vec<LiveTable>,
}

impl Snapshot {
    /// Checks the `wanted` columns of the tables of `dataset` in the Postgres schema `schema`, locks the tables `ACCESS SHARE` and
    /// exports a `REPEATABLE READ READ ONLY` snapshot.
    ///
    /// The locks come before the snapshot and stay: a `TRUNCATE` or a rewrite, which no snapshot covers,
    /// either ended before or waits. What cannot be locked (materialised views, foreign tables) is read
    /// once, which locks it too, and its file compared.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if a table or type doesn't fit, or changed between check and lock;
    /// [`Kind::Connection`] if the server cannot be used.
    pub fn take(
        settings: &Settings,
        dataset: &Dataset,
        schema: &str,
        wanted: Wanted<'_>,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        Self::take_from(settings, dataset, schema, wanted, cancel)
            .map_err(|error| sqlstate::while_reading(error, settings))
    }

    fn take_from(
        settings: &Settings,
        dataset: &Dataset,
        schema: &str,
        wanted: Wanted<'_>,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let mut connection = settings.connect(cancel)?;
        connection
            .batch_execute("SET default_transaction_read_only = on")
            .context("opening the snapshot")?;
        // Before the transaction, whose snapshot the first SELECT would fix.
        let before = catalogue::read(&mut *connection, dataset, schema, wanted)?;
        connection
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .context("opening the snapshot")?;
        let lockable: Vec<String> = before
            .iter()
            .filter(|table| matches!(table.relkind, 'r' | 'p' | 'v'))
            .map(|table| qualified(schema, &table.schema.name))
            .collect();
        if !lockable.is_empty() {
            connection
                .batch_execute(&format!(
                    "LOCK TABLE {} IN ACCESS SHARE MODE",
                    lockable.join(", ")
                ))
                .context("locking the tables")?;
        }
        let id: String = connection
            .query_one("SELECT pg_export_snapshot()", &[])
            .context("exporting the snapshot")?
            .get(0);
        for table in before
            .iter()
            .filter(|table| matches!(table.relkind, 'm' | 'f'))
        {
            connection
                .batch_execute(&format!(
                    "SELECT FROM {} LIMIT 0",
                    qualified(schema, &table.schema.name)
                ))
                .context("locking the tables")?;
        }
        let tables = catalogue::read(&mut *connection, dataset, schema, wanted)?;
        for (before, now) in before.iter().zip(&tables) {
            if before.schema != now.schema || now.filenodes.0 != now.filenodes.1 {
                return Err(Kind::Mismatch.error(format!(
                    "table `{}` was altered, truncated or rewritten while the run began: run again",
                    now.schema.name
                )));
            }
        }
        // Sends what the client still has to send (that its prepared statements are done with), since it would try
        // that before it hears, at the end, that the session has been ended.
        connection
            .batch_execute("")
            .context("opening the snapshot")?;
        Ok(Self {
            settings: settings.clone(),
            connection,
            id,
            schema: schema.to_owned(),
            tables,
        })
    }

    /// The tables as the snapshot has them, in the dataset's order.
    pub fn tables(&self) -> &[LiveTable] {
        &self.tables
    }

    /// The identifier that other sessions set.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The statements that make a fresh session see this snapshot, and keep it from waiting for a lock for long.
    ///
    /// Nobody can hold a lock that keeps it from a table which this snapshot has locked; but one who waits for such a
    /// lock (to truncate or alter the table) comes before it in the queue. The two would wait for each other through
    /// this process, where the server can't see it.
    pub fn adopt_sql(&self) -> String {
        format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}; \
             SET LOCAL lock_timeout = '{LONGEST_WAIT}'",
            literal(&self.id)
        )
    }

    /// The binary COPY statements that together read `columns` of `table`: at most `parts`, split at block
    /// boundaries, of at least `min_pages` blocks each. The last range is open, so blocks that the table
    /// grew by (and a child table's) are in it.
    pub fn copy_statements(
        &self,
        table: &LiveTable,
        columns: &[&str],
        parts: usize,
        min_pages: u32,
    ) -> Vec<String> {
        let list: Vec<String> = table
            .schema
            .columns
            .iter()
            .filter(|column| columns.contains(&column.name.as_str()))
            .map(|column| {
                let name = quoted(&column.name);
                if column.cast_to_text {
                    format!("{name}::text")
                } else {
                    name
                }
            })
            .collect();
        let select = format!(
            "SELECT {} FROM {}",
            list.join(", "),
            qualified(&self.schema, &table.schema.name)
        );
        let copy =
            |condition: &str| format!("COPY ({select}{condition}) TO STDOUT (FORMAT binary)");
        let parts = u32::try_from(parts)
            .unwrap_or(u32::MAX)
            .min(table.pages / min_pages.max(1))
            .max(1);
        if parts == 1 {
            return vec![copy("")];
        }
        let start = |part: u32| u64::from(table.pages) * u64::from(part) / u64::from(parts);
        (0..parts)
            .map(|part| {
                let from = format!(" WHERE ctid >= '({},0)'", start(part));
                let to = match part + 1 {
                    next if next == parts => String::new(),
                    next => format!(" AND ctid < '({},0)'", start(next)),
                };
                copy(&(from + &to))
            })
            .collect()
    }

    /// Ends the transaction, after making sure that the connection which held the snapshot still stands.
    ///
    /// # Errors
    /// [`Kind::Connection`] if it doesn't, and so the locks may have been lost too early.
    pub fn release(mut self) -> anyhow::Result<()> {
        // First hear what the server said if it has ended the session: a COMMIT might find no more than that it is
        // closed.
        let heard = self.connection.notifications().timeout_iter(HEARING).next();
        heard
            .and_then(|_| self.connection.batch_execute("COMMIT"))
            .map_err(|error| {
                sqlstate::while_reading(error.into(), &self.settings)
                    .context("the connection that held the snapshot did not last")
            })
    }
}
