//! The limit: psql's `\copy` of the same tables in Postgres's own binary format, into files and back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use tempfile::TempDir;

use super::contents::{RESTORED, make_room};
use super::job::{BACKUP, Job, Measured, RESTORE};
use crate::filled::TableRows;
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::{SCHEMA, Server};

/// The name of the way that backups are compared with.
pub(super) const OUT: &str = "psql, \\copy in binary form";
/// The name of the way that restores are compared with.
pub(super) const IN: &str = "psql, \\copy in FREEZE and keys";
const ROWS_ALONE: &str = "psql, \\copy in FREEZE: rows alone";

/// psql running a script.
struct Psql {
    tables: Vec<TableRows>,
    job: Job,
    program: Option<(PathBuf, String)>,
}

impl Psql {
    fn new(tables: &[TableRows], job: &Job) -> Self {
        Self {
            tables: tables.to_vec(),
            job: job.clone(),
            program: None,
        }
    }

    fn run(&self, script: &str, database: &str, server: &Server) -> anyhow::Result<Measured> {
        let (path, _) = self.program.as_ref().context("not prepared")?;
        let file = server.folder().join("copy.sql");
        fs::write(&file, script)?;
        let mut command = Command::new(path);
        command.args(["--no-psqlrc", "--set", "ON_ERROR_STOP=1", "--file"]);
        command.arg(file);
        server.connect_program(&mut command);
        command.env("PGDATABASE", database);
        let measured = self.job.run(&mut command, None, server)?;
        let (found, expected) = (copied(&measured.done.printed), self.job.contents.rows());
        anyhow::ensure!(
            found == expected,
            "psql copied {found} rows instead of {expected}"
        );
        Ok(measured)
    }

    /// Copies all tables into files in `folder`.
    fn copy_out(&self, folder: &Path, server: &Server) -> anyhow::Result<Measured> {
        let mut script = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n".to_owned();
        for table in &self.tables {
            script += &format!(
                "\\copy {} TO '{}' WITH (FORMAT binary)\n",
                table.name,
                file(folder, table)
            );
        }
        script += "COMMIT;\n";
        self.run(&script, server.settings().database(), server)
    }

    /// Creates the tables from files in `folder`, with their keys.
    fn copy_in(&self, folder: &Path, server: &Server) -> anyhow::Result<Measured> {
        let dataset = server.dataset();
        let mut script = format!(
            "BEGIN;\nCREATE SCHEMA {SCHEMA};\n{}\n\\timing on\n",
            dataset.schema_sql
        );
        for table in &self.tables {
            script += &format!(
                "\\copy {} FROM '{}' WITH (FORMAT binary, FREEZE)\n",
                table.name,
                file(folder, table)
            );
        }
        script += &format!("\\timing off\n{}\nCOMMIT;\n", dataset.constraints_sql);
        self.run(&script, RESTORED, server)
    }
}

fn file(folder: &Path, table: &TableRows) -> String {
    format!("{}/{}.copy", folder.display(), table.name)
}

/// `\copy` into files.
pub(super) struct CopyOut(Psql);

impl CopyOut {
    pub(super) fn new(tables: &[TableRows], job: &Job) -> Self {
        Self(Psql::new(tables, job))
    }
}

impl Way for CopyOut {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new(OUT).of(BACKUP, Role::Limit)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        self.0.program = Some(server.program("psql")?);
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.0.job.place.fresh()?;
        let measured = self.0.copy_out(folder.path(), server)?;
        Ok(vec![self.0.job.sample(&measured, folder.path())?])
    }

    fn essential(&self) -> bool {
        true
    }

    fn note(&self) -> Option<String> {
        let (_, version) = self.0.program.as_ref()?;
        Some(format!(
            "{version}: `\\copy … WITH (FORMAT binary)` of one table after the other over one connection, nothing compressed or \
             checked; back in one transaction that makes the tables, with FREEZE, and then their keys"
        ))
    }
}

/// `\copy` from files.
pub(super) struct CopyIn {
    psql: Psql,
    files: Option<TempDir>,
}

impl CopyIn {
    pub(super) fn new(tables: &[TableRows], job: &Job) -> Self {
        Self {
            psql: Psql::new(tables, job),
            files: None,
        }
    }
}

impl Way for CopyIn {
    fn lines(&self) -> Vec<Line> {
        vec![
            Line::new(IN).of(RESTORE, Role::Limit),
            Line::new(ROWS_ALONE).of(RESTORE, Role::Aside),
        ]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        self.psql.program = Some(server.program("psql")?);
        let folder = self.psql.job.place.fresh()?;
        self.psql.copy_out(folder.path(), server)?;
        self.files = Some(folder);
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.files.as_ref().context("not prepared")?;
        make_room(server)?;
        let measured = self.psql.copy_in(folder.path(), server)?;
        self.psql.job.contents.check_restored(server)?;
        let whole = self.psql.job.sample(&measured, folder.path())?;
        let rows_alone = Sample {
            seconds: timings(&measured.done.printed),
            rows: whole.rows,
            ..Sample::default()
        };
        Ok(vec![whole, rows_alone])
    }

    fn essential(&self) -> bool {
        true
    }
}

/// The number of rows in all copies that psql reports: `COPY 123`.
fn copied(printed: &str) -> u64 {
    let rows = printed
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "));
    rows.filter_map(|rows| rows.parse::<u64>().ok()).sum()
}

/// The seconds of all statements whose time psql reports: `Time: 1234.567 ms (00:01.235)`.
fn timings(printed: &str) -> f64 {
    let times = printed.lines().filter_map(|line| {
        let (milliseconds, _) = line.strip_prefix("Time: ")?.split_once(" ms")?;
        milliseconds.parse::<f64>().ok()
    });
    times.sum::<f64>() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_times_are_those_that_psql_prints() {
        let printed =
            "BEGIN\nCOPY 3\nTime: 1234.500 ms (00:01.235)\nCOPY 40\nTime: 12.500 ms\nCOMMIT\n";
        assert_eq!(copied(printed), 43);
        assert!((timings(printed) - 1.247).abs() < 1e-9);
    }
}
