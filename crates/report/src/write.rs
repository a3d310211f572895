//! Writes a report into a file.

use std::path::{Path, PathBuf};

use database::catalogue::inventory::KnownTable;
use serde::Serialize;

use crate::page::Page;
use crate::rows::Shown;

/// Describes a report that was written.
#[derive(Debug, Clone, Serialize)]
pub struct Written {
    /// The report's file.
    pub path: PathBuf,
    /// The size of the file.
    pub bytes: u64,
    /// The run's identifier.
    pub run: String,
    /// The database snapshot, as Postgres names it.
    pub snapshot: String,
    /// The models, and how many of their rows are in the file.
    pub models: Vec<WrittenModel>,
}

/// A model of a report that was written.
#[derive(Debug, Clone, Serialize)]
pub struct WrittenModel {
    /// The model's name.
    pub model: String,
    /// How many rows the model gives.
    pub rows: u64,
    /// How many of the model's rows are in the file.
    pub shown: u64,
}

/// Writes a report as one HTML file, whole or not at all.
///
/// # Errors
/// As [`storage::replace`].
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
