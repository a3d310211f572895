//! The form of an output's files, as far as a reader has to know it.

use dataset::{ColumnType, Model};
use storage::compress::Compression;

use super::first_line::Run;
use crate::dialect::Dialect;
use crate::options::{Format, Options};

/// The form of an output's files.
pub(crate) struct Form {
    /// The format; `None` if each file's name tells it, as in a raw layer.
    pub(super) format: Option<Format>,
    pub(super) dialect: Dialect,
    pub(super) compression: Option<Compression>,
    /// The columns of each file.
    pub(super) columns: Vec<(String, ColumnType)>,
}

impl Form {
    /// The form of the files that a run with these options writes for a model.
    pub(crate) fn of(options: &Options, model: &Model) -> Self {
        Self {
            format: Some(options.format),
            dialect: options.dialect.clone(),
            compression: options.compression,
            columns: model.visible_columns().cloned().collect(),
        }
    }

    /// The form that a manifest names; `None` if there can be no such files.
    pub(super) fn of_run(run: &Run) -> Option<Self> {
        run.dialect.check().ok()?;
        let columns = run.columns.iter();
        let columns = columns.map(|(name, kind)| Some((name.clone(), kind.parse().ok()?)));
        Some(Self {
            format: run.format,
            dialect: run.dialect.clone(),
            compression: run.compression,
            columns: columns.collect::<Option<_>>()?,
        })
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }
}
