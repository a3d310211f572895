//! Tables as their rows are encoded, and the parts that a table is cut into.

use std::ops::Range;

use crate::table::dialect::Dialect;

/// A table, as its rows are encoded.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Its name.
    pub name: &'static str,
    /// A column whose values ascend with the rows.
    pub key: &'static str,
    /// Its columns, in the order in which rows are encoded.
    pub columns: &'static [&'static str],
    /// The types of these columns, as `pg_type` names them: what rows are encoded as.
    pub types: &'static [&'static str],
    /// How its files arrive; `None` for tables that are in no file but those that Postgres writes.
    pub dialect: Option<Dialect>,
}

/// Blocks of rows that follow each other: what one worker makes at a time.
pub type Part = Range<usize>;

/// Rows of a block, where rows don't follow from others: few enough that a block is done in milliseconds.
pub(crate) const BLOCK_ROWS: u64 = 256;

/// All of `all` rows in parts of whole blocks, each with about `rows` rows.
pub(crate) fn even_parts(all: u64, rows: u64) -> Vec<Part> {
    let blocks = all.div_ceil(BLOCK_ROWS) as usize;
    let step = rows.div_ceil(BLOCK_ROWS).clamp(1, blocks.max(1) as u64) as usize;
    let starts = (0..blocks).step_by(step);
    starts
        .map(|start| start..(start + step).min(blocks))
        .collect()
}

/// The rows of a part of such a table, counted from 0.
pub(crate) fn even_rows(part: &Part, all: u64) -> Range<u64> {
    part.start as u64 * BLOCK_ROWS..(part.end as u64 * BLOCK_ROWS).min(all)
}
