//! A manifest's first line, as far as it is checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use storage::compress::Compression;

use crate::dialect::Dialect;
use crate::file_name::FileName;
use crate::options::Format;

/// What is needed of a manifest's first line.
#[derive(Deserialize)]
pub(super) struct Run {
    pub(super) run: String,
    pub(super) dataset: String,
    pub(super) model: String,
    /// None in a raw layer, whose files say it by their names.
    pub(super) format: Option<Format>,
    #[serde(default)]
    pub(super) dialect: Dialect,
    pub(super) compression: Option<Compression>,
    /// The values of parameters.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
    /// The output's columns with their types; none in a raw layer, each of whose tables has its own.
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
