//! Writes outputs into files: CSV, JSON Lines or Parquet, in one file or in a folder for each value of the partition columns.

pub(crate) mod accepted;
mod cells;
mod checks;
mod encode;
mod encoding;
mod in_dialect;
mod json_lines;
pub(crate) mod manifest;
mod order;
pub(crate) mod parquet;
mod partition;
mod partitioned;
pub(crate) mod postgres;
mod row_file;
mod rows;
mod single;
mod sort_keys;
mod unique;
mod writer;
mod written;

pub(crate) use cells::Cells;
pub use partition::DEFAULT as NULL_FOLDER;
pub(crate) use partition::escape;
pub(crate) use sort_keys::{KeyRows, SortKeys};
pub(crate) use writer::Writer;
pub(crate) use written::{Written, add};
