//! What a dataset's rows are to those that bring them somewhere: tables, and parts of tables that can be
//! encoded in any order.

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

/// The rows of a dataset, planned. Tables are named by their place in [`tables`](Self::tables).
pub(crate) trait RowSource: Sync {
    /// The tables, parents before children.
    fn tables(&self) -> &'static [Layout];

    /// How many rows are made for a table.
    fn rows(&self, table: usize) -> u64;

    /// A table's key when all rows are there.
    fn highest(&self, table: usize) -> u64;

    /// A table in parts of about `rows` rows.
    fn parts(&self, table: usize, rows: u64) -> Vec<Part>;

    /// The key that the rows of a part follow, and the one that they end with.
    fn keys(&self, table: usize, part: &Part) -> (u64, u64);

    /// Encodes the rows of a part. Each time a block is full, `hand_over` takes it and the number of its rows,
    /// and gives a buffer for the next one. Returns what was planted.
    ///
    /// # Errors
    /// Those of `hand_over`.
    fn encode(
        &self,
        table: usize,
        part: &Part,
        encoding: &mut Encoding,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<FaultCounts>;

    /// The client with the most movements, where there are such.
    fn busiest(&self) -> Option<BusiestClient> {
        None
    }
}

/// The client with the most movements: the holder of the cards that they were made with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BusiestClient {
    /// The associate's id.
    pub id: u32,
    /// Movements, of those that the run made.
    pub movements: u64,
    /// The same as a share of all movements that the run made.
    pub share: f64,
}
