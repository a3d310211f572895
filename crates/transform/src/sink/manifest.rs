//! The manifest: a line of JSON about the run, then one for each file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::TableReport;
use crate::reconcile::Reconciliation;

/// Its name in a folder of partitions. The underscore hides it from readers of the data.
pub(crate) const IN_FOLDER: &str = "_manifest.jsonl";
/// Empty; its presence says that the folder is whole.
pub(crate) const SUCCESS: &str = "_SUCCESS";

/// The end of its name beside a single file.
pub(crate) const SUFFIX: &str = ".manifest.jsonl";

/// Its name beside a single file.
pub(crate) fn beside(model: &str) -> String {
    format!("{model}{SUFFIX}")
}

/// The first line.
#[derive(Serialize)]
pub(crate) struct Run<'a> {
    pub(crate) run: &'a str,
    pub(crate) extrato: &'static str,
    pub(crate) dataset: &'a str,
    pub(crate) model: &'a str,
    /// The snapshot that every table was read in, as Postgres names it.
    pub(crate) snapshot: &'a str,
    pub(crate) tables: &'a [TableReport],
    pub(crate) columns: Vec<(&'a str, String)>,
    pub(crate) partition_by: &'a [String],
    pub(crate) rows: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// The sums of what was written, by output column.
    pub(crate) sums: BTreeMap<&'a str, String>,
    pub(crate) reconciliation: Option<&'a Reconciliation>,
}

/// A line for each file, in the order of the partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// Relative to the manifest.
    pub(crate) path: String,
    /// Without the header.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// XXH3-128 of the contents, 32 hexadecimal digits.
    pub(crate) xxh3_128: String,
}

/// The manifest's text.
pub(crate) fn text(run: &Run<'_>, files: &[FileEntry]) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(run)?;
    text.push(b'\n');
    for file in files {
        serde_json::to_writer(&mut text, file)?;
        text.push(b'\n');
    }
    Ok(text)
}
