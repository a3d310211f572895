//! The first line of a manifest: what it says of a model's run.

use std::collections::BTreeMap;

use serde::Serialize;
use storage::compress::Compression;

use crate::checked::Checked;
use crate::dialect::Dialect;
use crate::file_name::FileName;
use crate::options::Format;
use crate::reconciliation::Reconciliation;
use crate::report::TableReport;

/// The first line of a manifest.
#[derive(Serialize)]
pub(crate) struct Run<'a> {
    pub(crate) run: &'a str,
    pub(crate) extrato: &'static str,
    pub(crate) dataset: &'a str,
    pub(crate) model: &'a str,
    pub(crate) format: Format,
    /// The dialect; `None` if it is the default, or if the files are not CSV.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dialect: Option<&'a Dialect>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compression: Option<Compression>,
    /// The values of parameters by name, including those of models that are read.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) parameters: BTreeMap<&'a str, &'a str>,
    /// The snapshot that every table was read in, as Postgres names it.
    pub(crate) snapshot: &'a str,
    pub(crate) tables: &'a [TableReport],
    pub(crate) columns: Vec<(&'a str, String)>,
    pub(crate) partition_by: &'a [String],
    /// The pattern for the files' names, if they are not named by their folders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file_name: Option<&'a FileName>,
    pub(crate) rows: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// The sums of what was written, by output column.
    pub(crate) sums: BTreeMap<&'a str, String>,
    pub(crate) reconciliation: Option<&'a Reconciliation>,
    /// The checks that the output passed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) checks: Vec<&'a Checked>,
}
