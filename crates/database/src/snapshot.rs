//! One snapshot of all tables: these are locked first, then it is exported once, and one connection holds it for the whole run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;
use dataset::Dataset;
use dataset::failure::Kind;
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;

use crate::catalogue::identifier::{literal, qualified, quoted, relation};
use crate::catalogue::{self, LiveTable, Wanted};
use crate::connect::{Cancel, Connection, OneOf, Settings};
use crate::copy::read::Blocks;
use crate::copy::write::RowForm;
use crate::lock_wait::{self, LockMode};
use crate::sqlstate;
use crate::transaction;

/// The mode of the transaction that holds the snapshot, and of those that read in it.
const MODE: &str = "ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// How long a session that reads a part waits for a lock at most. Only indexes may have a lock that ends by itself.
const LONGEST_WAIT: &str = "5s";

/// How long to wait for messages that have already arrived.
const HEARING: Duration = Duration::from_millis(1);

/// Holds the locks and the snapshot until it is dropped.
pub struct Snapshot {
    settings: Settings,
    connection: Arc<Mutex<Connection>>,
    id: String,
    tables: Vec<LiveTable>,
}

/// Reads parts of a snapshot.
#[derive(Clone)]
pub struct Reader {
    settings: Settings,
    /// The connection that holds the snapshot, if it is the only one.
    own: Option<Arc<Mutex<Connection>>>,
    begin: String,
    one: OneOf,
}

impl Reader {
    /// How many parts are read at once.
    pub fn parts(&self) -> usize {
        (self.one.connections - 1).max(1)
    }

    /// Starts to read `statement` (`COPY … TO STDOUT`, in any format) in the snapshot.
    ///
    /// # Errors
    /// The errors of [`Blocks`].
    pub fn open(&self, statement: &str, cancel: &Cancel) -> anyhow::Result<Blocks> {
        match &self.own {
            Some(own) => Blocks::over(own.clone(), &self.settings, statement, cancel),
            None => Blocks::open(
                &self.settings,
                &self.begin,
                statement,
                Some(self.one),
                cancel,
            ),
        }
    }
}

/// The query for the time zone that sessions begin with, if it is not UTC under any name.
const TIME_ZONE: &str = "
    SELECT (SELECT s.reset_val FROM pg_settings AS s
            WHERE s.name = 'TimeZone'
              AND s.reset_val NOT IN ('UTC', 'Etc/UTC', 'UCT', 'Etc/UCT', 'Universal', 'Etc/Universal', 'Zulu', 'Etc/Zulu', 'GMT',
                                      'Etc/GMT', 'GMT0', 'Etc/GMT0'))";

impl Snapshot {
    /// Checks the `wanted` columns of the tables of `dataset`, locks the tables `ACCESS SHARE`, and exports a `REPEATABLE READ READ
    /// ONLY` snapshot. Tables without a schema of their own are in `schema`.
    ///
    /// The locks come before the snapshot and stay: a `TRUNCATE` or a rewrite, which a snapshot doesn't cover, has either ended
    /// before or must wait. What cannot be locked (materialised views, foreign tables, tables of which the role may read only some
    /// columns) is read once, which locks it too, and its file is compared.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] if a table or type doesn't fit, or changed between the check and the lock;
    /// [`Kind::Connection`] if the server cannot be used, or the role may not read a column.
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
        // This comes before the transaction, whose snapshot the first SELECT would fix.
        let before = transaction::reading(&mut connection, |client| {
            let tables = catalogue::read(client, dataset, schema, wanted)?;
            check_rights(client, &tables)?;
            Ok(tables)
        })?;
        let is_lockable =
            |table: &LiveTable| table.is_readable && matches!(table.relkind, 'r' | 'p' | 'v');
        let (lockable, others): (Vec<_>, Vec<_>) =
            before.iter().partition(|table| is_lockable(table));
        let names: Vec<_> = lockable.iter().map(|table| of_place(table)).collect();
        let begin = |client: &mut Client| {
            client
                .batch_execute(&transaction::opening(MODE))
                .context("opening the snapshot")
        };
        let mode = LockMode::AccessShare;
        lock_wait::lock_tables(&mut connection, &begin, "ROLLBACK", &names, mode)
            .context("locking the tables")?;
        let id: String = connection
            .query_typed_one("SELECT pg_export_snapshot()", &[])
            .context("exporting the snapshot")?
            .get(0);
        for table in others {
            let carried = table.schema.columns.iter().map(|column| &column.name);
            let columns: Vec<_> = carried
                .chain(&table.as_is)
                .map(|column| quoted(column))
                .collect();
            connection
                .batch_execute(&format!(
                    "SELECT {} FROM {} LIMIT 0",
                    columns.join(", "),
                    of_place(table)
                ))
                .context("locking the tables")?;
        }
        transaction::settle(&mut connection)?;
        let tables = catalogue::read(&mut *connection, dataset, schema, wanted)?;
        for (before, now) in before.iter().zip(&tables) {
            if before.schema != now.schema || now.filenodes.0 != now.filenodes.1 {
                return Err(Kind::Mismatch.error(format!(
                    "table `{}` was altered, truncated or rewritten while the run was starting: run again",
                    now.schema.name
                )));
            }
        }
        // Sends what the client still has to send (that it no longer needs its prepared statements). Otherwise it would try to send
        // that at the end, before it hears that the session has been ended.
        connection
            .batch_execute(&format!("SET LOCAL lock_timeout = '{LONGEST_WAIT}'"))
            .context("opening the snapshot")?;
        Ok(Self {
            settings: settings.clone(),
            connection: Arc::new(Mutex::new(connection)),
            id,
            tables,
        })
    }

    /// The tables as they are in the snapshot, in the dataset's order.
    pub fn tables(&self) -> &[LiveTable] {
        &self.tables
    }

    /// The identifier with which other sessions join the snapshot.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// If the time zone of the database or the role is not UTC, as in our sessions, and a column is read for which that matters:
    /// the time zone, and the column with its table.
    ///
    /// # Errors
    /// The server's errors.
    pub fn other_time_zone(&self) -> anyhow::Result<Option<(String, String)>> {
        let zoned = |table: &LiveTable| {
            let column = table.zoned.first()?;
            Some(format!("{}.{column}", table.schema.name))
        };
        let Some(column) = self.tables.iter().find_map(zoned) else {
            return Ok(None);
        };
        let found = self.connection().query_typed_one(TIME_ZONE, &[]);
        let found: Option<String> = found.context("reading the time zone")?.get(0);
        Ok(found.map(|zone| (zone, column)))
    }

    /// The connection that holds the snapshot, for other statements in its transaction. While a part is read over it, this
    /// waits.
    pub fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A reader with this many connections, set by the option of this name: one holds the snapshot, the others
    /// read. If there is only one, it does both.
    pub fn reader(&self, connections: usize, option: &'static str) -> Reader {
        Reader {
            settings: self.settings.clone(),
            own: (connections <= 1).then(|| self.connection.clone()),
            begin: self.adopt_sql(),
            one: OneOf {
                connections: connections.max(1),
                option,
                least: "1",
            },
        }
    }

    /// The statements with which a fresh session joins this snapshot, and which keep it from waiting long for a lock.
    ///
    /// Nobody can hold a lock that keeps the session from a table which this snapshot has locked. But somebody who waits for such a
    /// lock (to truncate or alter the table) comes before it in the queue: the two would wait for each other through
    /// this process, and the server cannot see that.
    pub fn adopt_sql(&self) -> String {
        format!(
            "{}; SET LOCAL lock_timeout = '{LONGEST_WAIT}'",
            transaction::adopting(MODE, &literal(&self.id))
        )
    }

    /// The binary COPY statements that together read `columns` of `table`. There are at most `parts`, split at block
    /// boundaries, with at least `min_pages` blocks each. The last range is open, so it includes blocks that the table
    /// has grown by, and those of child tables.
    pub fn copy_statements(
        &self,
        table: &LiveTable,
        columns: &[&str],
        parts: usize,
        min_pages: u32,
    ) -> Vec<String> {
        let carried = table.schema.columns.iter();
        let list = carried
            .filter(|column| columns.contains(&column.name.as_str()))
            .map(|column| match column.cast_to_text {
                true if table.inet.contains(&column.name) => inet_text(&quoted(&column.name)),
                true => format!("{}::text", quoted(&column.name)),
                false => quoted(&column.name),
            });
        self.copies(table, list, RowForm::Binary, parts, min_pages)
    }

    /// The COPY statement that reads the columns of `table` which are read as they are, in this form.
    pub fn copy_as_is(&self, table: &LiveTable, form: RowForm) -> String {
        let list = table.as_is.iter().map(|name| quoted(name));
        self.copies(table, list, form, 1, 1).concat()
    }

    /// The COPY statements that together read these expressions over the rows of `table`, split as by
    /// [`copy_statements`](Self::copy_statements). With `only`, rows of tables that inherit from it are left out. `options` are
    /// those of COPY.
    pub fn copies_of(
        &self,
        table: &LiveTable,
        expressions: &[String],
        only: bool,
        options: &str,
        parts: usize,
        min_pages: u32,
    ) -> Vec<String> {
        let list = expressions.join(", ");
        let from = relation(&table.place.schema, &table.place.name, only);
        self.split(
            table,
            &format!("SELECT {list} FROM {from}"),
            options,
            parts,
            min_pages,
        )
    }

    fn copies(
        &self,
        table: &LiveTable,
        list: impl Iterator<Item = String>,
        form: RowForm,
        parts: usize,
        min_pages: u32,
    ) -> Vec<String> {
        let select = format!(
            "SELECT {} FROM {}",
            list.collect::<Vec<_>>().join(", "),
            of_place(table)
        );
        self.split(table, &select, &format!("FORMAT {form}"), parts, min_pages)
    }

    fn split(
        &self,
        table: &LiveTable,
        select: &str,
        options: &str,
        parts: usize,
        min_pages: u32,
    ) -> Vec<String> {
        let copy = |blocks: &[String]| {
            let rows = table.rows.sql(blocks);
            format!("COPY ({select}{rows}) TO STDOUT ({options})")
        };
        let parts = u32::try_from(parts)
            .unwrap_or(u32::MAX)
            .min(table.pages / min_pages.max(1))
            .max(1);
        // A role that may read only some columns may not read where a row is stored.
        if parts == 1 || !table.is_readable || table.rows.limit.is_some() {
            return vec![copy(&[])];
        }
        let start = |part: u32| u64::from(table.pages) * u64::from(part) / u64::from(parts);
        (0..parts)
            .map(|part| {
                let mut blocks = vec![format!("ctid >= '({},0)'", start(part))];
                if part + 1 < parts {
                    blocks.push(format!("ctid < '({},0)'", start(part + 1)));
                }
                copy(&blocks)
            })
            .collect()
    }

    /// Ends the transaction, after checking that the connection which held the snapshot is still alive.
    ///
    /// # Errors
    /// [`Kind::Connection`] if it isn't: then the locks may have been lost too early.
    pub fn release(self) -> anyhow::Result<()> {
        let mut connection = self.connection();
        // First reads what the server said if it has ended the session: a COMMIT might find out only that it is
        // closed.
        let heard = connection.notifications().timeout_iter(HEARING).next();
        heard
            .map_err(Into::into)
            .and_then(|_| transaction::settle(&mut connection))
            .and_then(|()| Ok(connection.batch_execute("COMMIT")?))
            .map_err(|error| {
                sqlstate::while_reading(error, &self.settings)
                    .context("the connection that held the snapshot was lost")
            })
    }
}

/// An SQL expression for the text of an `inet`, as Postgres writes it.
pub fn inet_text(column: &str) -> String {
    format!("pg_catalog.textin(pg_catalog.inet_out({column}))")
}

/// A table's qualified name, quoted.
fn of_place(table: &LiveTable) -> String {
    qualified(&table.place.schema, &table.place.name)
}

/// Refuses a column that the role may not read.
fn check_rights(client: &mut Client, tables: &[LiveTable]) -> anyhow::Result<()> {
    let Some(table) = tables.iter().find(|table| !table.unreadable.is_empty()) else {
        return Ok(());
    };
    let role: String = client
        .query_typed_one("SELECT current_user::text", &[])?
        .get(0);
    let name = &table.schema.name;
    let columns: Vec<_> = table.unreadable.iter().map(|name| quoted(name)).collect();
    Err(Kind::Connection.error(format!(
        "role {role} may not read column `{}` of table `{name}`: as the table's owner run GRANT SELECT ({}) ON {} TO {}",
        table.unreadable.join("`, `"),
        columns.join(", "),
        of_place(table),
        quoted(&role)
    )))
}
