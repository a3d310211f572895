//! What an engine is asked for.

use std::path::PathBuf;

use database::Cancel;
use dataset::Dataset;

use crate::model::select::Select;

/// A model to be run over tables.
pub(crate) struct Job<'a> {
    pub(crate) select: &'a Select<'a>,
    /// The dataset whose tables these are.
    pub(crate) dataset: &'a Dataset,
    /// The memory that the whole run may take.
    pub(crate) memory_bytes: u64,
    /// What the output is partitioned by, if it is.
    pub(crate) partition_by: Option<&'a [String]>,
    /// A folder for files of the engine's own, which is not there yet.
    pub(crate) scratch: PathBuf,
    pub(crate) cancel: &'a Cancel,
}
