//! The encoding of an output's rows: as text of one kind or another, or as frames.

use dataset::Model;
use values::text;

use super::encode::{Encode, Standard};
use super::in_dialect::InDialect;
use super::json_lines::JsonLines;
use crate::options::{Format, Options};

/// How rows are encoded.
pub(super) enum Encoding {
    /// As CSV in the default dialect.
    Standard,
    /// As CSV in another dialect.
    InDialect(InDialect),
    /// As JSON Lines.
    JsonLines(JsonLines),
    /// As frames, which Parquet files are written from.
    Frames,
}

impl Encoding {
    /// The encoding that the options name, of a model whose columns are known.
    pub(super) fn of(options: &Options, model: &Model) -> Self {
        match options.format {
            Format::Csv if options.dialect.is_default() => Self::Standard,
            Format::Csv => Self::InDialect(InDialect::of(&options.dialect)),
            Format::JsonLines => Self::JsonLines(JsonLines::of(model.visible_columns())),
            Format::Parquet => Self::Frames,
        }
    }

    /// What a file of columns of these names begins with.
    pub(super) fn header<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<u8> {
        match self {
            Self::Standard => {
                let mut header = Vec::new();
                for (field, name) in names.enumerate() {
                    Standard.before(field, &mut header);
                    text::csv_field(name, &mut header);
                }
                Standard.end(&mut header);
                header
            }
            Self::InDialect(dialect) => dialect.header(names),
            Self::JsonLines(_) | Self::Frames => Vec::new(),
        }
    }
}
