//! Which files an output consists of, without reading them.

use serde::Serialize;
use storage::place::Place;

use super::output::Output;

/// An output as it lies there: in a bucket, the latest run's.
#[derive(Debug, Clone, Serialize)]
pub struct Latest {
    /// The model that made it.
    pub model: String,
    /// The run that made it.
    pub run: String,
    /// Its folder, or its one file.
    pub path: Place,
    /// Its manifest.
    pub manifest: Place,
    /// Rows, without headers.
    pub rows: u64,
    /// All of its files, in the order of the partitions.
    pub files: Vec<Place>,
}

impl Latest {
    pub(super) fn of(output: &Output) -> Self {
        let files: Vec<Place> = output.files.iter().map(|file| output.place(file)).collect();
        let path = match (output.is_folder(), files.first()) {
            (false, Some(file)) => file.clone(),
            _ => output.folder(),
        };
        Self {
            model: output.run.model.clone(),
            run: output.run.run.clone(),
            path,
            manifest: output.manifest.clone(),
            rows: output.run.rows,
            files,
        }
    }
}
