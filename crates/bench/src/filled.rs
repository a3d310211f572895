//! Calls our own generator, into the server or into files; the only place that does.

use std::path::Path;

use database::Cancel;
use dataset::Dataset;
use generator::{Asked, FileFormat, Mode, Options, Report, Storage};

use crate::server::{SCHEMA, Server};
use crate::table::thousands;

/// A table of the dataset, and how many rows it has with the seed.
#[derive(Debug, Clone)]
pub(crate) struct TableRows {
    /// The table's name.
    pub(crate) name: String,
    /// How many rows the table has.
    pub(crate) rows: u64,
}

/// Fills empty tables.
pub(crate) fn generate(server: &Server, associates: u32, workers: usize) -> anyhow::Result<Report> {
    let options = options(server.dataset(), associates, Some(workers));
    generator::generate(server.settings(), &options, server.cancel())
}

/// Writes a dataset's files into `folder` as they arrive, with faults in a share of `dirty` of the rows. Returns how many rows each
/// table has, including faulty ones.
pub(crate) fn files(
    folder: &Path,
    dataset: &Dataset,
    size: u32,
    dirty: f64,
    cancel: &Cancel,
) -> anyhow::Result<Vec<TableRows>> {
    let options = Options {
        asked: Asked {
            dirty: Some(dirty),
            ..Asked::default()
        },
        ..options(dataset, size, None)
    };
    Ok(rows(&generator::to_files::write(
        &folder.into(),
        FileFormat::Csv,
        &options,
        cancel,
    )?))
}

fn options(dataset: &Dataset, size: u32, workers: Option<usize>) -> Options {
    Options {
        dataset: dataset.clone(),
        schema: SCHEMA.to_owned(),
        size,
        asked: Asked::default(),
        workers,
        mode: Mode::Fresh,
        storage: Storage::default(),
    }
}

/// Generates the rows once, and returns how many each table has. The rows stay.
pub(crate) fn tables(server: &Server, associates: u32) -> anyhow::Result<Vec<TableRows>> {
    eprintln!(
        "making the rows for {} associates",
        thousands(associates.into())
    );
    Ok(rows(&generate(server, associates, 1)?))
}

fn rows(report: &Report) -> Vec<TableRows> {
    let tables = report.tables.iter().map(|table| TableRows {
        name: table.table.to_owned(),
        rows: table.rows,
    });
    tables.collect()
}
