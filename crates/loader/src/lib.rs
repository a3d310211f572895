//! Historical files into Postgres: bytes into records, records into rows that keep every rule or rejects that
//! say which they break, rows into binary COPY.
//!
//! The middle is pure: [`split`] finds records in bytes, [`row`] makes rows or rejects of them, and neither
//! does any I/O. Around it, a thread reads, others validate, and [`load()`] judges keys in the file's order
//! and sends what is accepted.

mod batch;
pub mod cli;
pub mod column;
mod file;
pub mod format;
mod header;
mod inputs;
mod judge;
mod key_sets;
pub mod keys;
mod ledger;
mod load;
mod lookup;
mod moment;
mod number;
mod opening;
mod options;
pub mod rejects;
mod report;
pub mod row;
pub mod rule;
pub mod source;
pub mod split;
mod staging;
mod stream;
mod tables;
mod target;
mod tasks;
pub mod value;

pub use load::load;
pub use options::{DEFAULT_MEMORY_BYTES, Dialect, OnDuplicate, Options, RejectLimit};
pub use report::{FileReport, Report, Rows, TableReport};
