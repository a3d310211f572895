//! The report of a run that is done.

use std::time::Instant;

use serde::Serialize;
use storage::place::Place;

use crate::options::Options;
use crate::recipe::{Recipe, VERSION};
use crate::table::faults::{FaultCount, FaultCounts};
use crate::table::{BusiestClient, RowSource};

/// What was generated.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The dataset's name.
    pub dataset: String,
    /// The schema that was filled, or that the files' script fills.
    pub schema: String,
    /// The place of the files, if the rows went into files.
    pub folder: Option<Place>,
    /// The seed of the rows.
    pub seed: u64,
    /// The [`VERSION`] that made the rows.
    pub version: u32,
    /// "Today" of the rows, as `YYYY-MM-DD`.
    pub as_of: String,
    /// How many connections loaded, or threads wrote, at the same time.
    pub workers: usize,
    /// What this run added, table by table in foreign-key order.
    pub tables: Vec<TableReport>,
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of all tables.
    pub bytes: u64,
    /// The client with the most movements, if there are movements.
    pub busiest_client: Option<BusiestClient>,
    /// The faults that were planted on purpose.
    pub planted: Vec<FaultCount>,
    /// Seconds spent on making rows and sending or writing them.
    pub load_seconds: f64,
    /// Seconds spent on keys, foreign keys, indexes and ANALYZE.
    pub index_seconds: f64,
    /// Seconds of the whole run.
    pub seconds: f64,
}

impl Report {
    pub(crate) fn new(
        options: &Options,
        recipe: &Recipe,
        source: &dyn RowSource,
        tables: Vec<(TableReport, FaultCounts)>,
        workers: usize,
        (load_seconds, index_seconds): (f64, f64),
        start: Instant,
    ) -> Self {
        Self {
            dataset: options.dataset.name.clone(),
            schema: options.schema.clone(),
            folder: None,
            seed: recipe.seed,
            version: VERSION,
            as_of: recipe.as_of.to_string(),
            workers,
            rows: tables.iter().map(|(table, _)| table.rows).sum(),
            bytes: tables.iter().map(|(table, _)| table.bytes).sum(),
            busiest_client: source.busiest(),
            planted: tables
                .iter()
                .flat_map(|(table, planted)| planted.report(table.table))
                .collect(),
            tables: tables.into_iter().map(|(table, _)| table).collect(),
            load_seconds,
            index_seconds,
            seconds: start.elapsed().as_secs_f64(),
        }
    }
}

/// What was copied into one table, or written to its file.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// The table's name.
    pub table: &'static str,
    /// Rows as the server counted them, or as they were written.
    pub rows: u64,
    /// Bytes in the format that the rows were written in.
    pub bytes: u64,
    /// Seconds from making the first row to committing the last one. Tables may load at the same time.
    pub seconds: f64,
}
