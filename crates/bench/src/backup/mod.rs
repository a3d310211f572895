//! Ways of getting tables into files and back: ours, the limit that `\copy` sets, and those that people commonly use.

mod cells;
mod contents;
mod dump;
mod fastavro;
mod job;
mod ours;
mod psql;

use std::rc::Rc;
use std::time::Duration;

use database::Cancel;
use database::catalogue::identifier::qualified;

use crate::comparison::{ASSOCIATES, RunArgs, list, sizes, surroundings};
use crate::place::Place;
use crate::rounds::{Way, interleaved};
use crate::server::{SCHEMA, Server};
use crate::table::thousands;
use crate::{filled, machine, processes};

use cells::Aim;
use contents::Contents;
use job::{BACKUP, Job, PEERS_LIMIT, RESTORE};

/// The arguments of the comparison.
#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// How many associates; 100 movements of each on average
    #[arg(long, value_name = "N", default_value_t = ASSOCIATES,
          value_parser = clap::value_parser!(u32).range(1..))]
    associates: u32,

    /// Rounds; the median of them counts
    #[arg(long, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    #[command(flatten)]
    run: RunArgs,
}

const READING: &str = "\
Every way is a process of its own, from its start to its end; processor time (of user and system) and memory
(resident, at most) are those of the process and of those that it waited for. \"Server CPU\" is what all processes of the
server took meanwhile, those that write its data and its log among them. All ways back up the same tables of one server, in turns,
with their keys and indexes, into fresh folders in memory. Before the rounds each kind of files, but fastavro's, is restored
once. Each restore goes into a fresh database, which is made before the time is taken; the one with `--mode replace` has the
tables already, with other contents. After every restore the server counts the rows, hashes their text, and counts constraints
that were checked and indexes; all must be those of the tables that were backed up. extrato checks more: a backup records the
SHA-256 of each file and a checksum of each table's contents, and a restore compares the files with the first and has the server
compute the second before it commits. \"To the best peer\" divides by the fastest way of others in the same table, \"to the bare
COPY\" by the `\\copy` in it, over one connection. A way of others is stopped after 300 s.
";

const BACKUP_AIMS: [Aim; 2] = [
    Aim {
        way: ours::BACK_UP,
        other: dump::FASTEST_CODEC,
        at_most: 0.5,
    },
    Aim {
        way: ours::BACK_UP,
        other: psql::OUT,
        at_most: 1.3,
    },
];

const RESTORE_AIMS: [Aim; 1] = [Aim {
    way: ours::CREATE,
    other: dump::ONE_JOB,
    at_most: 0.75,
}];

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &BackupArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let server = Server::start(cancel)?;
    let tables = filled::tables(&server, arguments.associates)?;
    let mut connection = server.connect()?;
    // The table in which the generator keeps its records is not one of the dataset.
    connection.batch_execute(&format!(
        "DROP TABLE {}",
        qualified(SCHEMA, "extrato_generation")
    ))?;
    let backend: i32 = connection.query_one("SELECT pg_backend_pid()", &[])?.get(0);
    let postmaster = processes::parent(backend.unsigned_abs())?;
    drop(connection);
    server.settle()?;
    let contents = Contents::of(&server, server.settings(), &tables)?;
    let place = Rc::new(Place::new(contents.rows(), 0)?);
    let mut facts = surroundings(&server)?;
    facts.push(format!(
        "{} rounds, {} associates: {}",
        arguments.runs,
        thousands(arguments.associates.into()),
        sizes(&tables)
    ));
    if let Some(kind) = machine::file_system_of(place.path()) {
        facts.push(format!("files on {kind}"));
    }

    let job = Job {
        place,
        contents: Rc::new(contents),
        postmaster,
        limit: Duration::MAX,
    };
    let peers_job = Job {
        limit: PEERS_LIMIT,
        ..job.clone()
    };
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for ours in ours::BackUp::all(&job) {
        ways.push(Box::new(ours));
    }
    ways.push(Box::new(psql::CopyOut::new(&tables, &job)));
    for dump in dump::Dump::all(&peers_job) {
        ways.push(Box::new(dump));
    }
    ways.push(Box::new(fastavro::Fastavro::new(peers_job.clone())));
    for is_replacing in [false, true] {
        ways.push(Box::new(ours::Restore::new(is_replacing, &job)));
    }
    ways.push(Box::new(psql::CopyIn::new(&tables, &job)));
    for restore in dump::Restore::all(&peers_job) {
        ways.push(Box::new(restore));
    }

    let (lines, notes) = interleaved(&mut ways, arguments.runs as usize, &server, |_| Ok(()))?;
    let section = [
        list(&facts),
        format!(
            "### {BACKUP}\n\n{}",
            cells::table(&lines, BACKUP, psql::OUT, &BACKUP_AIMS)
        ),
        format!(
            "### {RESTORE}\n\n{}",
            cells::table(&lines, RESTORE, psql::IN, &RESTORE_AIMS)
        ),
        READING.to_owned(),
        list(&notes),
    ];
    arguments.run.publish("backup", &section.join("\n"))
}
