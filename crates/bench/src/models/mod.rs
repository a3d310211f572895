//! Models that compute, the 22 queries of TPC-H: in `extrato transform`, in DuckDB reading from the same server, and in that server
//! itself.

mod answer;
mod cells;
mod contender;
pub(crate) mod fill;
mod query;

use std::rc::Rc;

use database::Cancel;
use dataset::Dataset;
use testkit::tpch;

use crate::comparison::{RunArgs, circumstances, list, sizes};
use crate::machine;
use crate::place::Place;
use crate::python;
use crate::rounds::{Line, Way, interleaved};
use crate::server::Server;

use cells::Measured;
use contender::{Contender, Run};
use query::{Engine, Query};

/// A ratio to DuckDB above which a reason must be given.
const FAR: f64 = 5.0;
/// How many rows the files of a run may have.
const OUTPUT_ROWS: u64 = 100_000;

/// The arguments of the comparison.
#[derive(Debug, clap::Args)]
pub(crate) struct ModelsArgs {
    /// The scale of the data; at 1 the largest table has six million rows
    #[arg(long, value_name = "F", default_value_t = 0.1, value_parser = scale)]
    scale: f64,

    /// Rounds; the median of them counts
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    #[command(flatten)]
    run: RunArgs,
}

fn scale(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match (0.001..=100.0).contains(&number) {
        true => Ok(number),
        false => Err("not between 0.001 and 100".to_owned()),
    }
}

const READING: &str = "\
Every way is a process of its own, from its start to its end; memory (resident, at most) is that of the process. What the
processes of Postgres and of the scratch server took is not in it, though they share the cores. All read one server, in turns,
and write CSV into memory. extrato reads the tables that a query names and runs it in Polars, or in a scratch database, which is
made, filled and dropped meanwhile; the scratch server is started and stopped meanwhile too, but was made before. DuckDB is
attached to the server by its postgres extension and copies what the query gives into a file. Postgres itself is asked by psql,
`COPY (…) TO STDOUT`; its tables have their primary and foreign keys, no other index, and are analysed. The rows of every run are
compared with Postgres's: extrato's digit for digit, DuckDB's to nine digits, since its AVG and its division give floats. A way
that takes more than 10 s for a query runs it in one round only, and is stopped after 120 s; where Postgres is, DuckDB's rows are
compared with extrato's. Ratios are of the medians. The aim: a median of at most 1.0 × DuckDB among the queries in Polars, of at
most 3 × among the others, and none beyond 5 × without its reason.
";

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &ModelsArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let server = Server::start(cancel)?;
    let tables = fill::tables(&server, arguments.scale)?;
    server.settle()?;
    let reasons = contender::reasons(&server)?;
    let place = Rc::new(Place::new(OUTPUT_ROWS, 0)?);
    let mut facts = circumstances(&server)?;
    facts.push(format!(
        "{} rounds, TPC-H at scale {}: {}",
        arguments.runs,
        arguments.scale,
        sizes(&tables)
    ));
    if let Some(kind) = machine::file_system_of(place.path()) {
        facts.push(format!("output on {kind}"));
    }

    let (contenders, mut notes) = contenders(&server)?;
    let dataset = Dataset::open(tpch::FOLDER)?;
    let queries: Vec<_> = dataset.models.iter().map(Query::of).map(Rc::new).collect();
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for query in &queries {
        for contender in &contenders {
            ways.push(Box::new(Run::new(query, contender, &place)));
        }
    }
    let rounds = arguments.runs as usize;
    let (lines, _) = interleaved(&mut ways, rounds, &server, |_| Ok(()))?;

    let all: Vec<_> = queries
        .iter()
        .map(|query| Measured::of(query, &lines))
        .collect();
    notes.extend(worth_a_reason(&all, &reasons));
    notes.extend(not_available(&lines));
    let section = [
        list(&facts),
        cells::table(&all),
        cells::summary(&all),
        READING.to_owned(),
        list(&notes),
    ];
    arguments.run.publish("models", &section.join("\n"))?;
    let missing = all.iter().filter(|one| !one.is_measured());
    let missing: Vec<_> = missing.map(Measured::name).collect();
    anyhow::ensure!(
        missing.is_empty(),
        "extrato did not give the rows of {}",
        missing.join(", ")
    );
    Ok(())
}

/// The contenders in their order in a round, with their versions. Postgres comes first, since the others are compared with it.
fn contenders(server: &Server) -> anyhow::Result<([Rc<Contender>; 3], Vec<String>)> {
    let (psql, version) = server.program("psql")?;
    let mut versions = vec![version];
    let duckdb = python::with(server, python::DUCKDB).and_then(|python| {
        versions.push(contender::duckdb_versions(&python, server)?);
        Ok(python)
    });
    let contenders = [
        Contender::Postgres(psql),
        Contender::Extrato,
        Contender::DuckDb(duckdb.map_err(|error| format!("{error:#}"))),
    ];
    Ok((contenders.map(Rc::new), versions))
}

/// The reasons why queries were not run in all rounds, or gave other rows.
fn not_available(lines: &[Line]) -> impl Iterator<Item = String> {
    lines.iter().filter_map(|line| {
        let why = line.samples.as_ref().err()?;
        Some(format!("{}: not available ({why})", line.label))
    })
}

/// Remarks about queries that Polars did not run, and about those that take far longer than in DuckDB.
fn worth_a_reason(all: &[Measured<'_>], reasons: &[(String, String)]) -> Vec<String> {
    let item = |one: &Measured<'_>| {
        let far = one.to_duckdb().filter(|ratio| *ratio > FAR);
        let engine = one.engine()?;
        if engine == Engine::Polars && far.is_none() {
            return None;
        }
        let far = far.map_or_else(String::new, |ratio| format!(", {ratio:.2} × DuckDB"));
        let why = reasons.iter().find(|(model, _)| model == one.name());
        let unsaid = match engine {
            Engine::Polars => "no reason is known",
            Engine::Postgres => "Polars began it and could not end it",
        };
        let why = why.map_or(unsaid, |(_, why)| why);
        Some(format!("{}, {}{far}: {why}", one.name(), engine.name()))
    };
    all.iter().filter_map(item).collect()
}
