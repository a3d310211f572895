//! The encoding of an output's rows: a kind of text, or frames.

use dataset::Model;
use values::text;

use super::encode::{Encode, Standard};
use super::in_dialect::InDialect;
use super::json_lines::JsonLines;
use crate::options::{Format, Options};

/// The encoding of rows.
pub(super) enum Encoding {
    /// CSV in the default dialect.
    Standard,
    /// CSV in another dialect.
    InDialect(InDialect),
    /// JSON Lines, an object on each line.
    JsonLines(JsonLines),
    /// Frames, from which Parquet files are written.
    Frames,
}

impl Encoding {
    /// The encoding that the options name, for a model whose columns are known.
    pub(super) fn of(options: &Options, model: &Model) -> Self {
        match options.format {
            Format::Csv if options.dialect.is_default() => Self::Standard,
            Format::Csv => Self::InDialect(InDialect::of(&options.dialect)),
            Format::JsonLines => Self::JsonLines(JsonLines::of(model.visible_columns())),
            Format::Parquet => Self::Frames,
        }
    }

    /// The beginning of a file with columns of these names.
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
