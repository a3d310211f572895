//! What all ways of backing up and restoring have in common.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use super::contents::Contents;
use crate::child::{self, Done};
use crate::place::{self, Place};
use crate::processes;
use crate::rounds::Sample;
use crate::server::Server;

pub(super) const BACKUP: &str = "Tables into files";
pub(super) const RESTORE: &str = "Files into tables";

/// A way of others that takes longer is stopped.
pub(super) const PEERS_LIMIT: Duration = Duration::from_secs(300);

/// What all ways have in common.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) place: Rc<Place>,
    /// What the tables hold, and so must those that are restored.
    pub(super) contents: Rc<Contents>,
    /// The process that all others of the server are children of.
    pub(super) postmaster: u32,
    /// How long a way may take.
    pub(super) limit: Duration,
}

/// What a program did, and the server for it.
pub(super) struct Measured {
    pub(super) done: Done,
    server_cpu_seconds: f64,
}

impl Job {
    /// Runs a program to its end.
    pub(super) fn run(
        &self,
        command: &mut Command,
        output: Option<File>,
        server: &Server,
    ) -> anyhow::Result<Measured> {
        let before = processes::seconds_of_family(self.postmaster)?;
        let done = child::run(command, output, self.limit, server.cancel())?;
        let after = processes::seconds_of_family(self.postmaster)?;
        Ok(Measured {
            done,
            server_cpu_seconds: after - before,
        })
    }

    /// The measurement of a program that has gone through all rows, and whose files lie in `folder`.
    pub(super) fn sample(&self, measured: &Measured, folder: &Path) -> anyhow::Result<Sample> {
        let files = place::files(folder)?;
        Ok(Sample {
            seconds: measured.done.seconds,
            rows: self.contents.rows(),
            bytes: Some(files.iter().map(|file| file.bytes).sum()),
            usage: Some(measured.done.usage),
            server_cpu_seconds: Some(measured.server_cpu_seconds),
            ..Sample::default()
        })
    }
}
