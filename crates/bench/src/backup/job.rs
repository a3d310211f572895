//! What all ways of backing up and restoring share.

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

/// The time after which another program's way is stopped.
pub(super) const PEERS_LIMIT: Duration = Duration::from_secs(300);

/// The data that all ways share.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) place: Rc<Place>,
    /// The contents of the tables, which restored tables must have too.
    pub(super) contents: Rc<Contents>,
    /// The process that is the parent of all others of the server.
    pub(super) postmaster: u32,
    /// How long a way may take.
    pub(super) limit: Duration,
}

/// What a program, and the server for it, took.
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

    /// The measurement of a program that has processed all rows, and whose files are in `folder`.
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
