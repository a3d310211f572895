//! A dataset's rows as those modules see them that send or write them: tables, cut into parts that can be encoded in any
//! order.

pub mod dialect;
pub mod faults;
pub mod fields;
pub mod layout;
pub(crate) mod time;

use serde::Serialize;

use crate::encode::HandOver;
use crate::encode::encoding::Encoding;
use crate::table::faults::FaultCounts;
use crate::table::layout::{Layout, Part};

/// The planned rows of a dataset. Methods take a table as its index in [`tables`](Self::tables).
pub(crate) trait RowSource: Sync {
    /// The dataset's tables, parents before children.
    fn tables(&self) -> &'static [Layout];

    /// How many rows are made for a table.
    fn rows(&self, table: usize) -> u64;

    /// The highest key of a table once all rows are there.
    fn highest(&self, table: usize) -> u64;

    /// Cuts a table into parts of about `rows` rows.
    fn parts(&self, table: usize, rows: u64) -> Vec<Part>;

    /// The key just before the first row of a part, and the key of its last row.
    fn keys(&self, table: usize, part: &Part) -> (u64, u64);

    /// Encodes the rows of a part. Each time a block is full, `hand_over` takes it and the number of its rows,
    /// and gives a buffer for the next one. Returns how many rows have which fault.
    ///
    /// # Errors
    /// The errors of `hand_over`.
    fn encode(
        &self,
        table: usize,
        part: &Part,
        encoding: &mut Encoding,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<FaultCounts>;

    /// The client with the most movements, if the dataset has clients and movements.
    fn busiest(&self) -> Option<BusiestClient> {
        None
    }
}

/// The client with the most movements: the holder of the cards that they were made with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BusiestClient {
    /// The associate's id.
    pub id: u32,
    /// How many movements of this run are the client's.
    pub movements: u64,
    /// The client's share of all movements of this run, from 0 to 1.
    pub share: f64,
}
