//! Python's Faker with psycopg, which many people would write first.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use serde::Deserialize;

use super::ours;
use crate::rounds::{Line, Sample, Way};
use crate::server::Server;
use crate::{program, python};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/faker_rows.py");

/// How the script sends its rows, the way's name, and how many rows; far fewer than in other ways, since
/// it would take minutes otherwise.
const MODES: [(&str, &str, u64); 3] = [
    ("copy", "Python Faker, psycopg copy()", 50_000),
    (
        "executemany",
        "Python Faker, psycopg executemany(INSERT …)",
        20_000,
    ),
    (
        "execute",
        "Python Faker, psycopg execute(INSERT …) per row",
        10_000,
    ),
];

/// Fills `movimento` with rows of Faker's.
#[derive(Default)]
pub(super) struct Faker {
    python: Option<PathBuf>,
    versions: Option<String>,
}

/// The JSON that the script prints.
#[derive(Deserialize)]
struct Printed {
    /// The time from making the rows to their commit, without the start of Python.
    seconds: f64,
    versions: String,
}

impl Way for Faker {
    fn lines(&self) -> Vec<Line> {
        let line = |label| Line::new(label).against(ours::load_label(1), "extrato");
        MODES.iter().map(|(_, label, _)| line(*label)).collect()
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        self.python = Some(python::with(server, &["faker", "psycopg[binary]"])?);
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let mut samples = Vec::new();
        for (mode, _, rows) in MODES {
            server.clear()?;
            server.create_tables()?;
            let mut command = Command::new(self.python.as_ref().context("not prepared")?);
            command.args([SCRIPT, mode]).arg(rows.to_string());
            server.connect_program(&mut command);
            let printed = program::output(&mut command).context("the script failed")?;
            let printed: Printed = serde_json::from_str(&printed)?;
            server.check_count("movimento", rows)?;
            self.versions = Some(printed.versions);
            samples.push(Sample {
                seconds: printed.seconds,
                rows,
                ..Sample::default()
            });
        }
        Ok(samples)
    }

    fn essential(&self) -> bool {
        false
    }

    fn note(&self) -> Option<String> {
        Some(format!(
            "{}: one connection; copy() sends text, executemany() is pipelined by psycopg 3, execute() waits for each answer, all in one transaction; the start of Python is \
             not counted",
            self.versions.as_ref()?
        ))
    }
}
