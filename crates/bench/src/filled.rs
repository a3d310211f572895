//! Filling the server with our own generator.

use generator::{Asked, Mode, Options, Report, Storage};

use crate::server::{SCHEMA, Server};
use crate::table::thousands;

/// A table of the dataset, and how many rows the seed gives it.
#[derive(Debug, Clone)]
pub(crate) struct TableRows {
    /// Its name.
    pub(crate) name: String,
    /// Its rows.
    pub(crate) rows: u64,
}

/// The only place that knows how the generator is called.
pub(crate) fn generate(server: &Server, associates: u32, workers: usize) -> anyhow::Result<Report> {
    let options = Options {
        dataset: server.dataset().clone(),
        schema: SCHEMA.to_owned(),
        size: associates,
        asked: Asked::default(),
        workers: Some(workers),
        mode: Mode::Fresh,
        storage: Storage::default(),
    };
    generator::generate(server.settings(), &options, server.cancel())
}

/// Generates once, and says how many rows each table has. They stay.
pub(crate) fn tables(server: &Server, associates: u32) -> anyhow::Result<Vec<TableRows>> {
    eprintln!(
        "making the rows for {} associates",
        thousands(associates.into())
    );
    let report = generate(server, associates, 1)?;
    let rows = report.tables.iter().map(|table| TableRows {
        name: table.table.to_owned(),
        rows: table.rows,
    });
    Ok(rows.collect())
}
