//! Lists the files of an output without reading them.

use serde::Serialize;
use storage::place::Place;

use super::output::Output;

/// An output as it is now; in a bucket, that of the latest run.
#[derive(Debug, Clone, Serialize)]
pub struct Latest {
    /// The model that made the output.
    pub model: String,
    /// The run that made the output.
    pub run: String,
    /// The output's folder, or its single file.
    pub path: Place,
    /// The output's manifest.
    pub manifest: Place,
    /// How many rows the output has, without headers.
    pub rows: u64,
    /// All files of the output, in the order of the partitions.
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
