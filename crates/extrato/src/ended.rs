//! How a run ended, for programs that read it: its summary, or why it failed, with its exit code.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use dataset::failure::{Kind, chain};
use serde::Serialize;

use crate::stdout::print;

/// The one JSON object that says how a run ended.
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

/// The contents of the file of `--json-to` until the run ends. They stay there if the run is killed.
const BEGUN: &str = "{\"exit_code\":null}\n";

/// Tells other programs how a run ended.
pub(crate) struct Programs {
    /// Whether `--json` was given.
    pub(crate) stdout: bool,
    /// The file of `--json-to`.
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

    /// Replaces what an earlier run left in the file, so that nobody takes it for the result of this one.
    pub(crate) fn begin(&self) -> anyhow::Result<()> {
        match &self.file {
            // A pipe is not written to yet, since its reader should get one line.
            Some(file) if !file.exists() || file.is_file() => storage::replace(file, BEGUN),
            _ => Ok(()),
        }
    }

    /// Tells the summary of a run. A run that failed may have one too.
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
        // A command without a summary prints something else to standard output, unless it failed.
        if self.stdout && (summary.is_some() || error.is_some()) {
            print(&match io::stdout().is_terminal() {
                true => serde_json::to_string_pretty(&ended)?,
                false => line,
            })?;
        }
        self.is_told.set(true);
        Ok(())
    }

    /// Tells how a run ended, unless that was told already.
    pub(crate) fn end(&self, result: anyhow::Result<()>) -> anyhow::Result<()> {
        if self.is_told.get() {
            return result;
        }
        let told = self.tell(None::<&()>, result.as_ref().err());
        result.and(told)
    }
}
