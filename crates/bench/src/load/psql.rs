//! The limit: psql's `\copy` of the same files into the same tables, with the keys after the rows.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;

use super::files::Files;
use super::measure::loaded;
use crate::child;
use crate::rounds::{Line, Sample, Way};
use crate::server::{SCHEMA, Server};

/// The name of the way that does everything extrato does except checking.
pub(super) const WHOLE: &str = "psql, \\copy and keys";
/// The name of the largest table's `\copy`.
pub(super) const ROWS_ALONE: &str = "psql, \\copy: rows alone";

/// psql running a script.
pub(super) struct Psql {
    files: Rc<Files>,
    program: Option<(PathBuf, String)>,
}

impl Psql {
    pub(super) fn new(files: Rc<Files>) -> Self {
        Self {
            files,
            program: None,
        }
    }

    fn script(&self) -> String {
        let Files {
            dataset, tables, ..
        } = &*self.files;
        let mut script = format!(
            "\\encoding UTF8\nBEGIN;\nCREATE SCHEMA {SCHEMA};\n{}\n",
            dataset.schema_sql
        );
        for (index, table) in tables.iter().enumerate() {
            if index + 1 == tables.len() {
                script += "\\timing on\n";
            }
            let path = self.files.folder.join(&table.name);
            script += &format!(
                "\\copy {} FROM '{}.csv' WITH (FORMAT csv)\n",
                table.name,
                path.display()
            );
        }
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        script
            + &format!(
                "\\timing off\n{}\nCOMMIT;\nANALYZE {};\n",
                dataset.constraints_sql,
                names.join(", ")
            )
    }
}

impl Way for Psql {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new(WHOLE), Line::new(ROWS_ALONE)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        self.program = Some(server.program("psql")?);
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let script = server.folder().join("copy.sql");
        fs::write(&script, self.script())?;
        let (path, _) = self.program.as_ref().context("not prepared")?;
        let mut command = Command::new(path);
        command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]);
        command.arg("--file").arg(&script);
        server.connect_program(&mut command);
        let done = child::run(&mut command, None, Duration::MAX, server.cancel())?;
        let rows_alone = Sample {
            seconds: timing(&done.printed).context("psql printed no time")?,
            rows: self.files.tables.last().map_or(0, |table| table.rows),
            ..Sample::default()
        };
        Ok(vec![loaded(server, &self.files, &done)?, rows_alone])
    }

    fn essential(&self) -> bool {
        true
    }

    fn note(&self) -> Option<String> {
        let (_, version) = self.program.as_ref()?;
        Some(format!(
            "{version}: `\\copy … WITH (FORMAT csv)` of the clean files, which need no other form"
        ))
    }
}

/// The seconds in the line that `\timing` prints: `Time: 1234.567 ms (00:01.235)`.
fn timing(printed: &str) -> Option<f64> {
    let time = printed
        .lines()
        .find_map(|line| line.strip_prefix("Time: "))?;
    let (milliseconds, _) = time.split_once(" ms")?;
    Some(milliseconds.parse::<f64>().ok()? / 1e3)
}

#[cfg(test)]
mod tests {
    use super::timing;

    #[test]
    fn the_time_is_what_psql_prints() {
        assert_eq!(timing("Time: 1234.500 ms (00:01.235)\n"), Some(1.2345));
        assert_eq!(timing("Time: 12.000 ms\n"), Some(0.012));
        assert_eq!(timing("COPY 3\n"), None);
    }
}
