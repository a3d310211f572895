//! Our own: `extrato load`, run as the program beside this one.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use tempfile::TempDir;

use super::files::Files;
use super::measure::loaded;
use super::psql;
use crate::rounds::{Line, Sample, Way};
use crate::server::{SCHEMA, Server};
use crate::{child, program};

/// The name of loading clean files, which the others are compared with.
pub(super) const CLEAN: &str = "extrato load";
const ROWS_ALONE: &str = "extrato load: rows alone";
/// So little memory that the keys don't fit in it.
const LITTLE_MEMORY: [&str; 2] = ["--memory", "256KB"];

/// `extrato load` of some files.
struct Ours {
    lines: Vec<Line>,
    files: Rc<Files>,
    arguments: &'static [&'static str],
}

/// All ways of our own.
pub(super) fn all(clean: &Rc<Files>, bad: &Rc<Files>, sales: &Rc<Files>) -> Vec<Box<dyn Way>> {
    let way = |lines, files: &Rc<Files>| Ours {
        lines,
        files: Rc::clone(files),
        arguments: &[],
    };
    let with_clean = |label: String| vec![Line::new(label).against(CLEAN, "clean")];
    let plain = vec![
        Line::new(CLEAN).against(psql::WHOLE, "\\copy"),
        Line::new(ROWS_ALONE).against(psql::ROWS_ALONE, "\\copy"),
    ];
    let little_memory = with_clean(format!("{CLEAN} {}", LITTLE_MEMORY.join(" ")));
    vec![
        Box::new(way(plain, clean)),
        Box::new(way(with_clean(format!("{CLEAN}, 1 % bad rows")), bad)),
        Box::new(Ours {
            arguments: &LITTLE_MEMORY,
            ..way(little_memory, clean)
        }),
        Box::new(way(
            vec![Line::new(format!("{CLEAN} --dataset sales"))],
            sales,
        )),
    ]
}

/// The part of the program's summary that is used here.
#[derive(Deserialize)]
struct Report {
    rows: Rows,
    tables: Vec<Table>,
}

#[derive(Deserialize)]
struct Rows {
    rejected: u64,
}

#[derive(Deserialize)]
struct Table {
    seconds: f64,
}

impl Way for Ours {
    fn lines(&self) -> Vec<Line> {
        self.lines.clone()
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let rejects = TempDir::new_in(server.folder())?;
        let mut command = program::extrato()?;
        command.args(["load", "--schema", SCHEMA, "--dataset"]);
        command.arg(&self.files.dataset.name);
        command.arg("--from").arg(&self.files.folder);
        command.arg("--rejects").arg(rejects.path());
        command.args(self.arguments);
        server.connect_program(&mut command);
        let done = child::run(&mut command, None, Duration::MAX, server.cancel())?;
        let report: Report = serde_json::from_str(&done.printed)?;
        let (found, expected) = (report.rows.rejected, self.files.rejected);
        anyhow::ensure!(
            found == expected,
            "{found} rows were rejected instead of {expected}"
        );
        let whole = loaded(server, &self.files, &done)?;
        let largest = report.tables.last().context("no table was loaded")?;
        let rows_alone = Sample {
            seconds: largest.seconds,
            rows: self.files.tables.last().map_or(0, |table| table.rows),
            ..Sample::default()
        };
        // It does no harm if there is one sample more than there are lines.
        Ok(vec![whole, rows_alone])
    }

    fn essential(&self) -> bool {
        true
    }
}
