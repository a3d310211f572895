//! The formats that can be chosen for files.

use database::copy::write::RowEncoder;

use crate::encode::csv::Csv;
use crate::encode::dialect::DialectCsv;
use crate::encode::encoding::Encoding;
use crate::table::layout::Layout;

/// The format of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FileFormat {
    /// As Postgres's COPY writes it, with a header; for sales and hiring as such files arrive in practice, with faults that
    /// planted.csv lists
    Csv,
    /// Postgres's own format, for COPY … (FORMAT binary)
    BinaryCopy,
}

impl FileFormat {
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::BinaryCopy => "bin",
        }
    }

    pub(crate) fn encoding(self, table: &Layout) -> Encoding {
        match self {
            Self::Csv if table.dialect.is_some() => Encoding::Dialect(DialectCsv::default()),
            Self::Csv => Encoding::Csv(Csv::default()),
            Self::BinaryCopy => Encoding::Binary(RowEncoder::default()),
        }
    }

    /// The options with which COPY reads the format.
    pub(crate) fn copy_options(self) -> &'static str {
        match self {
            Self::Csv => "FORMAT csv, HEADER",
            Self::BinaryCopy => "FORMAT binary",
        }
    }
}
