//! What was found to be as it should.

use std::collections::BTreeMap;

use serde::Serialize;
use storage::place::Place;

/// An output that is what its manifest says.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// Where it lies.
    pub path: Place,
    /// The model that made it.
    pub model: String,
    /// The run that made it.
    pub run: String,
    /// Rows, without headers.
    pub rows: u64,
    /// Files.
    pub files: u64,
    /// Bytes in these files.
    pub bytes: u64,
    /// The sums that were found, by output column.
    pub sums: BTreeMap<String, String>,
    /// Reading and checking against the manifest.
    pub seconds: f64,
    /// The comparison with the database, if it was asked for.
    pub database: Option<AgainstDatabase>,
}

/// An output that is what the database makes of its model.
#[derive(Debug, Clone, Serialize)]
pub struct AgainstDatabase {
    /// The Postgres schema that holds the tables.
    pub schema: String,
    /// The snapshot that they were read in, as Postgres names it.
    pub snapshot: String,
    /// Rows compared.
    pub rows: u64,
    /// Joining, sorting and comparing.
    pub seconds: f64,
}
