//! Scratch databases: a database for the length of a run, on a second private server that all runs of the user share.
//!
//! Whoever makes, sweeps or stops holds the server's lock, and does it in one go. Each run holds a lock on a file of its own
//! besides, named after its database, for as long as it lives; the system lets go of it when a process is killed. So who
//! holds the server's lock knows which databases are in use: all others are dropped, and the last run stops the server.

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

/// How much disk a table may take in all: as much again for its indexes and what is sorted.
const ROOM: u64 = 2;

/// A database of one run. It is dropped at [`end`](Self::end) or with this value, and the server is stopped if no other run
/// uses it.
pub struct Scratch {
    server: Embedded,
    settings: Settings,
    limits: Limits,
    text_order: Result<(), String>,
    /// `None` once it has ended.
    mark: Option<Mark>,
}

impl Scratch {
    /// Whether the machine has the Postgres programs that a scratch database needs.
    pub fn is_possible(environment: &Environment) -> bool {
        !Programs::all(environment).is_empty()
    }

    /// Makes a database that encodes and orders text as `locale` says, as far as the machine can, and starts the server if
    /// need be. What killed runs have left is removed. A server that cannot be used is deleted and made anew, once.
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

    /// How to connect to the database, as a role that owns it and is not a superuser.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A connection to the database as a superuser.
    ///
    /// # Errors
    /// [`Kind::Connection`]; [`Kind::Interrupted`].
    pub fn superuser(&self, cancel: &Cancel) -> anyhow::Result<Connection> {
        let settings = self.server.settings()?;
        settings
            .with_database(self.settings.database())
            .connect(cancel)
    }

    /// Whether the database orders and compares text as the source does, where no other collation is named; else why not.
    /// Then it has the source's encoding, and orders text by its bytes.
    pub fn text_order(&self) -> Result<(), &str> {
        match &self.text_order {
            Ok(()) => Ok(()),
            Err(why) => Err(why),
        }
    }

    /// Checks that the disk has room for tables of so many bytes, with their indexes and what a query sorts.
    ///
    /// # Errors
    /// [`Kind::Output`] with what is needed and what there is.
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

    /// Drops the database, whoever is connected to it, and stops the server if no other run uses it.
    ///
    /// # Errors
    /// [`Kind::Connection`] if the server doesn't do so; the next run then does.
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

/// What became of a database that was made.
struct Made {
    settings: Settings,
    text_order: Result<(), String>,
}

/// Makes the role and database named in `mark` on a server that is started first, for who holds its lock.
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
    // Nobody but its own role reaches a database, and nobody but us the server's own.
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

/// Whether a server that failed so has nothing that another run could still use.
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

/// Drops a run's database and whatever killed runs left, and stops the server if nobody else uses it, for who holds its lock.
fn leave(server: &Embedded, mark: Mark) -> anyhow::Result<()> {
    let is_last = users::living(server, Some(&mark))?.is_empty();
    // From here on its database is one that nobody uses.
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

/// Drops the databases and roles of runs that are no more, for who holds the server's lock.
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
