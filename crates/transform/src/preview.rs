//! Reads the first rows of an output back from its files. Only these rows are in memory, whatever the output's size and format.

use dataset::{ColumnType, Model};
use serde::Serialize;

use crate::check::verify::{Form, Rows, fields, value};
use crate::options::Options;
use storage::manifest::FileEntry;
use storage::place::Place;

/// How many rows people are shown by default.
pub const PREVIEW_ROWS: usize = 20;

/// The first rows of an output, in its order.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// The columns of the files, with their types.
    pub columns: Vec<(String, ColumnType)>,
    /// The first rows, as text, as many as were asked for; `None` for NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Preview {
    /// Reads `files`, which a run with these options wrote for a model into `folder`.
    pub(crate) fn read(
        options: &Options,
        model: &Model,
        folder: &Place,
        files: &[FileEntry],
    ) -> anyhow::Result<Self> {
        let columns: Vec<_> = model.visible_columns().cloned().collect();
        let form = Form::of(options, model);
        let mut rows = Vec::new();
        for file in files {
            let place = folder.join(&file.path);
            let mut records = Rows::open(place.clone(), &form)?;
            records.check_names(&place, form.names())?;
            while rows.len() < options.preview_rows
                && let Some(record) = records.next()?
            {
                let text = |field| Some(String::from_utf8_lossy(&value(field)?).into_owned());
                rows.push(fields(record).map(text).collect());
            }
            if rows.len() == options.preview_rows {
                break;
            }
        }
        Ok(Self { columns, rows })
    }
}
