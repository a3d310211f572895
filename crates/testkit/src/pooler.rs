//! PgBouncer before a test's database, and what one of its clients finds of another's.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use database::{Cancel, Connection, Settings};
use postgres::SimpleQueryMessage;
use tempfile::TempDir;

const PORT: u16 = 6432;

/// The query for things in a session that outlive a transaction.
const HELD: &str = "
    SELECT 'setting ' || name || ' = ' || setting AS held FROM pg_settings WHERE source = 'session'
    UNION ALL SELECT 'prepared ' || name FROM pg_prepared_statements
    UNION ALL SELECT 'lock ' || objid FROM pg_locks JOIN pg_database AS d ON d.oid = database
        WHERE locktype = 'advisory' AND datname = current_database()
    UNION ALL SELECT 'cursor ' || name FROM pg_cursors
    UNION ALL SELECT 'temporary ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'
    ORDER BY 1";

/// A PgBouncer, which ends when this is dropped.
pub struct Pooler {
    folder: TempDir,
    process: Child,
    server: Settings,
}

impl Pooler {
    /// Starts a PgBouncer before the database of `settings`, with these lines of configuration (`pool_mode = transaction` …).
    ///
    /// # Panics
    /// This and the other methods panic if there is no PgBouncer: a test can't go on without it.
    pub fn before(settings: &Settings, lines: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let value = |name| variable(settings, name);
        let configuration = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host='{}' port={} user='{}' password='{}'\n[pgbouncer]\nunix_socket_dir = {}\n\
             listen_port = {PORT}\nauth_type = any\nlogfile = {}\n{lines}\n",
            value("PGHOST"),
            value("PGPORT"),
            value("PGUSER"),
            value("PGPASSWORD"),
            folder.path().display(),
            folder.path().join("log").display(),
        );
        fs::write(&configuration, text).expect("written");
        // Debian installs it in a folder that only administrators have on their PATH.
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("pgbouncer");
        command
            .arg("--quiet")
            .arg(&configuration)
            .env("PATH", format!("{path}:/usr/sbin"))
            .current_dir("/")
            .stdin(Stdio::null());
        if rustix::process::geteuid().is_root() {
            // It doesn't run as root, and must be able to reach the server's socket like the server's account.
            let socket = format!("{}/.s.PGSQL.{}", value("PGHOST"), value("PGPORT"));
            let owner = fs::metadata(socket).map_or((65_534, 65_534), |of| (of.uid(), of.gid()));
            for path in [folder.path(), &configuration] {
                chown(path, Some(owner.0), Some(owner.1)).expect("the owner changes");
            }
            command.uid(owner.0).gid(owner.1);
        }
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let process = command.spawn().expect("pgbouncer runs");
        let pooler = Self {
            folder,
            process,
            server: settings.clone(),
        };
        for _ in 0..1000 {
            if UnixStream::connect(socket(pooler.folder.path())).is_ok() {
                return pooler;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let log = fs::read_to_string(pooler.folder.path().join("log")).unwrap_or_default();
        panic!("pgbouncer doesn't answer: {log}");
    }

    /// Starts a PgBouncer with a single connection to the server, which its clients get in turn, each for one transaction.
    ///
    /// # Panics
    /// Panics like [`before`](Self::before).
    pub fn of_one(settings: &Settings) -> Self {
        Self::before(
            settings,
            "pool_mode = transaction\ndefault_pool_size = 1\nquery_wait_timeout = 5",
        )
    }

    /// The settings to connect through the pooler with.
    pub fn settings(&self) -> Settings {
        let value = |name| variable(&self.server, name);
        Settings::socket(
            self.folder.path(),
            PORT,
            &value("PGUSER"),
            &value("PGPASSWORD"),
            &value("PGDATABASE"),
        )
    }

    /// What another client of the pooler finds in the session that it gets. It also checks that it can write there.
    ///
    /// # Panics
    /// Panics if that client cannot write.
    pub fn held(&self) -> Vec<String> {
        let mut other: Connection = self
            .settings()
            .connect(&Cancel::default())
            .expect("the pooler answers");
        other
            .batch_execute("CREATE TABLE public.of_another (n int); INSERT INTO public.of_another VALUES (1); DROP TABLE public.of_another")
            .expect("another client writes");
        let found = other.simple_query(HELD).expect("what is held");
        let rows = found.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        rows.collect()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn socket(folder: &Path) -> std::path::PathBuf {
    folder.join(format!(".s.PGSQL.{PORT}"))
}

fn variable(settings: &Settings, name: &str) -> String {
    let mut variables = settings.variables().into_iter();
    let found = variables.find(|(known, _)| known == name);
    found.expect("a variable of libpq's").1
}
