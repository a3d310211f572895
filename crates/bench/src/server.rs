//! The server of a comparison: an embedded one as users have it (with fsync), in a temporary
//! folder that is deleted when the run ends.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use database::catalogue::identifier::{qualified, quoted};
use database::embedded::{Embedded, scratch};
use database::{Cancel, Connection, Environment, Settings};
use dataset::Dataset;
use tempfile::TempDir;

use crate::program;

/// The schema that all ways fill, one after the other.
pub(crate) const SCHEMA: &str = "cards";

/// The only address that the server may listen on.
const LOOPBACK: &str = "127.0.0.1";

/// The settings that decide how fast rows can be loaded.
const TELLING: [&str; 10] = [
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_level",
    "max_wal_size",
    "shared_buffers",
    "work_mem",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
    "autovacuum",
];

/// A running server, and the dataset that is loaded into it. When dropped, it is stopped and deleted.
pub(crate) struct Server {
    embedded: Embedded,
    environment: Environment,
    settings: Settings,
    cancel: Cancel,
    dataset: Dataset,
    folder: TempDir,
}

impl Server {
    /// Creates and starts a server.
    pub(crate) fn start(cancel: &Cancel) -> anyhow::Result<Self> {
        let folder = TempDir::with_prefix("extrato-bench-").context("no temporary folder")?;
        // As root the server runs as another account, which must reach its data.
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
        let home = folder.path().to_string_lossy().into_owned();
        let environment: Environment = ["PATH", "HOME", "PG_BIN"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
            .chain([("EXTRATO_HOME".to_owned(), home)])
            .collect();
        let embedded = Embedded::of_user(&environment)?;
        let settings = embedded.start()?;
        Ok(Self {
            embedded,
            environment,
            settings,
            cancel: cancel.clone(),
            dataset: Dataset::open("cards")?,
            folder,
        })
    }

    /// The settings to connect with.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The token that stops the run.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The dataset `cards`.
    pub(crate) fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// A folder for files of this run.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection in which names without a schema belong to [`SCHEMA`].
    pub(crate) fn connect(&self) -> anyhow::Result<Connection> {
        let mut connection = self.settings.connect(&self.cancel)?;
        connection.batch_execute(&format!("SET search_path TO {}", quoted(SCHEMA)))?;
        Ok(connection)
    }

    /// Drops all tables and brings the server to rest, so that no run pays for what another one left to be written.
    pub(crate) fn clear(&self) -> anyhow::Result<()> {
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", quoted(SCHEMA));
        let mut connection = self.connect()?;
        connection.batch_execute(&drop)?;
        connection.batch_execute("CHECKPOINT")?;
        Ok(())
    }

    /// Brings the tables to rest: does the work that otherwise their first reader would do.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        let mut connection = self.connect()?;
        connection.batch_execute("VACUUM ANALYZE")?;
        Ok(connection.batch_execute("CHECKPOINT")?)
    }

    /// Restarts the server so that it listens on TCP too, for clients that know nothing else. Returns the
    /// host's address; `None` if it listened there already.
    pub(crate) fn listen_on_loopback(&self) -> anyhow::Result<Option<String>> {
        let variables = self.settings.variables();
        let variable = |name: &str| variables.iter().find(|(found, _)| found == name);
        let socket = variable("PGHOST").is_some_and(|(_, host)| host.starts_with('/'));
        if !socket {
            return Ok(None);
        }
        let mut connection = self.connect()?;
        let shown: String = connection.query_one("SHOW listen_addresses", &[])?.get(0);
        if shown != LOOPBACK {
            let (_, port) = variable("PGPORT").context("the server has no port")?;
            // If the port were taken, the server would not start again.
            TcpListener::bind((LOOPBACK, port.parse()?))
                .with_context(|| format!("port {port} is taken, so the server cannot listen"))?;
            drop(connection);
            self.restart_with(&[("listen_addresses", LOOPBACK)])?;
        }
        Ok(Some(LOOPBACK.to_owned()))
    }

    /// Restarts the server with additional settings.
    pub(crate) fn restart_with(&self, settings: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut connection = self.connect()?;
        for (name, value) in settings {
            connection.batch_execute(&format!("ALTER SYSTEM SET {name} = '{value}'"))?;
        }
        drop(connection);
        self.embedded.stop()?;
        self.embedded.start()?;
        Ok(())
    }

    /// Creates the schema, empty.
    pub(crate) fn create_schema(&self) -> anyhow::Result<()> {
        let create = format!("CREATE SCHEMA {}", quoted(SCHEMA));
        Ok(self.connect()?.batch_execute(&create)?)
    }

    /// Creates the schema and the dataset's tables, empty and without keys.
    pub(crate) fn create_tables(&self) -> anyhow::Result<()> {
        self.create_schema()?;
        Ok(self.connect()?.batch_execute(&self.dataset.schema_sql)?)
    }

    /// Fails unless `table` has this many rows.
    pub(crate) fn check_count(&self, table: &str, expected: u64) -> anyhow::Result<()> {
        let query = format!("SELECT count(*) FROM {}", qualified(SCHEMA, table));
        let found: i64 = self.connect()?.query_one(&query, &[])?.get(0);
        anyhow::ensure!(
            found as u64 == expected,
            "{table} has {found} rows instead of {expected}"
        );
        Ok(())
    }

    /// The path of a program that came with the server, and its version as it prints it.
    pub(crate) fn program(&self, name: &str) -> anyhow::Result<(PathBuf, String)> {
        let path = self.embedded.program(name);
        let path = path.with_context(|| format!("there is no {name} beside the server"))?;
        let version = program::output(Command::new(&path).arg("--version"))?;
        Ok((path, version.trim().to_owned()))
    }

    /// Makes a client program connect only to this server, with [`SCHEMA`] as the search path.
    pub(crate) fn connect_program(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            if name == "DATABASE_URL" || name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.envs(self.settings.variables());
        command.env("PGOPTIONS", format!("-c search_path={SCHEMA}"));
        // Scratch databases are beside this server.
        command.env("EXTRATO_HOME", self.folder());
    }

    /// The date and time in UTC, to the minute.
    pub(crate) fn now(&self) -> anyhow::Result<String> {
        let query = "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')";
        Ok(self.connect()?.query_one(query, &[])?.get(0))
    }

    /// The server's version, and the settings that matter.
    pub(crate) fn description(&self) -> anyhow::Result<String> {
        let mut connection = self.connect()?;
        let mut shown = |name: &str| -> anyhow::Result<String> {
            Ok(connection
                .query_one("SELECT current_setting($1)", &[&name])?
                .get(0))
        };
        let version = shown("server_version")?;
        let settings = TELLING
            .iter()
            .map(|name| Ok(format!("{name} {}", shown(name)?)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        Ok(format!("Postgres {version}: {}", settings.join(", ")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let gone = [scratch::destroy(&self.environment), self.embedded.destroy()];
        for error in gone.into_iter().filter_map(Result::err) {
            eprintln!(
                "a server in {} is left: {error:#}",
                self.folder.path().display()
            );
        }
    }
}
