//! Writes the rows of a table as CSV files, in a folder for each value of a column, from a program of your own.
//!
//! ```sh
//! export DATABASE_URL=postgresql://ana@db.example/shop
//! cargo run --release --package extrato --example files_per_client -- orders customer_id out
//! ```

use anyhow::{Context, bail};
use database::{Cancel, ConnectionArgs, Environment};
use storage::place::Place;
use transform::Options;
use transform::query::{Asked, Query};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, column, out] = &arguments[..] else {
        bail!("give a table, the column that tells its clients apart, and a folder");
    };

    // Libraries here read no environment variables. The program reads them, and passes them on.
    let environment = Environment::from_process();
    let settings = ConnectionArgs::default()
        .settings(&environment)?
        .context("which database? Set DATABASE_URL")?;

    // A clone of it, in another thread, ends the run by `cancel()`. Then nothing is published.
    let cancel = Cancel::default();

    // A query is a dataset with one model, whose tables, keys and types the database tells. A model of several tables is
    // `Asked::Select`; a dataset with a folder of its own is read by `Dataset::open`.
    let query = Query {
        asked: Asked::Table {
            name: table.clone(),
            condition: None,
            limit: None,
        },
        name: None,
        partition_by: vec![column.clone()],
        order_by: Vec::new(),
    };
    let (dataset, schema) = query.dataset(&settings, None, &cancel)?;

    let options = Options {
        out: Place::parse(out)?,
        max_connections: 4,
        ..Options::of_models(dataset, Some(&schema), &environment)
    };
    let report = transform::run(&settings, &options, &cancel)?;
    for model in &report.models {
        let (rows, files, path) = (model.rows, model.files, &model.path);
        println!("{rows} rows in {files} files in {path}");
        // Every row is accounted for, or the run fails. A table without a primary key has no such proof.
        if let Some(proof) = &model.reconciliation {
            let (read, left_out) = (proof.read.rows, proof.left_out.rows);
            println!("{read} rows read, {left_out} left out");
        }
    }
    Ok(())
}
