//! The report of a run.

use serde::Serialize;
use storage::place::Place;

use crate::checked::Checked;
use crate::options::Engine;
use crate::preview::Preview;
use crate::reconciliation::Reconciliation;

/// What a run has done.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The run's identifier, as in the manifest.
    pub run: String,
    /// The database snapshot, as Postgres names it.
    pub snapshot: String,
    /// The tables that were read.
    pub tables: Vec<TableReport>,
    /// The models that were written.
    pub models: Vec<ModelReport>,
    /// How long the run took, from the first byte read to the last file in its place, in seconds.
    pub seconds: f64,
}

/// A table that was read.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// The table's name.
    pub table: String,
    /// How many rows were read.
    pub rows: u64,
    /// How long reading took, in seconds.
    pub seconds: f64,
}

/// A model's output.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// The model's name.
    pub model: String,
    /// The engine that ran the model.
    pub engine: Engine,
    /// How many rows were written.
    pub rows: u64,
    /// How many files were written, without manifest and marker.
    pub files: u64,
    /// How many bytes these files have.
    pub bytes: u64,
    /// The columns that name folders or files, if there are several files.
    pub partition_by: Vec<String>,
    /// How many rows are in a folder or file of NULL or the empty text.
    pub null_partition_rows: u64,
    /// How long the SELECT took to run, in seconds.
    pub join_seconds: f64,
    /// How long sorting, encoding and writing took, in seconds.
    pub write_seconds: f64,
    /// The output's folder or file.
    pub path: Place,
    /// The Postgres table with the same rows, if one was asked for.
    pub table: Option<String>,
    /// The first rows, if they were asked for.
    pub preview: Option<Preview>,
    /// The proof that all rows read were written or left out; `None` for a model without a driving table.
    pub reconciliation: Option<Reconciliation>,
    /// The checks that the output passed.
    pub checks: Vec<Checked>,
}
