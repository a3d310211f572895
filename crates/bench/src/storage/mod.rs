//! Files in a bucket compared with the same in a folder: ours, bare requests, and DuckDB with its extension for buckets.

mod bare;
mod cells;
mod job;
mod load;
mod peer;
mod target;
mod transform;
mod verify;

use std::rc::Rc;
use std::time::Duration;

use database::Cancel;
use dataset::Dataset;
use testkit::Bucket;

use crate::comparison::{RunArgs, list, sizes, surroundings};
use crate::load::files::Files;
use crate::place::Place;
use crate::rounds::{Way, interleaved};
use crate::server::Server;
use crate::table::thousands;
use crate::transform::output_size;
use crate::{filled, machine, program};

pub(crate) use job::stage;
use job::{Job, LOAD, Layout, PEERS_LIMIT, READ, VERIFY};
use load::Sources;
use target::Kind;

/// With this many associates `movimento` has about a million rows, of some 8,000 clients.
const ASSOCIATES: u32 = 10_000;
/// With this many rows in hiring's largest table its files have about 100 MB.
const EMPLOYEES: u32 = 1_600_000;

/// The arguments of the comparison.
#[derive(Debug, clap::Args)]
pub(crate) struct StorageArgs {
    /// How many associates; 100 movements of each on average
    #[arg(long, value_name = "N", default_value_t = ASSOCIATES,
          value_parser = clap::value_parser!(u32).range(1..))]
    associates: u32,

    /// Rows of hiring's largest table, which are loaded
    #[arg(long, value_name = "N", default_value_t = EMPLOYEES,
          value_parser = clap::value_parser!(u32).range(1_000..))]
    employees: u32,

    /// Rounds; the median of them counts
    #[arg(long, value_name = "R", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    #[command(flatten)]
    run: RunArgs,
}

const READING: &str = "\
Every way is a process of its own, from its start to its end; processor time (of user and system) and memory
(resident, at most) are those of the process. What the S3 server and Postgres took is not counted, though they share the
cores. The S3 server is on the same machine, over plain HTTP: nothing here is the time of a network. Folders and what the
server keeps lie on one file system. All make `movimento_flat` from the same Parquet files, those that `--stage` keeps, so that
no database is measured; each run writes into a fresh folder or bucket, whose first object is put before the time is taken.
Afterwards the rows of all files are counted, in a bucket by the server's own interface, which is not S3. The bare PUTs are of
the files that extrato wrote into a folder. extrato publishes a manifest and a pointer besides, and reads back what others
might have left. Loads are of the three files of hiring, which are in the page cache, into tables without keys, with the
keys, foreign keys and ANALYZE after the rows; the rows of each table and its keys are counted in the database. DuckDB only reads
them there: it counts the rows and has to parse every column. Files, MB and their rates are of the CSV files as they lie there,
compressed or not. \"To DuckDB\" divides by its time into a bucket, \"to the bare PUTs\" by curl's. DuckDB is stopped after 120 s.
";

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &StorageArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let s3 = Bucket::server().map_err(anyhow::Error::msg)?;
    check_buckets()?;
    let server = Server::start(cancel)?;
    let tables = filled::tables(&server, arguments.associates)?;
    let (rows, clients) = output_size(&server)?;
    let lake = server.folder().join("lake");
    stage(&server, &lake)?;
    let hiring = Dataset::open("hiring")?;
    eprintln!("making files to load");
    let plain = server.folder().join("plain");
    let files = Files::make(&plain, &hiring, arguments.employees, 0.0, cancel)?;
    let loaded = files.description();
    let sources = Rc::new(Sources::make(files, &server)?);

    let place = Rc::new(Place::on_disk()?);
    let mut facts = surroundings(&server)?;
    facts.extend([
        s3,
        format!(
            "{} rounds, {} associates: {}; output: {} rows of {} clients",
            arguments.runs,
            thousands(arguments.associates.into()),
            sizes(&tables),
            thousands(rows),
            thousands(clients)
        ),
        format!("loaded: {loaded}"),
    ]);
    if let Some(kind) = machine::file_system_of(place.path()) {
        facts.push(format!("folders and what the S3 server keeps on {kind}"));
    }

    let job = Job {
        place,
        lake: lake.into(),
        rows,
        limit: Duration::MAX,
    };
    let peers_job = Job {
        limit: PEERS_LIMIT,
        ..job.clone()
    };
    let script = peer::Script::default();
    let mut ways: Vec<Box<dyn Way>> = Vec::new();
    for layout in Layout::ALL {
        for kind in Kind::ALL {
            ways.push(Box::new(transform::Transform::new(layout, kind, &job)));
        }
        ways.push(Box::new(bare::Puts::new(layout, &job)));
        for kind in Kind::ALL {
            ways.push(Box::new(peer::Write::new(
                layout, kind, &peers_job, &script,
            )));
        }
    }
    for is_compressed in [false, true] {
        for kind in Kind::ALL {
            ways.push(Box::new(load::Load::new(is_compressed, kind, &sources)));
        }
    }
    for is_compressed in [false, true] {
        for kind in Kind::ALL {
            ways.push(Box::new(peer::Read::new(
                is_compressed,
                kind,
                &sources,
                &script,
            )));
        }
    }
    for kind in Kind::ALL {
        ways.push(Box::new(verify::Verify::new(kind, &job)));
    }

    let (lines, notes) = interleaved(&mut ways, arguments.runs as usize, &server, |_| Ok(()))?;
    let mut section = vec![list(&facts)];
    let written = Layout::ALL.map(Layout::part);
    for part in written.into_iter().chain([LOAD, READ, VERIFY]) {
        section.push(format!("### {part}\n\n{}", cells::table(&lines, part)));
    }
    section.extend([READING.to_owned(), list(&notes)]);
    arguments.run.publish("storage", &section.join("\n"))
}

/// Fails if extrato was built without buckets: otherwise it would fail minutes later.
fn check_buckets() -> anyhow::Result<()> {
    let mut command = program::extrato()?;
    let refused = command.args(["verify", "s3://none/none"]).output()?;
    let message = String::from_utf8_lossy(&refused.stderr);
    anyhow::ensure!(
        !message.contains("built without buckets"),
        "the extrato beside this program was built without buckets: run \
         `cargo build --release --package extrato --package bench --features extrato/bucket` first"
    );
    Ok(())
}
