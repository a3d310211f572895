//! The contenders that run the queries; each run is a process of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use testkit::tpch;

use super::answer::Answer;
use super::query::{Engine, Query};
use crate::child::{self, Done};
use crate::place::Place;
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::{SCHEMA, Server};
use crate::{program, python};

/// The time after which a run is stopped.
const LIMIT: Duration = Duration::from_secs(120);
/// Makes the server check that its client is still there: otherwise the query of a stopped psql would go on, and slow down what
/// follows.
const LOOK_FOR_CLIENT: &str = "SET client_connection_check_interval = '100ms'";
/// A run that takes longer than this in the first round is not repeated.
const SLOW_SECONDS: f64 = 10.0;

/// A contender that runs the queries.
pub(super) enum Contender {
    /// The server that has the tables, asked by this psql.
    Postgres(PathBuf),
    /// `extrato transform`.
    Extrato,
    /// DuckDB in this Python, or the reason why there is none.
    DuckDb(Result<PathBuf, String>),
}

impl Contender {
    /// The contender's name in the results.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Postgres(_) => POSTGRES,
            Self::Extrato => EXTRATO,
            Self::DuckDb(_) => DUCKDB,
        }
    }

    /// Runs `query` and writes its rows into `file`, which is named after the query.
    fn run(&self, query: &Query, file: &Path, server: &Server) -> anyhow::Result<Done> {
        let mut output = None;
        let mut command = match self {
            Self::Postgres(psql) => {
                output = Some(File::create(file)?);
                let mut command = Command::new(psql);
                let copy = format!("COPY ({}) TO STDOUT (FORMAT csv, HEADER)", query.sql);
                command.args(["--no-psqlrc", "--quiet", "--command", LOOK_FOR_CLIENT]);
                command.args(["--command", &copy]);
                server.connect_program(&mut command);
                command
            }
            Self::Extrato => {
                let mut command = extrato("transform", server)?;
                command.args(["--schema", SCHEMA, "--single-file"]);
                command.args(["--model", &query.name]);
                command.arg("--out").arg(file.with_file_name(""));
                command
            }
            Self::DuckDb(python) => {
                let python = python.clone().map_err(anyhow::Error::msg)?;
                let mut command = python::script(&python, SCRIPT, server);
                command.arg("run").arg(&query.path).arg(file);
                command
            }
        };
        child::run(&mut command, output, LIMIT, server.cancel())
    }
}

pub(super) const POSTGRES: &str = "Postgres";
pub(super) const EXTRATO: &str = "extrato";
pub(super) const DUCKDB: &str = "DuckDB";

/// The name of the script that runs a query in DuckDB.
const SCRIPT: &str = "duckdb_query.py";

/// The versions of DuckDB and its Python.
pub(super) fn duckdb_versions(python: &Path, server: &Server) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Printed {
        versions: String,
    }
    let mut command = python::script(python, SCRIPT, server);
    command.arg("check");
    let printed: Printed = serde_json::from_str(&program::output(&mut command)?)?;
    Ok(printed.versions)
}

/// A command of extrato, for TPC-H on this server.
fn extrato(command: &str, server: &Server) -> anyhow::Result<Command> {
    let folder = Path::new(tpch::FOLDER);
    let place = folder.parent().zip(folder.file_name());
    let (parent, name) = place.context("the dataset lies in no folder")?;
    let mut program = program::extrato()?;
    // With this, messages name a model's file without the path of the sources.
    program.current_dir(parent);
    program.arg(command).arg("--dataset").arg(name);
    server.connect_program(&mut program);
    Ok(program)
}

/// The reasons why models don't run in Polars, with the models' names. This also starts the scratch server, so that no run has to
/// do it.
pub(super) fn reasons(server: &Server) -> anyhow::Result<Vec<(String, String)>> {
    #[derive(Deserialize)]
    struct Printed {
        models: Vec<Described>,
    }
    #[derive(Deserialize)]
    struct Described {
        model: String,
        why: Option<String>,
    }
    let mut command = extrato("check", server)?;
    // The URL leaves everything to the PG* variables, but it makes extrato ask the database.
    command.args(["--url", "postgresql://", "--schema", SCHEMA]);
    let printed: Printed = serde_json::from_str(&program::output(&mut command)?)?;
    let reasons = printed
        .models
        .into_iter()
        .filter_map(|described| Some((described.model, described.why?)));
    Ok(reasons.collect())
}

/// A query that is run by one contender.
pub(super) struct Run {
    query: Rc<Query>,
    contender: Rc<Contender>,
    place: Rc<Place>,
    is_slow: bool,
}

impl Run {
    pub(super) fn new(query: &Rc<Query>, contender: &Rc<Contender>, place: &Rc<Place>) -> Self {
        Self {
            query: query.clone(),
            contender: contender.clone(),
            place: place.clone(),
            is_slow: false,
        }
    }

    /// Notes the engine that `extrato transform` reports.
    fn note_engine(&self, printed: &str) -> anyhow::Result<()> {
        #[derive(Deserialize)]
        struct Report {
            models: Vec<Model>,
        }
        #[derive(Deserialize)]
        struct Model {
            engine: Engine,
        }
        let report: Report = serde_json::from_str(printed)?;
        let model = report.models.first().context("no model was run")?;
        self.query.engine.get_or_init(|| model.engine);
        Ok(())
    }
}

/// The name, in progress and notes, of a query run by a contender.
pub(super) fn label(query: &Query, contender: &str) -> String {
    format!("{}, {contender}", query.name)
}

impl Way for Run {
    fn lines(&self) -> Vec<Line> {
        let name = self.contender.name();
        let role = match *self.contender {
            Contender::Extrato => Role::Ours,
            Contender::Postgres(_) | Contender::DuckDb(_) => Role::Peer,
        };
        vec![Line::new(label(&self.query, name)).of(name, role)]
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let folder = self.place.fresh()?;
        let file = folder.path().join(format!("{}.csv", self.query.name));
        let done = self.contender.run(&self.query, &file, server)?;
        self.is_slow |= done.seconds > SLOW_SECONDS;
        let answer = Answer::read(&file)?;
        let rows = answer.rows();
        if matches!(*self.contender, Contender::Extrato) {
            self.note_engine(&done.printed)?;
        }
        match (self.query.answer.get(), &*self.contender) {
            (Some(expected), Contender::DuckDb(_)) => answer.check_alike(expected)?,
            (Some(expected), _) => answer.check_same(expected)?,
            // DuckDB's answer is not a measure for the others, because of its floats.
            (None, Contender::DuckDb(_)) => {}
            (None, _) => {
                self.query.answer.get_or_init(|| answer);
            }
        }
        Ok(vec![Sample {
            seconds: done.seconds,
            rows,
            usage: Some(done.usage),
            ..Sample::default()
        }])
    }

    fn essential(&self) -> bool {
        false
    }

    fn most_rounds(&self) -> usize {
        if self.is_slow { 1 } else { usize::MAX }
    }
}
