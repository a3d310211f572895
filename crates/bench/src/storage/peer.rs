//! DuckDB with httpfs, its extension for buckets, in a Python script.

use std::cell::OnceCell;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;

use anyhow::Context;
use serde::Deserialize;

use super::job::{Job, Layout, PEERS_LIMIT, READ};
use super::load::{Sources, called, ending};
use super::target::{Kind, Target};
use crate::child;
use crate::load::measure::measured;
use crate::python::{self, DUCKDB_HTTPFS};
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::Server;

const SCRIPT: &str = "duckdb_storage.py";

/// The JSON that the script prints.
#[derive(Deserialize)]
struct Printed {
    versions: String,
    /// The number of rows, if the script only reads.
    rows: Option<u64>,
}

/// The script, with the Python that runs it once that is installed.
#[derive(Clone, Default)]
pub(super) struct Script(Rc<OnceCell<PathBuf>>);

impl Script {
    /// Installs what the script needs, unless that was done already.
    fn prepare(&self, server: &Server) -> anyhow::Result<()> {
        if self.0.get().is_none() {
            let _ = self.0.set(python::with(server, DUCKDB_HTTPFS)?);
        }
        Ok(())
    }

    fn command(&self, server: &Server) -> anyhow::Result<Command> {
        let python = self.0.get().context("not prepared")?;
        Ok(python::script(python, SCRIPT, server))
    }
}

/// DuckDB's join of the same Parquet files, written into one kind of place.
pub(super) struct Write {
    layout: Layout,
    kind: Kind,
    job: Job,
    script: Script,
    versions: Option<String>,
}

impl Write {
    pub(super) fn new(layout: Layout, kind: Kind, job: &Job, script: &Script) -> Self {
        Self {
            layout,
            kind,
            job: job.clone(),
            script: script.clone(),
            versions: None,
        }
    }
}

impl Way for Write {
    fn lines(&self) -> Vec<Line> {
        vec![self.kind.line("DuckDB", self.layout.part(), Role::Peer)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        self.script.prepare(server)
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let target = Target::fresh(self.kind, &self.job.place)?;
        let mode = match self.layout {
            Layout::Many => "many",
            Layout::One => "one",
        };
        let mut command = self.script.command(server)?;
        command.arg(mode).arg(&*self.job.lake).arg(target.url());
        let done = self.job.run(&mut command, &target, server)?;
        let printed: Printed = serde_json::from_str(&done.printed)?;
        self.versions = Some(printed.versions);
        Ok(vec![self.job.sample(&target, &done)?])
    }

    fn essential(&self) -> bool {
        false
    }

    fn note(&self) -> Option<String> {
        if (self.layout, self.kind) != (Layout::Many, Kind::Bucket) {
            return None;
        }
        Some(format!(
            "{}, with its extension httpfs: `COPY (SELECT … ORDER BY id)`, and `PARTITION_BY (id_associado)`, where the rows of a \
             client are in no order and may be in several files",
            self.versions.as_ref()?
        ))
    }
}

/// DuckDB reading the files that are loaded, from one kind of place.
pub(super) struct Read {
    is_compressed: bool,
    kind: Kind,
    sources: Rc<Sources>,
    script: Script,
}

impl Read {
    pub(super) fn new(
        is_compressed: bool,
        kind: Kind,
        sources: &Rc<Sources>,
        script: &Script,
    ) -> Self {
        Self {
            is_compressed,
            kind,
            sources: Rc::clone(sources),
            script: script.clone(),
        }
    }
}

impl Way for Read {
    fn lines(&self) -> Vec<Line> {
        let name = called("DuckDB, read_csv", self.is_compressed);
        vec![self.kind.line(&name, READ, Role::Aside)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        self.script.prepare(server)
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let mut command = self.script.command(server)?;
        command.args(["read", &self.sources.url(self.is_compressed, self.kind)]);
        command.arg(ending(self.is_compressed));
        self.sources.connect_program(&mut command);
        let done = child::run(&mut command, None, PEERS_LIMIT, server.cancel())?;
        let printed: Printed = serde_json::from_str(&done.printed)?;
        let (rows, expected) = (printed.rows, self.sources.files.rows_read());
        anyhow::ensure!(
            rows == Some(expected),
            "{rows:?} rows were read instead of {expected}"
        );
        let sample = measured(expected, &done);
        Ok(vec![self.sources.sample(self.is_compressed, sample)?])
    }

    fn essential(&self) -> bool {
        false
    }
}
