//! Loads CSV files into the tables of a dataset, from a program of your own, and prints which rows were rejected and why.
//!
//! ```sh
//! export DATABASE_URL=postgresql://ana@db.example/library
//! cargo run --release --package extrato --example load_csv -- data/samples/own-dataset data/samples/own-dataset/files
//! ```

use std::process::ExitCode;

use database::catalogue::identifier::qualified;
use database::{Cancel, ConnectionArgs, Environment};
use dataset::Dataset;
use dataset::failure::{self, Failure, Kind};
use loader::{Options, RejectLimit, load};
use storage::place::Place;

fn main() -> ExitCode {
    let Err(error) = run() else {
        return ExitCode::SUCCESS;
    };
    // The kind of a failure tells whether to try again, to ask somebody or to give up. It is extrato's exit code too.
    let kind = Failure::kind_of(&error).unwrap_or(Kind::Internal);
    eprintln!("{}", failure::chain(&error));
    ExitCode::from(kind.exit_code())
}

fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dataset, files] = &arguments[..] else {
        return Err(Kind::Usage.error("give the folder of a dataset and the folder of its files"));
    };
    let settings = ConnectionArgs::default().settings(&Environment::from_process())?;
    let settings = settings.ok_or_else(|| Kind::Usage.error("no database: set DATABASE_URL"))?;
    let cancel = Cancel::default();

    let options = Options {
        from: Some(Place::parse(files)?),
        // By default a tenth of each table's rows may be rejected. If more are, nothing is loaded.
        max_rejects: Some(RejectLimit::Rows(3)),
        ..Options::new(Dataset::open(dataset)?)
    };
    let report = load(&settings, &options, &cancel)?;
    for table in &report.tables {
        let (name, rows) = (&table.table, table.rows);
        println!("{name}: {} of {} rows loaded", rows.loaded, rows.read);
    }

    // Rejects are in files, by default in `rejects/`, and in this table beside those that were loaded.
    let rejects = qualified(&report.schema, "extrato_reject");
    let query = format!("SELECT file, line, message FROM {rejects} WHERE load_id = $1");
    let mut connection = settings.connect(&cancel)?;
    for row in connection.query(&query, &[&report.load_id])? {
        let (file, line, message): (String, i64, String) = (row.get(0), row.get(1), row.get(2));
        println!("{file}:{line}: {message}");
    }
    Ok(())
}
