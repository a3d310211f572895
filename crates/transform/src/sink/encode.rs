//! How the text of a row is made, field by field.

use super::cells::Cells;

/// Writes rows as text. Fields are numbered from 0 in the order of the columns.
pub(super) trait Encode {
    /// Appends what comes before a field.
    fn before(&self, field: usize, out: &mut Vec<u8>);

    /// Appends the cell of a row; NULL if there is no row.
    fn field(&self, field: usize, cells: &Cells, row: Option<usize>, out: &mut Vec<u8>);

    /// Appends the end of a row.
    fn end(&self, out: &mut Vec<u8>);
}

/// CSV in the default dialect, which has no settings.
pub(super) struct Standard;

impl Encode for Standard {
    #[inline]
    fn before(&self, field: usize, out: &mut Vec<u8>) {
        if field > 0 {
            out.push(b',');
        }
    }

    #[inline]
    fn field(&self, _field: usize, cells: &Cells, row: Option<usize>, out: &mut Vec<u8>) {
        if let Some(row) = row {
            cells.write_field(row, out);
        }
    }

    #[inline]
    fn end(&self, out: &mut Vec<u8>) {
        out.push(b'\n');
    }
}
