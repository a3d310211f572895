//! Ways of getting the joined movements out of Postgres into files: ours, the limits of reading and of
//! writing, and those that people commonly use.

mod cells;
pub(crate) mod disk;
pub(crate) mod growth;
mod job;
mod ours;
mod peer;
mod psql;
pub(crate) mod query;
mod spark;
mod tuples;
pub(crate) mod wire;

use std::rc::Rc;
use std::time::Duration;

use anyhow::Context;
use database::Cancel;

use crate::comparison::{ComparisonArgs, list};
use crate::place::Place;
use crate::rounds::{Way, interleaved};
use crate::server::Server;
use crate::table::thousands;
use crate::{filled, machine};

use job::{FOLDERS, Job, PEERS_LIMIT, READ, SINGLE};
use ours::Layout;

const READING: &str = "\
Every way is a process of its own, from its start to its end; processor time (of user and system) and memory
(resident, at most) are those of the process and of those that it waited for. What Postgres's own processes took is not
counted, though they share the cores. All read the same tables of one server, in turns, and only the columns that the
join needs, unless the line says otherwise; all write into fresh folders in memory, which are deleted outside the timing.
The rows of all files are counted. The steps of extrato are from its own summary: opening the snapshot, checking the sums
and publishing are in the total only. A way of others is stopped after 300 s. \"To the floor\" divides by the fastest bare
read and bare write one after the other, \"to the best peer\" by the fastest way of others in the same table.
";

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &ComparisonArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let server = Server::start(cancel)?;
    let tables = filled::tables(&server, arguments.associates)?;
    server.settle()?;
    let (rows, clients) = output_size(&server)?;
    let place = Rc::new(Place::new(rows, clients)?);
    let mut facts = arguments.facts(&server, &tables)?;
    let on = machine::file_system_of(place.path()).map(|kind| format!(", on {kind}"));
    facts.push(format!(
        "output: {} rows, {} folders{}",
        thousands(rows),
        thousands(clients),
        on.unwrap_or_default()
    ));

    let job = Job {
        place,
        rows,
        limit: Duration::MAX,
    };
    let peers_job = Job {
        limit: PEERS_LIMIT,
        ..job.clone()
    };
    let read_rows = tables.iter().map(|table| table.rows).sum();
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for layout in [Layout::Single, Layout::Folders] {
        for variant in ours::Variant::ALL {
            let ours = ours::Ours::new(layout, job.clone());
            ways.push(Box::new(ours.with(variant)));
        }
    }
    for (all_columns, connections) in [(false, 1), (false, 2), (true, 1), (true, 2)] {
        let wire = wire::Wire::new(connections, all_columns, job.clone(), read_rows);
        ways.push(Box::new(wire));
    }
    for (layout, threads) in [
        (Layout::Single, 1),
        (Layout::Folders, 1),
        (Layout::Folders, 2),
    ] {
        ways.push(Box::new(disk::Disk::new(layout, threads, job.clone())));
    }
    ways.push(Box::new(psql::Psql::new(peers_job.clone())));
    for script in peer::ALL {
        ways.push(Box::new(peer::Peer::new(
            script,
            peers_job.clone(),
            read_rows,
        )));
    }

    let (lines, notes) = interleaved(&mut ways, arguments.runs, &server, |_| Ok(()))?;
    let mut section = vec![list(&facts)];
    for part in [SINGLE, FOLDERS, READ] {
        section.push(format!("### {part}\n\n{}", cells::table(&lines, part)));
    }
    section.extend([READING.to_owned(), list(&notes)]);
    arguments.publish("transform", &section.join("\n"))
}

/// The number of rows of the output, and of clients in it, according to Postgres.
pub(crate) fn output_size(server: &Server) -> anyhow::Result<(u64, u64)> {
    let model = server.dataset().models.first().context("no model")?;
    let query = format!(
        "SELECT count(*), count(DISTINCT id_associado) FROM ({}) AS m",
        model.sql
    );
    let row = server.connect()?.query_one(&query, &[])?;
    let (rows, clients): (i64, i64) = (row.get(0), row.get(1));
    Ok((rows as u64, clients as u64))
}
