//! Scratch databases: each lives as long as a run, on a second private server that all runs of the user share.
//!
//! Whoever creates, drops or stops something holds the server's lock and does it all at once. In addition, each run holds a lock,
//! for as long as it lives, on a file named after its database; the system releases it when the process is killed. So whoever holds
//! the server's lock knows which databases are in use: all others are dropped, and the last run stops the server.

mod limits;
mod locale;
mod users;

use std::fmt::Write;

use dataset::failure::{Failure, Kind, OrFail};
use rand::RngExt;

use super::programs::Programs;
use super::{Embedded, PORT, Purpose, Status, home};
use crate::catalogue::identifier::literal;
use crate::connect::{Cancel, Connection, Environment, Settings};
pub use limits::Limits;
pub use locale::Locale;
use users::{Mark, place};

/// A table may need this many times its size on disk: as much again for its indexes and for sorting.
const ROOM: u64 = 2;

/// The database of one run. It is dropped by [`end`](Self::end) or when this value is dropped, and the server is then stopped if no
/// other run uses it.
pub struct Scratch {
    server: Embedded,
    settings: Settings,
    limits: Limits,
    text_order: Result<(), String>,
    /// The run's mark; `None` once the run has ended.
    mark: Option<Mark>,
}

impl Scratch {
    /// Whether the machine has the Postgres programs that a scratch database needs.
    pub fn is_possible(environment: &Environment) -> bool {
        !Programs::all(environment).is_empty()
    }

    /// Creates a database that encodes and orders text as `locale` says, as far as the machine can, and starts the server if
    /// needed. What killed runs have left is removed. A server that cannot be used is deleted and created again, once.
    ///
    /// # Errors
    /// [`Kind::Connection`] if there are no Postgres programs (the message says what to install) or the server cannot be
    /// used; [`Kind::Usage`] if there is no folder for it; [`Kind::Interrupted`].
    pub fn begin(
        environment: &Environment,
        locale: &Locale,
        limits: &Limits,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let server = server(environment)?;
        server.some_programs()?;
        let _lock = server.lock(cancel)?;
        let mark = Mark::make(
            &server,
            &format!("run_{:016x}", rand::rng().random::<u64>()),
        )?;
        let there = server.data().is_dir();
        let mut made = make(&server, &mark, locale, limits, cancel);
        if let Err(error) = &made
            && there
            && may_be_made_anew(&server, &mark, error, cancel)?
        {
            tracing::info!(folder = %server.folder().display(), error = %format!("{error:#}"), "deleting the scratch server, which cannot be used");
            let _ = server.stop_locked("immediate");
            server.erase()?;
            made = make(&server, &mark, locale, limits, cancel);
        }
        match made {
            Ok(made) => Ok(Self {
                server,
                settings: made.settings,
                limits: *limits,
                text_order: made.text_order,
                mark: Some(mark),
            }),
            Err(error) => {
                if let Err(error) = leave(&server, mark) {
                    tracing::debug!(error = %format!("{error:#}"), "the scratch server stays as it is");
                }
                cancel.check()?;
                Err(error)
            }
        }
    }

    /// The settings to connect to the database with, as a role that owns it but is not a superuser.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Connects to the database as a superuser.
    ///
    /// # Errors
    /// [`Kind::Connection`]; [`Kind::Interrupted`].
    pub fn superuser(&self, cancel: &Cancel) -> anyhow::Result<Connection> {
        let settings = self.server.settings()?;
        settings
            .with_database(self.settings.database())
            .connect(cancel)
    }

    /// Whether the database orders and compares text as the source does if no other collation is named. Otherwise the error says
    /// why not; then the database has the source's encoding, and orders text by its bytes.
    pub fn text_order(&self) -> Result<(), &str> {
        match &self.text_order {
            Ok(()) => Ok(()),
            Err(why) => Err(why),
        }
    }

    /// Checks that the disk has room for tables of this many bytes, with their indexes and what a query sorts.
    ///
    /// # Errors
    /// [`Kind::Output`] with what is needed and what is free.
    pub fn check_room(&self, table_bytes: u64) -> anyhow::Result<()> {
        let needed = table_bytes.saturating_mul(ROOM);
        let usable = self.limits.usable_bytes(&self.server.data())?;
        if needed <= usable {
            return Ok(());
        }
        Err(Kind::Output.error(format!(
            "the scratch database needs about {} MB for its tables, but {} has only {} MB free: make room there, or name a \
             folder on a larger disk in EXTRATO_HOME",
            needed >> 20,
            self.server.folder().display(),
            usable >> 20
        )))
    }

    /// Drops the database, even if clients are connected, and stops the server if no other run uses it.
    ///
    /// # Errors
    /// [`Kind::Connection`] if the server fails to do so; the next run will do it.
    pub fn end(mut self) -> anyhow::Result<()> {
        self.finish()
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        let Some(mark) = self.mark.take() else {
            return Ok(());
        };
        let _lock = self.server.lock(&Cancel::default())?;
        leave(&self.server, mark)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::debug!(error = %format!("{error:#}"), "a scratch database stays until the next run");
        }
    }
}

/// Stops the server of scratch databases and deletes it.
///
/// # Errors
/// [`Kind::Refused`] while a run uses it; [`Kind::Output`] if something cannot be deleted.
pub fn destroy(environment: &Environment) -> anyhow::Result<()> {
    let server = server(environment)?;
    if !server.folder().is_dir() {
        return Ok(());
    }
    let _lock = server.lock(&Cancel::default())?;
    if !users::living(&server, None)?.is_empty() {
        return Err(Kind::Refused.error(format!(
            "a run uses the scratch server in {}: wait until it ends, or stop it",
            server.folder().display()
        )));
    }
    server.stop_locked("immediate")?;
    server.erase()?;
    users::remove(&server)?;
    server.remove_folder()
}

fn server(environment: &Environment) -> anyhow::Result<Embedded> {
    Ok(Embedded {
        folder: home(environment)?.join("scratch"),
        environment: environment.clone(),
        purpose: Purpose::Scratch,
    })
}

/// A database that was created.
struct Made {
    settings: Settings,
    text_order: Result<(), String>,
}

/// Starts the server if needed, and creates the role and database that `mark` names. The caller holds the server's lock.
fn make(
    server: &Embedded,
    mark: &Mark,
    locale: &Locale,
    limits: &Limits,
    cancel: &Cancel,
) -> anyhow::Result<Made> {
    cancel.check()?;
    let shares = limits.shares();
    server.start_locked(&format!("-c shared_buffers={}kB", shares.shared_buffers_kb))?;
    cancel.check()?;
    let mut admin = connect(server, cancel)?;
    sweep(server, &mut admin, Some(mark))?;
    let on_server = || format!("a database cannot be made on the {}", place(server));
    let name = mark.name();
    let password = format!("{:032x}", rand::rng().random::<u128>());
    // Only its own role can reach a database, and only we can reach the server's own.
    admin
        .batch_execute(&format!(
            "REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC; CREATE ROLE {name} LOGIN PASSWORD {}",
            literal(&password)
        ))
        .or_fail(Kind::Connection, on_server)?;
    let text_order = locale::create_database(&mut admin, server, name, locale, cancel)?;
    let mut settings = format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC");
    for (parameter, value) in shares.settings(limits.temporary_bytes(&server.data())?) {
        let _ = write!(
            settings,
            "; ALTER DATABASE {name} SET {parameter} = '{value}'"
        );
    }
    admin
        .batch_execute(&settings)
        .or_fail(Kind::Connection, on_server)?;
    Ok(Made {
        settings: Settings::socket(&server.socket_folder(), PORT, name, &password, name),
        text_order,
    })
}

/// Whether a server that failed with this error may be deleted, since no other run could still use it.
fn may_be_made_anew(
    server: &Embedded,
    mark: &Mark,
    error: &anyhow::Error,
    cancel: &Cancel,
) -> anyhow::Result<bool> {
    let is_ours = matches!(
        Failure::kind_of(error),
        Some(Kind::Usage | Kind::Interrupted)
    );
    Ok(!is_ours
        && !cancel.is_cancelled()
        && (server.status()? != Status::Running || users::living(server, Some(mark))?.is_empty()))
}

/// Drops a run's database and what killed runs left, and stops the server if nobody else uses it. The caller holds its lock.
fn leave(server: &Embedded, mark: Mark) -> anyhow::Result<()> {
    let is_last = users::living(server, Some(&mark))?.is_empty();
    // From here on, nobody uses the run's database.
    drop(mark);
    if server.status()? != Status::Running {
        return Ok(());
    }
    let swept =
        connect(server, &Cancel::default()).and_then(|mut admin| sweep(server, &mut admin, None));
    if is_last {
        tracing::debug!(folder = %server.folder().display(), "stopping the scratch server");
        server.stop_locked("fast")?;
    }
    swept
}

/// Drops the databases and roles of runs that have ended. The caller holds the server's lock.
fn sweep(server: &Embedded, admin: &mut Connection, own: Option<&Mark>) -> anyhow::Result<()> {
    const ENDED: &str = "SELECT 'DATABASE ' || datname || ' WITH (FORCE)' FROM pg_database \
        WHERE datname ~ '^run_' AND datname <> ALL ($1) \
        UNION ALL SELECT 'ROLE ' || rolname FROM pg_roles WHERE rolname ~ '^run_' AND rolname <> ALL ($1)";
    let mut in_use = users::living(server, own)?;
    in_use.extend(own.map(|own| own.name().to_owned()));
    let on_server = || format!("the {} cannot be cleaned", place(server));
    let ended = admin
        .query(ENDED, &[&in_use])
        .or_fail(Kind::Connection, on_server)?;
    for row in ended {
        let what: &str = row.get(0);
        tracing::debug!(what, "dropping what a run left");
        admin
            .batch_execute(&format!("DROP {what}"))
            .or_fail(Kind::Connection, on_server)?;
    }
    Ok(())
}

/// Connects as the superuser.
fn connect(server: &Embedded, cancel: &Cancel) -> anyhow::Result<Connection> {
    server.settings()?.with_database("postgres").connect(cancel)
}
