//! Ways of getting CSV files into Postgres: ours, the limit that `\copy` sets, and those that people commonly use.

mod cells;
pub(crate) mod files;
pub(crate) mod measure;
mod ours;
mod peer;
mod pgloader;
mod psql;

use std::rc::Rc;

use database::Cancel;
use dataset::Dataset;

use crate::comparison::{RunArgs, list, surroundings};
use crate::rounds::{Way, interleaved};
use crate::server::Server;

use files::Files;

/// How many rows the largest table has by default.
const EMPLOYEES: u32 = 2_000_000;
/// Ways that would take minutes get one row in this many.
const SLOW_DIVIDE_BY: u64 = 20;
/// The share of rows that break a rule.
const BAD: f64 = 0.01;
/// How many orders sales has at scale 1.
const ORDERS: u32 = 31_465;

/// The arguments of the comparison.
#[derive(Debug, clap::Args)]
pub(crate) struct LoadArgs {
    /// Rows of hiring's largest table; the slowest ways get a twentieth of them
    #[arg(long, value_name = "N", default_value_t = EMPLOYEES,
          value_parser = clap::value_parser!(u32).range(1_000..=1_000_000_000))]
    employees: u32,

    /// Rounds; the median of them counts
    #[arg(long, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    #[command(flatten)]
    run: RunArgs,
}

const READING: &str = "\
Every way is a process of its own, from its start to its end; processor time (of user and system) and memory
(resident, at most) are those of the process. What Postgres's own processes took is not counted, though they share
the cores. The files are in the page cache. Before each run all tables are dropped and a CHECKPOINT is made. Then each
way makes the tables without keys, brings the rows of all three files in, and adds the primary keys, the foreign keys
and their indexes after that: no key exists while rows come in. With little memory, extrato stages the employees' ids in a
temporary table. extrato, psql and DuckDB do all in one transaction, where COPY needs no WAL at wal_level minimal; so does pandas, with
INSERT. extrato and psql end with ANALYZE. Afterwards the rows of each table and its keys are counted in the
database. \"Rows\" are those that were read, rejected ones included. The lines \"rows alone\" are of the largest table
without keys, indexes and the commit: as extrato's own summary and psql's `\\timing` have it. Ratios are of the time per row.
The files with bad rows have one row of a hundred that breaks a rule (of eight kinds), each recorded in a file and in a
table, and one of a hundred with quotes, line breaks, delimiters or blanks that the rules allow. Sales are six files at
scale 1, into tables with keys alike. pgloader takes part in the first round only. A way of others is stopped after 120 s.
";

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &LoadArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let server = Server::start(cancel)?;
    let hiring = Dataset::open("hiring")?;
    let made = |name: &str, dataset: &Dataset, size, dirty| {
        eprintln!("making files: {name}");
        Files::make(&server.folder().join(name), dataset, size, dirty, cancel)
    };
    let clean = Rc::new(made("clean", &hiring, arguments.employees, 0.0)?);
    let bad = Rc::new(made("bad", &hiring, arguments.employees, BAD)?);
    let sales = Rc::new(made("sales", &Dataset::open("sales")?, ORDERS, 0.0)?);
    let few = Rc::new(clean.head(&server.folder().join("few"), SLOW_DIVIDE_BY)?);
    let mut facts = surroundings(&server)?;
    facts.extend([
        format!("{} rounds", arguments.runs),
        format!("clean: {}", clean.description()),
        format!("bad rows: {}", bad.description()),
        format!("sales: {}", sales.description()),
    ]);

    let mut ways: Vec<Box<dyn Way>> = ours::all(&clean, &bad, &sales);
    ways.push(Box::new(psql::Psql::new(clean.clone())));
    for script in peer::ALL {
        ways.push(Box::new(peer::Peer::new(script, &clean, &few)));
    }
    ways.push(Box::new(pgloader::Pgloader::new(clean.clone())));

    let rounds = arguments.runs as usize;
    let (lines, notes) = interleaved(&mut ways, rounds, &server, Server::clear)?;
    let section = [
        list(&facts),
        cells::table(&lines),
        READING.to_owned(),
        list(&notes),
    ];
    arguments.run.publish("load", &section.join("\n"))
}
