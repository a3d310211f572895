//! A report as a file.

use std::path::{Path, PathBuf};

use database::catalogue::inventory::KnownTable;
use serde::Serialize;

use crate::page::Page;
use crate::rows::Shown;

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub struct Written {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// The run's identifier.
    pub run: String,
    /// The snapshot, as Postgres names it.
    pub snapshot: String,
    /// The models, and how many of their rows are in the file.
    pub models: Vec<WrittenModel>,
}

/// A model in a report.
#[derive(Debug, Clone, Serialize)]
pub struct WrittenModel {
    /// Its name.
    pub model: String,
    /// Its rows.
    pub rows: u64,
    /// Those of them that are in the file.
    pub shown: u64,
}

/// Writes a report as one HTML file, whole or not at all.
///
/// # Errors
/// Those of [`storage::replace`].
pub fn write(path: &Path, shown: &Shown, tables: &[KnownTable]) -> anyhow::Result<Written> {
    let html = Page { shown, tables }.html()?;
    storage::replace(path, &html)?;
    let models = shown.models.iter().map(|model| WrittenModel {
        model: model.name.clone(),
        rows: model.total,
        shown: model.rows.len() as u64,
    });
    Ok(Written {
        path: path.to_owned(),
        bytes: html.len() as u64,
        run: shown.run.clone(),
        snapshot: shown.snapshot.clone(),
        models: models.collect(),
    })
}
