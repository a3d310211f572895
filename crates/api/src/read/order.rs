//! The order of rows.

/// A column by which rows are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// The index of the column.
    pub(crate) column: usize,
    pub(crate) is_descending: bool,
    pub(crate) nulls_first: bool,
}
