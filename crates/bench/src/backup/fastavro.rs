//! fastavro, in a Python script that reads with psycopg.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;

use super::job::{BACKUP, Job, Measured};
use crate::python;
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::Server;

const PACKAGES: &[&str] = &["fastavro", "psycopg[binary]"];

/// fastavro's writer.
pub(super) struct Fastavro {
    job: Job,
    python: Option<PathBuf>,
    versions: Option<String>,
}

/// The JSON that the script prints.
#[derive(Deserialize)]
struct Printed {
    versions: String,
    /// The number of rows, as the script counted them.
    rows: u64,
}

impl Fastavro {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job,
            python: None,
            versions: None,
        }
    }

    fn script(&self, mode: &str, folder: &Path, server: &Server) -> anyhow::Result<Measured> {
        let python = self.python.as_ref().context("not prepared")?;
        let mut command = python::script(python, "fastavro_write.py", server);
        command.arg(mode).arg(folder);
        self.job.run(&mut command, None, server)
    }
}

impl Way for Fastavro {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new("fastavro, psycopg").of(BACKUP, Role::Peer)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        self.python = Some(python::with(server, PACKAGES)?);
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.job.place.fresh()?;
        let measured = self.script("write", folder.path(), server)?;
        let counted = self.script("count", folder.path(), server)?;
        let Printed { versions, rows } = serde_json::from_str(&counted.done.printed)?;
        self.versions = Some(versions);
        let expected = self.job.contents.rows();
        anyhow::ensure!(
            rows == expected,
            "{rows} rows were written instead of {expected}"
        );
        Ok(vec![self.job.sample(&measured, folder.path())?])
    }

    fn essential(&self) -> bool {
        false
    }

    fn most_rounds(&self) -> usize {
        1
    }

    fn note(&self) -> Option<String> {
        Some(format!(
            "{}: rows by a server-side cursor in one snapshot, deflate at level 1, one file for each table; in one round only",
            self.versions.as_ref()?
        ))
    }
}
