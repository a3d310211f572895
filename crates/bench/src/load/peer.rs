//! Ways of other libraries, in Python scripts.

use std::path::PathBuf;
use std::rc::Rc;

use anyhow::Context;
use serde::Deserialize;

use super::files::Files;
use super::measure::{PEERS_LIMIT, loaded, measured};
use super::ours;
use crate::rounds::{Line, Sample, Way};
use crate::server::Server;
use crate::{child, python};

/// A way of another library.
pub(super) struct Script {
    label: &'static str,
    /// The name of the script, which gets the mode and the folder with the files as arguments.
    file: &'static str,
    mode: &'static str,
    packages: &'static [&'static str],
    /// Whether the way gets only a part of the rows.
    slow: bool,
    note: &'static str,
}

pub(super) const ALL: [Script; 3] = [
    Script {
        label: "DuckDB, postgres extension",
        file: "duckdb_load.py",
        mode: "load",
        packages: python::DUCKDB,
        slow: false,
        note: "`INSERT INTO … SELECT * FROM read_csv(…)`, which the extension sends by COPY; checks types alone",
    },
    Script {
        label: "DuckDB, read_csv alone",
        file: "duckdb_load.py",
        mode: "read",
        packages: python::DUCKDB,
        slow: false,
        note: "every column parsed as its type and aggregated, nothing loaded: the floor of parsing",
    },
    Script {
        label: "pandas to_sql, a twentieth of the rows",
        file: "pandas_load.py",
        mode: "load",
        packages: &["pandas", "sqlalchemy", "psycopg2-binary"],
        slow: true,
        note: "`read_csv` and `to_sql(method=\"multi\", chunksize=1000)`; the start of Python is counted and weighs more \
               on few rows; its memory is of these rows",
    },
];

/// A script that is run as it is.
pub(super) struct Peer {
    script: Script,
    files: Rc<Files>,
    python: Option<PathBuf>,
    versions: Option<String>,
}

/// The JSON that a script prints.
#[derive(Deserialize)]
struct Printed {
    versions: String,
    /// The number of rows, if the script only reads.
    rows: Option<u64>,
}

impl Peer {
    pub(super) fn new(script: Script, all: &Rc<Files>, few: &Rc<Files>) -> Self {
        Self {
            files: Rc::clone(if script.slow { few } else { all }),
            script,
            python: None,
            versions: None,
        }
    }
}

impl Way for Peer {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new(self.script.label).against(ours::CLEAN, "extrato")]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        self.python = Some(python::with(server, self.script.packages)?);
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let python = self.python.as_ref().context("not prepared")?;
        let mut command = python::script(python, self.script.file, server);
        command.arg(self.script.mode).arg(&self.files.folder);
        let done = child::run(&mut command, None, PEERS_LIMIT, server.cancel())?;
        let printed: Printed = serde_json::from_str(&done.printed)?;
        self.versions = Some(printed.versions);
        let Some(rows) = printed.rows else {
            return Ok(vec![loaded(server, &self.files, &done)?]);
        };
        let expected = self.files.rows_read();
        anyhow::ensure!(
            rows == expected,
            "{rows} rows were read instead of {expected}"
        );
        Ok(vec![measured(rows, &done)])
    }

    fn essential(&self) -> bool {
        false
    }

    fn note(&self) -> Option<String> {
        let Script { label, note, .. } = self.script;
        Some(format!("{label}: {}: {note}", self.versions.as_ref()?))
    }
}
