//! The contents of tables as the server itself sees them, without code of any way that is compared.

use anyhow::Context;
use database::Settings;
use database::catalogue::identifier::{qualified, quoted};

use crate::filled::TableRows;
use crate::server::{SCHEMA, Server};

/// The database that tables are restored into: `pg_restore` puts them only into the schema that they come from.
pub(super) const RESTORED: &str = "restored";

/// The contents of all tables of [`SCHEMA`], with the numbers of their constraints and indexes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    tables: Vec<Table>,
    /// How many constraints are valid, which means checked.
    constraints: i64,
    indexes: i64,
}

#[derive(Debug, PartialEq, Eq)]
struct Table {
    name: String,
    rows: u64,
    /// The sum of the hashes of the rows' text.
    sum: String,
}

impl Contents {
    /// Reads all tables of a database.
    pub(super) fn of(
        server: &Server,
        settings: &Settings,
        tables: &[TableRows],
    ) -> anyhow::Result<Self> {
        let names = tables.iter().map(|table| table.name.as_str());
        Self::read(server, settings, names)
    }

    /// Fails unless the tables of [`RESTORED`] have the same contents.
    pub(super) fn check_restored(&self, server: &Server) -> anyhow::Result<()> {
        let names = self.tables.iter().map(|table| table.name.as_str());
        let found = Self::read(server, &restored(server), names)?;
        for (of, now) in self.tables.iter().zip(&found.tables) {
            anyhow::ensure!(
                of.rows == now.rows,
                "{} was restored with {} rows instead of {}",
                of.name,
                now.rows,
                of.rows
            );
        }
        anyhow::ensure!(*self == found, "other contents were restored: {found:?}");
        Ok(())
    }

    /// The rows of all tables.
    pub(super) fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }

    fn read<'a>(
        server: &Server,
        settings: &Settings,
        names: impl Iterator<Item = &'a str>,
    ) -> anyhow::Result<Self> {
        let mut connection = settings.connect(server.cancel())?;
        let mut tables = Vec::new();
        for name in names {
            let query = format!(
                "SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} AS t",
                qualified(SCHEMA, name)
            );
            let row = connection.query_one(&query, &[]);
            let row = row.with_context(|| format!("reading {name}"))?;
            tables.push(Table {
                name: name.to_owned(),
                rows: row.get::<_, i64>(0) as u64,
                sum: row.get(1),
            });
        }
        let counts = connection.query_one(
            "SELECT (SELECT count(*) FROM pg_constraint
                     WHERE connamespace = $1::text::regnamespace AND convalidated),
                    (SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                     WHERE c.relnamespace = $1::text::regnamespace AND i.indisvalid)",
            &[&SCHEMA],
        )?;
        Ok(Self {
            tables,
            constraints: counts.get(0),
            indexes: counts.get(1),
        })
    }
}

/// The settings to connect to the database that tables are restored into.
pub(super) fn restored(server: &Server) -> Settings {
    server.settings().with_database(RESTORED)
}

/// Creates that database again, empty, and brings the server to rest.
pub(super) fn make_room(server: &Server) -> anyhow::Result<()> {
    let mut connection = server.connect()?;
    let name = quoted(RESTORED);
    for statement in [
        format!("DROP DATABASE IF EXISTS {name}"),
        format!("CREATE DATABASE {name} TEMPLATE template0"),
        "CHECKPOINT".to_owned(),
    ] {
        connection.batch_execute(&statement)?;
    }
    Ok(())
}
