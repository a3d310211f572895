//! Services that take rows over HTTP into a table with keys: ours, those that people commonly write, and the bare INSERT.

pub(crate) mod bare;
mod cell;
mod cells;
mod contender;
mod run;
mod service;

use database::Cancel;
use dataset::Dataset;

use crate::comparison::{RunArgs, circumstances, list};
use crate::processes;
use crate::rounds::{Way, interleaved};
use crate::server::Server;

use cell::Cell;
use run::Run;

/// The arguments of the comparison.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// For how long each way sends rows, in seconds
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,

    /// Rounds; the median of them counts
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    #[command(flatten)]
    run: RunArgs,
}

/// The parents that rows refer to.
const PARENTS: &str = "
    INSERT INTO departments SELECT n, 'Department ' || n FROM generate_series(1, 12) AS n;
    INSERT INTO jobs SELECT n, 'Job ' || n FROM generate_series(1, 183) AS n;
";

const READING: &str = "\
All services run at once on this machine and wait, but for the one that is asked; wrk, with one thread, asks it to insert rows as a
JSON array of objects, over so many connections, for some seconds, and then waits for the answers that are due. The table is
hiring's hired_employees with its primary key, its two foreign keys and the indexes on them; all ways send the same rows, whose ids
never come again. Before each run the table is emptied and a CHECKPOINT is made; after it the server counts the rows, and must find
exactly those that were acknowledged. synchronous_commit is on, as it is by default: an answer says that the rows are on the disk. p50
and p99 are of the requests, processor time (of user and system) is that of all the service's processes for each row, \"server
CPU\" that of all Postgres's, and memory the most that each of the service's processes had resident, added up. wrk makes the
bodies on the same cores, which no column counts. The bare INSERT is one prepared `INSERT … SELECT unnest` for each request, with
binary arrays and a session for each connection, without HTTP and JSON: the limit for who commits each request by itself.
extrato alone asks for a key, judges every rule, tells what became of each row, and writes a log of requests; it has 8 sessions. The
others have no key and no log, and refuse a request whole.
";

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &ServeArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let server = Server::start(cancel)?;
    // The embedded server commits without waiting for the disk, and has too few sessions for all services at once.
    server.restart_with(&[("synchronous_commit", "on"), ("max_connections", "200")])?;
    let hiring = Dataset::open("hiring")?;
    server.create_schema()?;
    let mut connection = server.connect()?;
    for statements in [&hiring.schema_sql, &hiring.constraints_sql, PARENTS] {
        connection.batch_execute(statements)?;
    }
    let backend: i32 = connection.query_one("SELECT pg_backend_pid()", &[])?.get(0);
    let postmaster = processes::parent(backend.unsigned_abs())?;
    drop(connection);
    server.settle()?;

    let (contenders, notes) = contender::all(&server)?;
    let mut facts = circumstances(&server)?;
    facts.push(format!(
        "{} rounds of {} s",
        arguments.runs, arguments.seconds
    ));
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for cell in Cell::all(arguments.seconds) {
        for contender in &contenders {
            ways.push(Box::new(Run::new(cell, contender, postmaster)));
        }
    }
    let rounds = arguments.runs as usize;
    let (lines, _) = interleaved(&mut ways, rounds, &server, empty)?;

    let mut section = vec![list(&facts)];
    for part in cell::PARTS {
        section.push(format!("### {part}\n\n{}", cells::table(&lines, part)));
    }
    section.push(list(&cells::aims(&lines)));
    section.push(READING.to_owned());
    section.push(list(&notes));
    arguments.run.publish("serve", &section.join("\n"))?;
    let missing = cells::missing_of(&lines, contender::EXTRATO);
    anyhow::ensure!(
        missing.is_empty(),
        "extrato was not measured: {}",
        missing.join("; ")
    );
    Ok(())
}

/// Empties the table, and brings the server to rest.
fn empty(server: &Server) -> anyhow::Result<()> {
    let mut connection = server.connect()?;
    connection.batch_execute(&format!("TRUNCATE {}", cell::TABLE))?;
    Ok(connection.batch_execute("CHECKPOINT")?)
}
