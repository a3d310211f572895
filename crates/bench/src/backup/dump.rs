//! `pg_dump` and `pg_restore`, which come with the server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use tempfile::TempDir;

use super::contents::{RESTORED, make_room};
use super::job::{BACKUP, Job, RESTORE};
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::{SCHEMA, Server};

/// The way of `pg_dump` that our aim refers to.
pub(super) const FASTEST_CODEC: &str = "pg_dump -Fc -Z1";
/// The way of `pg_restore` that our aim refers to.
pub(super) const ONE_JOB: &str = "pg_restore of -Fc";

/// A way of calling `pg_dump`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dumping {
    label: &'static str,
    arguments: &'static [&'static str],
}

const DEFAULT: Dumping = Dumping {
    label: "pg_dump -Fc",
    arguments: &["--format=custom"],
};
const FOLDER: Dumping = Dumping {
    label: "pg_dump -Fd -j2 -Z1",
    arguments: &["--format=directory", "--jobs=2", "--compress=1"],
};
const DUMPS: [Dumping; 3] = [
    DEFAULT,
    Dumping {
        label: FASTEST_CODEC,
        arguments: &["--format=custom", "--compress=1"],
    },
    FOLDER,
];

/// A way of calling `pg_restore`.
struct Restoring {
    label: &'static str,
    of: Dumping,
    arguments: &'static [&'static str],
}

const RESTORES: [Restoring; 3] = [
    Restoring {
        label: ONE_JOB,
        of: DEFAULT,
        arguments: &[],
    },
    Restoring {
        label: "pg_restore --single-transaction of -Fc",
        of: DEFAULT,
        arguments: &["--single-transaction"],
    },
    Restoring {
        label: "pg_restore -j2 of -Fd",
        of: FOLDER,
        arguments: &["--jobs=2"],
    },
];

/// The path of a dump in a folder: a file, or a folder that must not exist yet.
fn dump_in(folder: &Path) -> PathBuf {
    folder.join("dump")
}

fn dump(server: &Server, asked: Dumping, folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(server.program("pg_dump")?.0);
    command.args(asked.arguments).args(["--schema", SCHEMA]);
    command.arg("--file").arg(dump_in(folder));
    server.connect_program(&mut command);
    Ok(command)
}

fn restore(server: &Server, arguments: &[&str], folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(server.program("pg_restore")?.0);
    command
        .args(arguments)
        .args(["--exit-on-error", "--dbname"]);
    command.arg(RESTORED).arg(dump_in(folder));
    server.connect_program(&mut command);
    Ok(command)
}

/// A backup by `pg_dump`.
pub(super) struct Dump {
    asked: Dumping,
    job: Job,
    version: Option<String>,
}

impl Dump {
    /// All ways of calling `pg_dump`.
    pub(super) fn all(job: &Job) -> impl Iterator<Item = Self> {
        DUMPS
            .map(|asked| Self {
                asked,
                job: job.clone(),
                version: None,
            })
            .into_iter()
    }
}

impl Way for Dump {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new(self.asked.label).of(BACKUP, Role::Peer)]
    }

    /// Restores such a dump once, to check that it is complete.
    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        self.version = Some(server.program("pg_dump")?.1);
        let folder = self.job.place.fresh()?;
        let mut command = dump(server, self.asked, folder.path())?;
        self.job.run(&mut command, None, server)?;
        make_room(server)?;
        let mut command = restore(server, &[], folder.path())?;
        self.job.run(&mut command, None, server)?;
        self.job.contents.check_restored(server)
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.job.place.fresh()?;
        let mut command = dump(server, self.asked, folder.path())?;
        let measured = self.job.run(&mut command, None, server)?;
        Ok(vec![self.job.sample(&measured, folder.path())?])
    }

    fn essential(&self) -> bool {
        false
    }

    fn note(&self) -> Option<String> {
        if self.asked.label != DEFAULT.label {
            return None;
        }
        Some(format!(
            "{}: gzip at its default level 6 unless -Z says otherwise; in one snapshot, text form; no checksum of anything",
            self.version.as_ref()?
        ))
    }
}

/// A restore by `pg_restore`.
pub(super) struct Restore {
    asked: Restoring,
    job: Job,
    dump: Option<TempDir>,
    version: Option<String>,
}

impl Restore {
    /// All ways of calling `pg_restore`.
    pub(super) fn all(job: &Job) -> impl Iterator<Item = Self> {
        RESTORES
            .map(|asked| Self {
                asked,
                job: job.clone(),
                dump: None,
                version: None,
            })
            .into_iter()
    }
}

impl Way for Restore {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new(self.asked.label).of(RESTORE, Role::Peer)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        self.version = Some(server.program("pg_restore")?.1);
        let folder = self.job.place.fresh()?;
        let mut command = dump(server, self.asked.of, folder.path())?;
        self.job.run(&mut command, None, server)?;
        self.dump = Some(folder);
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.dump.as_ref().context("not prepared")?;
        make_room(server)?;
        let mut command = restore(server, self.asked.arguments, folder.path())?;
        let measured = self.job.run(&mut command, None, server)?;
        self.job.contents.check_restored(server)?;
        Ok(vec![self.job.sample(&measured, folder.path())?])
    }

    fn essential(&self) -> bool {
        false
    }

    fn note(&self) -> Option<String> {
        if self.asked.label != ONE_JOB {
            return None;
        }
        Some(format!(
            "{}: statements commit one by one unless all are a single transaction, so that one that fails leaves what came \
             before it; with two jobs each table's rows come in the transaction that truncates it, which needs no WAL at wal_level \
             minimal, as in a single transaction",
            self.version.as_ref()?
        ))
    }
}
