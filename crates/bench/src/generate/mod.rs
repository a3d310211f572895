//! Ways of filling a Postgres with rows: ours, the limit that Postgres itself sets, and those that people
//! commonly use.

mod cells;
mod faker;
mod insert_select;
mod ours;
mod pgbench;
mod raw_copy;

use database::Cancel;

use crate::comparison::{ComparisonArgs, list};
use crate::filled;
use crate::rounds::{Way, interleaved};
use crate::server::Server;

const READING: &str = "\
Every way fills empty tables without keys, all on one server, in turns; before each, all tables are dropped and
a CHECKPOINT is made. \"The limit\" is the time for the very same rows, ready in memory in Postgres's own binary
format, so that nothing but the server and the socket is measured; extrato makes its rows meanwhile. Its load is
compared with the limit of as many connections, the others with its load over one connection, row for row.
extrato and raw COPY fill all four tables, Faker and INSERT `movimento` alone, pgbench its own. MB are of binary
COPY.
";

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &ComparisonArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let server = Server::start(cancel)?;
    let tables = filled::tables(&server, arguments.associates)?;
    let mut limits: Vec<Box<dyn Way>> = Vec::new();
    for connections in [1, 2] {
        let copy = raw_copy::RawCopy::prepare(&server, &tables, connections)?;
        limits.push(Box::new(copy));
    }
    let copy = raw_copy::RawCopy::in_one_transaction(&server, &tables)?;
    limits.push(Box::new(copy));
    let movements = tables.last().map_or(0, |table| table.rows);
    let mut ways: Vec<Box<dyn Way>> = vec![
        Box::new(ours::Ours::new(arguments.associates, 1, &tables)),
        Box::new(ours::Ours::new(arguments.associates, 2, &tables)),
    ];
    ways.append(&mut limits);
    ways.push(Box::new(pgbench::Pgbench::new(movements)));
    ways.push(Box::new(faker::Faker::default()));
    ways.push(Box::new(insert_select::InsertSelect::new(movements)));

    let (lines, notes) = interleaved(&mut ways, arguments.runs, &server, Server::clear)?;
    let section = [
        list(&arguments.facts(&server, &tables)?),
        cells::table(&lines),
        READING.to_owned(),
        list(&notes),
    ];
    arguments.publish("generate", &section.join("\n"))
}
