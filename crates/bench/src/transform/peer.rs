//! Ways of other libraries, in Python scripts.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use serde::Deserialize;

use super::job::{FOLDERS, Job, READ, SINGLE};
use super::spark;
use crate::python::{self, DUCKDB};
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::Server;

/// A way of another library.
pub(super) struct Script {
    label: &'static str,
    part: &'static str,
    /// The name of the script, which gets the mode and the folder to write into as arguments.
    file: &'static str,
    mode: &'static str,
    packages: &'static [&'static str],
    most_rounds: usize,
    /// A note for readers in addition to the versions; given once for each script.
    note: Option<&'static str>,
}

impl Script {
    /// Whether this is DuckDB's line for a part.
    pub(super) fn is_duckdb(&self, part: &str) -> bool {
        self.part == part && self.packages == DUCKDB
    }
}

const POLARS: &[&str] = &["polars", "connectorx", "pyarrow"];
const SPARK: &[&str] = &["pyspark"];
const SPARK_SCRIPT: &str = "spark_flat.py";

pub(super) const ALL: [Script; 7] = [
    Script {
        label: "connectorx's own Postgres source, to Arrow",
        part: READ,
        file: "connectorx_read.py",
        mode: "read",
        packages: &["connectorx", "pyarrow"],
        most_rounds: usize::MAX,
        note: Some(
            "its time is that of the four reads alone, movimento over two connections; every numeric comes with ten decimals",
        ),
    },
    Script {
        label: "DuckDB, postgres extension",
        part: SINGLE,
        file: "duckdb_flat.py",
        mode: "single",
        packages: DUCKDB,
        most_rounds: usize::MAX,
        note: Some(
            "`COPY (SELECT … ORDER BY id)`, and `PARTITION_BY (id_associado)`, where the rows of a client are in no order \
             and may be in several files",
        ),
    },
    Script {
        label: "Polars in Python, connectorx",
        part: SINGLE,
        file: "polars_flat.py",
        mode: "single",
        packages: POLARS,
        most_rounds: usize::MAX,
        note: Some(
            "tables as connectorx alone reads them, join, sort, `write_csv`; `sink_csv(PartitionBy)` in one round only, \
             where the rows of a client are in no order",
        ),
    },
    Script {
        label: "PySpark, JDBC, local[2]",
        part: SINGLE,
        file: SPARK_SCRIPT,
        mode: "single",
        packages: SPARK,
        most_rounds: 1,
        note: Some(
            "over TCP, since JDBC knows no other way; most of a small run is the start of Java; in one round only; with folders, where the \
             rows of a client are in no order",
        ),
    },
    Script {
        label: "DuckDB, postgres extension",
        part: FOLDERS,
        file: "duckdb_flat.py",
        mode: "partitioned",
        packages: DUCKDB,
        most_rounds: usize::MAX,
        note: None,
    },
    Script {
        label: "Polars in Python, connectorx",
        part: FOLDERS,
        file: "polars_flat.py",
        mode: "partitioned",
        packages: POLARS,
        most_rounds: 1,
        note: None,
    },
    Script {
        label: "PySpark, JDBC, local[2]",
        part: FOLDERS,
        file: SPARK_SCRIPT,
        mode: "partitioned",
        packages: SPARK,
        most_rounds: 1,
        note: None,
    },
];

/// A script that is run as it is.
pub(super) struct Peer {
    script: Script,
    job: Job,
    /// The number of rows of all four tables, which the extraction reads.
    read_rows: u64,
    python: Option<PathBuf>,
    variables: Vec<(&'static str, String)>,
    versions: Option<String>,
}

/// The JSON that a script prints.
#[derive(Deserialize)]
struct Printed {
    versions: String,
    /// What the script read, if it only reads.
    read: Option<Read>,
}

#[derive(Deserialize)]
struct Read {
    rows: u64,
    /// The time without the start of Python.
    seconds: f64,
}

impl Peer {
    pub(super) fn new(script: Script, job: Job, read_rows: u64) -> Self {
        Self {
            script,
            job,
            read_rows,
            python: None,
            variables: Vec::new(),
            versions: None,
        }
    }

    fn command(&self, server: &Server, mode: &str) -> anyhow::Result<Command> {
        let python = self.python.as_ref().context("not prepared")?;
        let mut command = python::script(python, self.script.file, server);
        command.arg(mode);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }
}

impl Way for Peer {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new(self.script.label).of(self.script.part, Role::Peer)]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        if self.script.file == SPARK_SCRIPT {
            self.variables = spark::variables(server)?;
        }
        self.python = Some(python::with(server, self.script.packages)?);
        let folder = self.job.place.fresh()?;
        let mut command = self.command(server, "check")?;
        command.arg(folder.path());
        let done = self.job.run(&mut command, None, server)?;
        let printed: Printed = serde_json::from_str(&done.printed)?;
        self.versions = Some(printed.versions);
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.job.place.fresh()?;
        let mut command = self.command(server, self.script.mode)?;
        command.arg(folder.path());
        let done = self.job.run(&mut command, None, server)?;
        let printed: Printed = serde_json::from_str(&done.printed)?;
        let Some(Read { rows, seconds }) = printed.read else {
            let sample = self.job.sample(folder.path(), done.seconds, done.usage)?;
            return Ok(vec![sample]);
        };
        let expected = self.read_rows;
        anyhow::ensure!(
            rows == expected,
            "{rows} rows were read instead of {expected}"
        );
        Ok(vec![Sample {
            seconds,
            rows,
            usage: Some(done.usage),
            ..Sample::default()
        }])
    }

    fn essential(&self) -> bool {
        false
    }

    fn most_rounds(&self) -> usize {
        self.script.most_rounds
    }

    fn note(&self) -> Option<String> {
        let note = self.script.note?;
        Some(format!("{}: {note}", self.versions.as_ref()?))
    }
}
