//! Ways of filling a Postgres with rows: ours, the limit that Postgres itself sets, and those that people
//! commonly use.

mod faker;
mod insert_select;
mod ours;
mod pgbench;
mod raw_copy;

use std::path::{Path, PathBuf};

use database::Cancel;

use crate::rounds::{Way, interleaved};
use crate::server::Server;
use crate::table::{self, thousands};
use crate::{machine, results};

/// With these many associates `movimento` has about five million rows.
const ASSOCIATES: u32 = 50_000;
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md");

const READING: &str = "\
Every way fills empty tables without keys, all on one server, in turns; before each, all tables are dropped and
a CHECKPOINT is made. \"The limit\" is the time for the very same rows, ready in memory in Postgres's own binary
format, so that nothing but the server and the socket is measured; extrato makes its rows meanwhile. Its load is
compared with the limit of as many connections, the others with its load over one connection, row for row.
extrato and raw COPY fill all four tables, Faker and INSERT `movimento` alone, pgbench its own. MB are of binary
COPY.
";

/// Compare ways of filling a Postgres with rows
#[derive(Debug, clap::Args)]
pub(crate) struct GenerateArgs {
    /// How many associates; 100 movements of each on average
    #[arg(long, value_name = "N", default_value_t = ASSOCIATES,
          value_parser = clap::value_parser!(u32).range(1..))]
    associates: u32,

    /// Rounds, at least 5; the median of them counts
    #[arg(long, value_name = "R", default_value_t = 5, value_parser = rounds)]
    runs: usize,

    /// The file whose section `generate` is replaced
    #[arg(long, value_name = "FILE", default_value = RESULTS)]
    out: PathBuf,
}

fn rounds(text: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|_| "not a number".to_owned())?;
    match number {
        5.. => Ok(number),
        _ => Err("fewer than 5 rounds have no median worth reading".to_owned()),
    }
}

/// Measures, prints the results, and puts them into the file.
pub(crate) fn run(arguments: &GenerateArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let server = Server::start(cancel)?;
    eprintln!(
        "making the rows for {} associates",
        thousands(arguments.associates.into())
    );
    let tables = ours::tables(&server, arguments.associates)?;
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

    let (lines, notes) = interleaved(&mut ways, arguments.runs, &server)?;
    let section = [
        facts(&server, arguments, &tables)?,
        table::markdown(&lines),
        READING.to_owned(),
        list(&notes),
    ]
    .join("\n");
    println!("{section}");
    results::write(&arguments.out, "generate", &section)?;
    eprintln!("written to {}", display(&arguments.out));
    Ok(())
}

/// A table of the dataset, and how many rows the seed gives it.
#[derive(Debug, Clone)]
pub(crate) struct TableRows {
    /// Its name.
    pub(crate) name: String,
    /// Its rows.
    pub(crate) rows: u64,
}

/// When, where, and with what was measured.
fn facts(
    server: &Server,
    arguments: &GenerateArgs,
    tables: &[TableRows],
) -> anyhow::Result<String> {
    let sizes: Vec<String> = tables
        .iter()
        .map(|table| format!("{} {}", table.name, thousands(table.rows)))
        .collect();
    Ok(list(&[
        format!(
            "{} UTC, extrato {}, rows of version {}",
            server.now()?,
            machine::program_version(),
            generator::VERSION
        ),
        machine::description(server.folder()),
        server.description()?,
        format!(
            "{} rounds, {} associates: {}",
            arguments.runs,
            thousands(arguments.associates.into()),
            sizes.join(", ")
        ),
    ]))
}

fn list(items: &[String]) -> String {
    items.iter().map(|item| format!("- {item}\n")).collect()
}

fn display(path: &Path) -> String {
    let full = path.canonicalize();
    full.as_deref().unwrap_or(path).display().to_string()
}
