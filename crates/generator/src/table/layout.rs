//! Tables as their rows are encoded, and the parts that a table is cut into.
//!
//! Rows are made in blocks, and a part is a run of blocks. Where rows are independent, a block has `BLOCK_ROWS` rows and a row's
//! number tells its block. Where rows follow from others (movements from cards, lines from orders), a block is one of those
//! other rows' blocks, and the dataset's own plan says which rows are in it. Either way, any worker can make a part without the
//! parts before it, and how a table is cut changes no row.

use std::ops::Range;

use crate::table::dialect::Dialect;

/// A table, as its rows are encoded.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The table's name.
    pub name: &'static str,
    /// A column whose values ascend with the rows.
    pub key: &'static str,
    /// The table's columns, in the order in which rows are encoded.
    pub columns: &'static [&'static str],
    /// The types of the columns, as `pg_type` names them: what rows are encoded as.
    pub types: &'static [&'static str],
    /// How files of the table arrive; `None` if its files are always written as Postgres writes them.
    pub dialect: Option<Dialect>,
}

/// A run of blocks of rows: what one worker makes at a time.
pub type Part = Range<usize>;

/// How many rows a block has where rows are independent: so few that a block is done in milliseconds.
pub(crate) const BLOCK_ROWS: u64 = 256;

/// Cuts `all` rows, in blocks of [`BLOCK_ROWS`], into parts of whole blocks, each with about `rows` rows.
pub(crate) fn even_parts(all: u64, rows: u64) -> Vec<Part> {
    let blocks = all.div_ceil(BLOCK_ROWS) as usize;
    let step = rows.div_ceil(BLOCK_ROWS).clamp(1, blocks.max(1) as u64) as usize;
    let starts = (0..blocks).step_by(step);
    starts
        .map(|start| start..(start + step).min(blocks))
        .collect()
}

/// The rows of a part that [`even_parts`] cut from `all` rows, counted from 0.
pub(crate) fn even_rows(part: &Part, all: u64) -> Range<u64> {
    part.start as u64 * BLOCK_ROWS..(part.end as u64 * BLOCK_ROWS).min(all)
}
