//! Rows as bytes, and how a part of a table becomes blocks of them.
//!
//! A hundred million rows pass through here, so for a row or a field no format is chosen and as a rule nothing is allocated.
//! A row writes its fields straight into the buffer of a `Format`. For Postgres's binary COPY that is a length and the bytes of
//! the value for each field, in Postgres's byte order, which takes less work than text on both sides. Once the buffer holds a
//! block it is swapped for one that was handed over before and is free again, so one thread sends or writes a block while
//! another fills the next.

pub(crate) mod csv;
pub(crate) mod dialect;
pub(crate) mod encoding;
pub mod file_format;
pub mod notes;

use database::copy::write::{BLOCK_BYTES, RowEncoder};

use crate::encode::notes::Notes;
use crate::table::faults::{FaultCounts, FaultIn};
use crate::table::fields::{Fields, Row};
use crate::table::layout::Layout;

/// The bytes that a format gathers, and what a file has before and after its rows.
pub(crate) trait Buffer {
    /// Writes what a file begins with.
    fn header(&mut self, table: &Layout);
    /// Writes what a file ends with.
    fn trailer(&mut self);
    /// How many bytes were gathered since the last [`take`](Self::take).
    fn gathered_bytes(&self) -> usize;
    /// Gives the gathered bytes away, and goes on in `buffer`, whose contents are dropped.
    fn take(&mut self, buffer: Vec<u8>) -> Vec<u8>;
    /// Gives away the notes about the lines that were written since the last call.
    fn notes(&mut self) -> Notes {
        Notes::default()
    }
}

/// A format that rows are written in.
pub(crate) trait Format: Fields + Buffer {
    /// Begins a row.
    fn begin(&mut self, table: &Layout);
    /// Ends a row that has `fault`, or that will have `file_fault` if the format can show it. Returns `file_fault` if the format
    /// shows it.
    fn end(&mut self, fault: Option<FaultIn>, file_fault: Option<FaultIn>) -> Option<FaultIn>;
}

impl Format for RowEncoder {
    fn begin(&mut self, table: &Layout) {
        self.row(table.columns.len() as i16);
    }

    fn end(&mut self, _fault: Option<FaultIn>, _file_fault: Option<FaultIn>) -> Option<FaultIn> {
        None
    }
}

impl Buffer for RowEncoder {
    fn header(&mut self, _table: &Layout) {
        Self::header(self);
    }

    fn trailer(&mut self) {
        Self::trailer(self);
    }

    fn gathered_bytes(&self) -> usize {
        self.bytes().len()
    }

    fn take(&mut self, buffer: Vec<u8>) -> Vec<u8> {
        Self::take(self, buffer)
    }
}

/// Takes a block of encoded rows and the number of its rows, and returns a buffer for the next block.
pub(crate) type HandOver<'a> = dyn FnMut(Vec<u8>, u64) -> anyhow::Result<Vec<u8>> + 'a;

/// Encodes rows of a table, in blocks that `hand_over` takes, and returns how many rows have which fault.
///
/// # Errors
/// The errors of `hand_over`.
pub(crate) fn blocks<F: Format>(
    mut rows: impl Iterator<Item = impl Row>,
    table: &Layout,
    format: &mut F,
    hand_over: &mut HandOver<'_>,
) -> anyhow::Result<FaultCounts> {
    let mut planted = FaultCounts::default();
    let mut text = String::new();
    let mut gathered_rows = 0;
    // Not a `for` loop: nested iterators run faster when they drive the loop themselves.
    rows.try_for_each(|row| {
        format.begin(table);
        row.encode(&mut text, format);
        let fault = row.fault();
        planted.count(fault);
        planted.count(format.end(fault, row.file_fault()));
        gathered_rows += 1;
        if format.gathered_bytes() >= BLOCK_BYTES {
            let block = format.take(Vec::new());
            let buffer = hand_over(block, std::mem::take(&mut gathered_rows))?;
            format.take(buffer);
        }
        anyhow::Ok(())
    })?;
    if gathered_rows > 0 {
        let block = format.take(Vec::new());
        let buffer = hand_over(block, gathered_rows)?;
        format.take(buffer);
    }
    Ok(planted)
}
