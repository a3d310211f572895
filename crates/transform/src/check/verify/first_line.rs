//! The first line of a manifest, with the fields that are checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use storage::compress::Compression;

use crate::dialect::Dialect;
use crate::file_name::FileName;
use crate::options::Format;

/// The fields of a manifest's first line that are checked.
#[derive(Deserialize)]
pub(super) struct Run {
    pub(super) run: String,
    pub(super) dataset: String,
    pub(super) model: String,
    /// The format of all files; `None` in a raw layer, where each file's name tells it.
    pub(super) format: Option<Format>,
    #[serde(default)]
    pub(super) dialect: Dialect,
    pub(super) compression: Option<Compression>,
    /// The values of parameters, by name.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
    /// The output's columns with their types; empty in a raw layer, where each table has its own.
    #[serde(default)]
    pub(super) columns: Vec<(String, String)>,
    #[serde(default)]
    pub(super) partition_by: Vec<String>,
    pub(super) file_name: Option<FileName>,
    pub(super) rows: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    #[serde(default)]
    pub(super) sums: BTreeMap<String, String>,
}
