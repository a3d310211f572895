//! What an engine is asked for.

use std::path::PathBuf;

use database::Cancel;

use crate::model::select::{Ready, Select};
use crate::stage::Table;

/// A model to be run over tables.
pub(crate) struct Job<'a> {
    pub(crate) select: &'a Select<'a>,
    pub(crate) ready: &'a Ready,
    /// The tables that were read, which are freed on the way.
    pub(crate) tables: Vec<(String, Table)>,
    /// The memory that the whole run may take.
    pub(crate) memory_bytes: u64,
    /// What the output is partitioned by, if it is.
    pub(crate) partition_by: Option<&'a [String]>,
    /// A folder for files of the engine's own, which is not there yet.
    pub(crate) scratch: PathBuf,
    pub(crate) cancel: &'a Cancel,
}
