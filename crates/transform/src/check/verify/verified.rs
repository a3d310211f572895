//! Reports of outputs that were verified.

use std::collections::BTreeMap;

use serde::Serialize;
use storage::place::Place;

/// An output that is what its manifest says.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// The output's folder or file.
    pub path: Place,
    /// The model that made the output.
    pub model: String,
    /// The run that made the output.
    pub run: String,
    /// How many rows the output has, without headers.
    pub rows: u64,
    /// How many files the output has.
    pub files: u64,
    /// How many bytes these files have.
    pub bytes: u64,
    /// The sums of the output's columns, by column.
    pub sums: BTreeMap<String, String>,
    /// How long reading the output and comparing it with the manifest took, in seconds.
    pub seconds: f64,
    /// The comparison with the database, if it was asked for.
    pub database: Option<AgainstDatabase>,
}

/// The result of comparing an output with the database, row by row.
#[derive(Debug, Clone, Serialize)]
pub struct AgainstDatabase {
    /// The Postgres schema that holds the tables.
    pub schema: String,
    /// The snapshot that the tables were read in, as Postgres names it.
    pub snapshot: String,
    /// How many rows were compared.
    pub rows: u64,
    /// How long joining, sorting and comparing took, in seconds.
    pub seconds: f64,
}
