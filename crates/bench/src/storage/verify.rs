//! Our own: `extrato verify` of what `extrato transform` has written.

use anyhow::Context;
use serde::Deserialize;

use super::job::{Job, Layout, VERIFY};
use super::target::{Kind, Target};
use crate::program;
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::Server;

/// `extrato verify` of an output in one kind of place.
pub(super) struct Verify {
    kind: Kind,
    job: Job,
    output: Option<Target>,
}

/// The part of the program's summary that is used here.
#[derive(Deserialize)]
struct Printed {
    outputs: Vec<Verified>,
}

#[derive(Deserialize)]
struct Verified {
    rows: u64,
    files: u64,
    bytes: u64,
}

impl Verify {
    pub(super) fn new(kind: Kind, job: &Job) -> Self {
        Self {
            kind,
            job: job.clone(),
            output: None,
        }
    }
}

impl Way for Verify {
    fn lines(&self) -> Vec<Line> {
        vec![self.kind.line("extrato verify", VERIFY, Role::Ours)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        let output = Target::fresh(self.kind, &self.job.place)?;
        self.job.transform(Layout::Many, &output, server)?;
        self.output = Some(output);
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let output = self.output.as_ref().context("not prepared")?;
        let mut command = program::extrato()?;
        command.args(["verify", &output.url()]);
        let done = self.job.run(&mut command, output, server)?;
        let Printed { outputs } = serde_json::from_str(&done.printed)?;
        let [Verified { rows, files, bytes }] = outputs[..] else {
            anyhow::bail!("{} outputs were verified instead of 1", outputs.len());
        };
        let expected = self.job.rows;
        anyhow::ensure!(
            rows == expected,
            "{rows} rows were verified instead of {expected}"
        );
        Ok(vec![Sample {
            seconds: done.seconds,
            rows,
            bytes: Some(bytes),
            files: Some(files),
            usage: Some(done.usage),
            ..Sample::default()
        }])
    }

    fn essential(&self) -> bool {
        true
    }
}
