//! What a run has done.

use serde::Serialize;
use storage::place::Place;

use crate::checked::Checked;
use crate::options::Engine;
use crate::preview::Preview;
use crate::reconciliation::Reconciliation;

/// What was done.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The run's identifier, as in the manifest.
    pub run: String,
    /// The snapshot, as Postgres names it.
    pub snapshot: String,
    /// The tables as read.
    pub tables: Vec<TableReport>,
    /// The models as written.
    pub models: Vec<ModelReport>,
    /// From the first byte read to the last file in its place.
    pub seconds: f64,
}

/// A table as read.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// The table's name.
    pub table: String,
    /// Rows.
    pub rows: u64,
    /// Reading time.
    pub seconds: f64,
}

/// A model's output.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// The model's name.
    pub model: String,
    /// What ran it.
    pub engine: Engine,
    /// Rows written.
    pub rows: u64,
    /// Files written, without manifest and marker.
    pub files: u64,
    /// Bytes in these files.
    pub bytes: u64,
    /// Time to run the SELECT.
    pub join_seconds: f64,
    /// Time to sort, encode and write.
    pub write_seconds: f64,
    /// Where it lies.
    pub path: Place,
    /// The table that has the same rows, if one was to be written.
    pub table: Option<String>,
    /// The first rows, if they were asked for.
    pub preview: Option<Preview>,
    /// The proof that all rows read were written or left out; `None` for a model that declares no driving table.
    pub reconciliation: Option<Reconciliation>,
    /// The checks that the output passed.
    pub checks: Vec<Checked>,
}
