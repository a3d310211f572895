//! How a run ended, for programs that read it: its summary, or why it failed, with its exit code.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use dataset::failure::{Kind, chain};
use serde::Serialize;

use crate::stdout::print;

/// The one JSON object that a run tells.
#[derive(Serialize)]
struct Ended<'a, T> {
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    summary: Option<&'a T>,
}

/// What stands in the file of `--json-to` until the run ends, and stays there if it is killed.
const BEGUN: &str = "{\"exit_code\":null}\n";

/// Where programs are told how a run ended.
pub(crate) struct Programs {
    /// `--json`
    pub(crate) stdout: bool,
    /// `--json-to`
    pub(crate) file: Option<PathBuf>,
    is_told: Cell<bool>,
}

impl Programs {
    pub(crate) fn new(stdout: bool, file: Option<PathBuf>) -> Self {
        Self {
            stdout,
            file,
            is_told: Cell::new(false),
        }
    }

    /// Puts away what an earlier run left in the file, so that nobody takes it for this run's.
    pub(crate) fn begin(&self) -> anyhow::Result<()> {
        match &self.file {
            // A pipe is read to its end: it gets one line.
            Some(file) if !file.exists() || file.is_file() => storage::replace(file, BEGUN),
            _ => Ok(()),
        }
    }

    /// Tells the summary of a run, which may have failed for all that.
    pub(crate) fn tell<T: Serialize>(
        &self,
        summary: Option<&T>,
        error: Option<&anyhow::Error>,
    ) -> anyhow::Result<()> {
        let kind = error.map(database::kind);
        let ended = Ended {
            exit_code: kind.map_or(0, Kind::exit_code),
            kind,
            error: error.map(chain),
            summary,
        };
        let line = serde_json::to_string(&ended)?;
        if let Some(file) = &self.file {
            storage::replace(file, format!("{line}\n"))?;
        }
        // Where a command has no summary, what it prints is something else, unless it failed.
        if self.stdout && (summary.is_some() || error.is_some()) {
            print(&match io::stdout().is_terminal() {
                true => serde_json::to_string_pretty(&ended)?,
                false => line,
            })?;
        }
        self.is_told.set(true);
        Ok(())
    }

    /// Tells how a run ended that has told nothing yet.
    pub(crate) fn end(&self, result: anyhow::Result<()>) -> anyhow::Result<()> {
        if self.is_told.get() {
            return result;
        }
        let told = self.tell(None::<&()>, result.as_ref().err());
        result.and(told)
    }
}
