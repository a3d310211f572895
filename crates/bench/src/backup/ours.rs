//! Our own: `extrato backup` and `extrato restore`, run as the program beside this one.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde::Deserialize;
use tempfile::TempDir;

use super::contents::{RESTORED, make_room, restored};
use super::job::{BACKUP, Job, Measured, RESTORE};
use crate::program;
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::{SCHEMA, Server};

/// The way that the aims for backups are about.
pub(super) const BACK_UP: &str = "extrato backup";
/// The way that the aims for restores are about.
pub(super) const CREATE: &str = "extrato restore --mode create";

/// The kinds of files, as arguments of `extrato backup`.
const FORMATS: [&[&str]; 4] = [
    &[],
    &["--codec", "null"],
    &["--codec", "zstandard"],
    &["--format", "csv"],
];

/// The part of the program's summary that is used here.
#[derive(Deserialize)]
struct Report {
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Table {
    rows: u64,
}

/// Fails unless the summary reports all rows.
fn check(measured: &Measured, job: &Job) -> anyhow::Result<()> {
    let report: Report = serde_json::from_str(&measured.done.printed)?;
    let rows: u64 = report.tables.iter().map(|table| table.rows).sum();
    let expected = job.contents.rows();
    anyhow::ensure!(
        rows == expected,
        "extrato tells of {rows} rows instead of {expected}"
    );
    Ok(())
}

/// The command that makes a backup in `folder`.
fn back_up(server: &Server, format: &[&str], folder: &Path) -> anyhow::Result<Command> {
    let mut command = program::extrato()?;
    command.args(["backup", "--schema", SCHEMA, "--to"]);
    command.arg(folder).args(format);
    server.connect_program(&mut command);
    Ok(command)
}

/// The command that restores the backup in `folder`.
fn restore(server: &Server, mode: &str, folder: &Path) -> anyhow::Result<Command> {
    let mut command = program::extrato()?;
    command.args(["restore", "--mode", mode, "--from"]);
    command.arg(folder);
    server.connect_program(&mut command);
    command.env("PGDATABASE", RESTORED);
    Ok(command)
}

/// `extrato backup` with files of one kind.
pub(super) struct BackUp {
    format: &'static [&'static str],
    job: Job,
}

impl BackUp {
    /// The way with each kind of files.
    pub(super) fn all(job: &Job) -> impl Iterator<Item = Self> {
        FORMATS
            .map(|format| Self {
                format,
                job: job.clone(),
            })
            .into_iter()
    }
}

impl Way for BackUp {
    fn lines(&self) -> Vec<Line> {
        let words: Vec<&str> = [BACK_UP].iter().chain(self.format).copied().collect();
        vec![Line::new(words.join(" ")).of(BACKUP, Role::Ours)]
    }

    /// Restores such a backup once, to check that it is complete.
    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        let folder = self.job.place.fresh()?;
        let mut command = back_up(server, self.format, folder.path())?;
        self.job.run(&mut command, None, server)?;
        make_room(server)?;
        let mut command = restore(server, "create", folder.path())?;
        self.job.run(&mut command, None, server)?;
        self.job.contents.check_restored(server)
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.job.place.fresh()?;
        let mut command = back_up(server, self.format, folder.path())?;
        let measured = self.job.run(&mut command, None, server)?;
        check(&measured, &self.job)?;
        Ok(vec![self.job.sample(&measured, folder.path())?])
    }

    fn essential(&self) -> bool {
        true
    }
}

/// `extrato restore` of a backup with its default files.
pub(super) struct Restore {
    is_replacing: bool,
    job: Job,
    backup: Option<TempDir>,
}

impl Restore {
    pub(super) fn new(is_replacing: bool, job: &Job) -> Self {
        Self {
            is_replacing,
            job: job.clone(),
            backup: None,
        }
    }

    fn backup(&self) -> anyhow::Result<PathBuf> {
        let folder = self.backup.as_ref().context("not prepared")?;
        Ok(folder.path().to_owned())
    }
}

impl Way for Restore {
    fn lines(&self) -> Vec<Line> {
        let label = match self.is_replacing {
            true => "extrato restore --mode replace",
            false => CREATE,
        };
        vec![Line::new(label).of(RESTORE, Role::Ours)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        let folder = self.job.place.fresh()?;
        let mut command = back_up(server, &[], folder.path())?;
        self.job.run(&mut command, None, server)?;
        self.backup = Some(folder);
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let backup = self.backup()?;
        make_room(server)?;
        let mut mode = "create";
        if self.is_replacing {
            let mut command = restore(server, "create", &backup)?;
            self.job.run(&mut command, None, server)?;
            // The rows that are replaced differ from those of the backup.
            let mut connection = restored(server).connect(server.cancel())?;
            connection
                .batch_execute(&format!("UPDATE {SCHEMA}.associado SET idade = idade + 1"))?;
            connection.batch_execute("CHECKPOINT")?;
            mode = "replace";
        }
        let mut command = restore(server, mode, &backup)?;
        let measured = self.job.run(&mut command, None, server)?;
        check(&measured, &self.job)?;
        self.job.contents.check_restored(server)?;
        Ok(vec![self.job.sample(&measured, &backup)?])
    }

    fn essential(&self) -> bool {
        true
    }
}
