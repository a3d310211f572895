//! The task of an engine.

use std::path::PathBuf;

use database::Cancel;
use dataset::Dataset;

use crate::model::select::Select;

/// A model to run over tables.
pub(crate) struct Job<'a> {
    pub(crate) select: &'a Select<'a>,
    /// The dataset that the tables belong to.
    pub(crate) dataset: &'a Dataset,
    /// How many bytes of memory the whole run may take.
    pub(crate) memory_bytes: u64,
    /// The columns that the output is partitioned by, if any.
    pub(crate) partition_by: Option<&'a [String]>,
    /// A folder for the engine's own files, which does not exist yet.
    pub(crate) scratch: PathBuf,
    pub(crate) cancel: &'a Cancel,
}
