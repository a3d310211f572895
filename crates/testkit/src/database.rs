//! A private database for each test, on a real server that one test run shares.
//!
//! The server is the product's embedded one, in a temporary folder named after the process that runs
//! the test binaries (`cargo test`, `nextest`), so that all of them find it. A watchdog stops and deletes it
//! once that process has ended. With `EXTRATO_TEST_URL` set, databases are created on that server instead.
//! `DATABASE_URL` is ignored.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use ::database::embedded::Embedded;
use ::database::{Cancel, Connection, Environment, Settings};
use rand::RngExt;

/// The settings that our transactions make too.
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres'; SET extra_float_digits = 1; \
    SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET row_security = off; SET default_transaction_read_only = off";

/// A database that is empty at first and dropped at the end of the test.
pub struct Database {
    server: Settings,
    settings: Settings,
}

impl Database {
    /// Creates a database on the server that all tests share.
    ///
    /// # Panics
    /// Panics if the server cannot be started or used: a test can't go on without it.
    pub fn create() -> Self {
        Self::create_on(server())
    }

    /// Creates a database on that server, whose text is ordered by an ICU locale.
    ///
    /// # Panics
    /// Panics like [`create`](Self::create).
    pub fn create_in_locale(locale: &str) -> Self {
        let options =
            format!("TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE '{locale}'");
        Self::create_with(server(), &options)
    }

    /// Creates a database on another server.
    ///
    /// # Panics
    /// Panics like [`create`](Self::create).
    pub fn create_on(server: &Settings) -> Self {
        Self::create_with(server, "")
    }

    /// Creates a database on a server, with options of `CREATE DATABASE`.
    ///
    /// # Panics
    /// Panics like [`create`](Self::create).
    pub fn create_with(server: &Settings, options: &str) -> Self {
        let name = format!("test_{:016x}", rand::rng().random::<u64>());
        let mut client = server
            .connect(&Cancel::default())
            .expect("the test server answers");
        client
            .batch_execute(&format!("CREATE DATABASE {name} {options}"))
            .expect("a database is made");
        Self {
            server: server.clone(),
            settings: server.with_database(&name),
        }
    }

    /// The settings to connect to the database with.
    pub fn settings(&self) -> Settings {
        self.settings.clone()
    }

    /// Connects to the database. The session has the settings of our transactions, so that texts can be compared.
    pub fn connect(&self) -> Connection {
        let mut connection = self
            .settings
            .connect(&Cancel::default())
            .expect("the test database answers");
        connection.batch_execute(SESSION).expect("settings");
        connection
    }

    /// The variables with which a program of ours, or psql, connects to the database.
    pub fn variables(&self) -> Vec<(String, String)> {
        self.settings.variables()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = self.settings.database().to_owned();
        if let Ok(mut client) = self.server.connect(&Cancel::default()) {
            let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

fn server() -> &'static Settings {
    static SERVER: OnceLock<Settings> = OnceLock::new();
    SERVER.get_or_init(|| {
        let environment = Environment::from_process();
        if let Some(url) = environment.get("EXTRATO_TEST_URL") {
            return Settings::from_url(url).expect("EXTRATO_TEST_URL is a database URL");
        }
        let runner = std::os::unix::process::parent_id();
        let folder = server_folder(runner);
        fs::create_dir_all(&folder).expect("a temporary folder");
        // As root, the account that runs the server must be able to reach the folder.
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o755));
        let settings = Embedded::throwaway(&folder, &environment)
            .start()
            .expect("the test server starts");
        watch(runner, &folder);
        settings
    })
}

/// An environment in which embedded servers, including the one for scratch databases, are in the test run's own folder.
pub fn environment() -> Environment {
    let home = server_folder(std::os::unix::process::parent_id()).join("home");
    fs::create_dir_all(&home).expect("a temporary folder");
    for folder in home.ancestors().take(2) {
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o755));
    }
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let process = Environment::from_process();
    let path = process.get("PATH").unwrap_or_default();
    [
        own("EXTRATO_HOME", &home.to_string_lossy()),
        own("PATH", path),
    ]
    .into_iter()
    .chain(process.get("PG_BIN").map(|folder| own("PG_BIN", folder)))
    .collect()
}

fn server_folder(runner: u32) -> PathBuf {
    std::env::temp_dir().join(format!("extrato-test-{runner}"))
}

/// Stops the server and deletes its folder once `runner` has ended.
fn watch(runner: u32, folder: &std::path::Path) {
    let marker = folder.join("watched");
    if fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&marker)
        .is_err()
    {
        return;
    }
    // It runs in the background of a shell of its own, so that it outlives this process and is not reached by signals from the
    // terminal.
    let script = "(trap '' INT HUP; while kill -0 \"$1\" 2>/dev/null; do sleep 1; done; \
        pid=$(head -n 1 \"$2/data/postmaster.pid\") && kill -QUIT \"$pid\"; sleep 1; rm -rf \"$2\") &";
    Command::new("sh")
        .args(["-c", script, "sh", &runner.to_string()])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the watchdog starts");
}
