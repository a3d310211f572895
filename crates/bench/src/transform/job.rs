//! What all ways of writing files share.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use crate::child::{self, Done};
use crate::place::{self, Place};
use crate::rounds::{Sample, Usage};
use crate::server::Server;

pub(super) const READ: &str = "Reading the four tables";
pub(super) const SINGLE: &str = "One file";
pub(super) const FOLDERS: &str = "A folder for each client";

/// The time after which another program's way is stopped.
pub(super) const PEERS_LIMIT: Duration = Duration::from_secs(300);

/// The data that all ways share.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) place: Rc<Place>,
    /// The number of rows of the output.
    pub(super) rows: u64,
    /// How long a way may take.
    pub(super) limit: Duration,
}

impl Job {
    pub(super) fn run(
        &self,
        command: &mut Command,
        output: Option<File>,
        server: &Server,
    ) -> anyhow::Result<Done> {
        child::run(command, output, self.limit, server.cancel())
    }

    /// The measurement of a way that has written into `folder`, once all rows were found there.
    pub(super) fn sample(
        &self,
        folder: &Path,
        seconds: f64,
        usage: Usage,
    ) -> anyhow::Result<Sample> {
        let (rows, bytes) = place::rows_and_bytes(folder)?;
        let expected = self.rows;
        anyhow::ensure!(
            rows == expected,
            "{rows} rows were written instead of {expected}"
        );
        Ok(Sample {
            seconds,
            rows,
            bytes: Some(bytes),
            usage: Some(usage),
            ..Sample::default()
        })
    }
}
