//! What all ways of writing files share.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use super::target::Target;
use crate::child::{self, Done};
use crate::place::Place;
use crate::program;
use crate::rounds::Sample;
use crate::server::Server;

pub(super) const LOAD: &str = "Files into Postgres";
pub(super) const READ: &str = "Reading the same files";
pub(super) const VERIFY: &str = "Verifying a file for each client";

/// The time after which another program's way is stopped.
pub(super) const PEERS_LIMIT: Duration = Duration::from_secs(120);

/// The layout of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Many,
    One,
}

impl Layout {
    pub(super) const ALL: [Self; 2] = [Self::Many, Self::One];

    /// The name of the table that compares this layout.
    pub(super) fn part(self) -> &'static str {
        match self {
            Self::Many => "A file for each client",
            Self::One => "One large file",
        }
    }
}

/// The data that all ways share.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) place: Rc<Place>,
    /// The folder of the tables as Parquet.
    pub(super) lake: Rc<Path>,
    /// The number of rows of the output.
    pub(super) rows: u64,
    /// How long a way may take.
    pub(super) limit: Duration,
}

impl Job {
    /// The command `extrato transform` for the tables in Parquet.
    pub(super) fn transform(
        &self,
        layout: Layout,
        target: &Target,
        server: &Server,
    ) -> anyhow::Result<Done> {
        let mut command = program::extrato()?;
        command.arg("transform");
        command.arg(format!("--from-stage={}", self.lake.display()));
        command.args(["--out", &target.url()]);
        if layout == Layout::One {
            command.arg("--single-file");
        }
        self.run(&mut command, target, server)
    }

    /// Runs a program that uses `target` to its end.
    pub(super) fn run(
        &self,
        command: &mut Command,
        target: &Target,
        server: &Server,
    ) -> anyhow::Result<Done> {
        server.connect_program(command);
        target.connect_program(command);
        child::run(command, None, self.limit, server.cancel())
    }

    /// The measurement of a program that has written into `target`, once all rows were found there.
    pub(super) fn sample(&self, target: &Target, done: &Done) -> anyhow::Result<Sample> {
        let (found, expected) = (target.found()?, self.rows);
        anyhow::ensure!(
            found.rows == expected,
            "{} rows were written instead of {expected}",
            found.rows
        );
        Ok(Sample {
            seconds: done.seconds,
            rows: found.rows,
            bytes: Some(found.bytes),
            files: Some(found.files),
            usage: Some(done.usage),
            ..Sample::default()
        })
    }
}

/// Stores the tables of the server in `lake`, as `--stage` does.
pub(crate) fn stage(server: &Server, lake: &Path) -> anyhow::Result<()> {
    let mut command = program::extrato()?;
    command.arg("transform");
    command.arg(format!("--stage={}", lake.display()));
    command
        .args(["--single-file", "--out"])
        .arg(lake.join("out"));
    server.connect_program(&mut command);
    program::output(&mut command).map(drop)
}
