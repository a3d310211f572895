//! psql's `COPY` of the join, which Postgres itself runs.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use super::job::{Job, SINGLE};
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::Server;

/// psql, with the join inside Postgres.
pub(super) struct Psql {
    job: Job,
    program: Option<PathBuf>,
    version: Option<String>,
}

impl Psql {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job,
            program: None,
            version: None,
        }
    }
}

impl Way for Psql {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new("psql, COPY of the join").of(SINGLE, Role::Peer)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        let (path, version) = server.program("psql")?;
        (self.program, self.version) = (Some(path), Some(version));
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let dataset = server.dataset();
        let model = dataset.models.first().context("no model")?;
        let shown = model.visible_columns().map(|(name, _)| name.as_str());
        let copy = format!(
            "COPY (SELECT {} FROM ({}) AS m ORDER BY {}) TO STDOUT (FORMAT csv, HEADER)",
            shown.collect::<Vec<_>>().join(", "),
            model.sql,
            model.order_by.join(", ")
        );
        let folder = self.job.place.fresh()?;
        let mut command = Command::new(self.program.as_ref().context("not prepared")?);
        command.args(["--no-psqlrc", "--quiet", "--command", &copy]);
        server.connect_program(&mut command);
        let file = File::create(folder.path().join("movimento_flat.csv"))?;
        let done = self.job.run(&mut command, Some(file), server)?;
        let sample = self.job.sample(folder.path(), done.seconds, done.usage)?;
        Ok(vec![sample])
    }

    fn essential(&self) -> bool {
        false
    }

    fn note(&self) -> Option<String> {
        Some(format!(
            "{}: `COPY (SELECT … ORDER BY id) TO STDOUT`, as `\\copy` does; the join and the sort are the server's work, \
             whose processor time and memory are not in the table",
            self.version.as_ref()?
        ))
    }
}
