//! The encodings that can be chosen for rows, and the only place that tells them apart.

use database::copy::write::RowEncoder;

use crate::encode::csv::Csv;
use crate::encode::dialect::DialectCsv;
use crate::encode::{Buffer, Format, HandOver};
use crate::table::faults::FaultCounts;
use crate::table::layout::Part;

/// An encoding of rows, chosen when the program runs.
pub(crate) enum Encoding {
    Binary(RowEncoder),
    Csv(Csv),
    Dialect(DialectCsv),
}

impl Encoding {
    /// The encoding's buffer, for what is done with it between two parts.
    pub(crate) fn buffer(&mut self) -> &mut dyn Buffer {
        match self {
            Self::Binary(format) => format,
            Self::Csv(format) => format,
            Self::Dialect(format) => format,
        }
    }

    /// Encodes a part of a table of `rows`, in blocks that `hand_over` takes, and returns how many rows have which
    /// fault.
    ///
    /// # Errors
    /// The errors of `hand_over`.
    pub(crate) fn encode(
        &mut self,
        rows: &impl EncodeAs,
        table: usize,
        part: &Part,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<FaultCounts> {
        match self {
            Self::Binary(format) => rows.encode_as(table, part, format, hand_over),
            Self::Csv(format) => rows.encode_as(table, part, format, hand_over),
            Self::Dialect(format) => rows.encode_as(table, part, format, hand_over),
        }
    }
}

/// Rows that any format can encode. The encoding is compiled once for each format: a call through a pointer for each
/// field would cost more than the field itself.
pub(crate) trait EncodeAs {
    /// Encodes a part of a table, in blocks that `hand_over` takes, and returns how many rows have which fault.
    ///
    /// # Errors
    /// The errors of `hand_over`.
    fn encode_as<F: Format>(
        &self,
        table: usize,
        part: &Part,
        format: &mut F,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<FaultCounts>;
}
