//! Historical files into Postgres: bytes into records, records into rows that keep every rule or rejects that
//! say which they break, rows into binary COPY.
//!
//! The middle is pure: [`values::records`] finds records in bytes, [`rules::row`] makes rows or rejects of them, and neither
//! does any I/O. Around it, a thread reads, others validate, and [`load()`] judges keys in the file's order
//! and sends what is accepted.
//!
//! A value is taken as Postgres's own input functions take it, and refused where these would change it: digits
//! beyond the scale of a `numeric` and fractions of a second beyond microseconds (Postgres rounds), blanks beyond
//! the length of a `varchar` (it cuts), an offset in a `timestamp` and a time in a `date` (it drops). NaN and infinity
//! in a `numeric`, infinite dates, leap seconds, 24:00, years outside 1 to 9999, hexadecimal numbers and underscores
//! are refused too.
//!
//! Checked before a row is sent: its form, types, lengths, labels, ranges, the keys of unique indexes over plain
//! columns, foreign keys, CHECK constraints, and what the dataset adds. What only the server can judge (partial and
//! exclusive indexes, triggers, checks that mean something in the table alone) ends the load with its words, and with the file and
//! line of the row.
//!
//! Keys are kept in memory up to a limit. Beyond it, and for CHECK constraints, values are staged in a temporary table,
//! where the database finds the few that matter. A pipe can be read only once: its keys are looked up block by block, and
//! checks are left to the server.

pub mod cli;
mod input;
mod keys;
mod load;
mod options;
mod report;
pub mod rules;
mod target;
mod write;

pub use load::load;
pub use options::{DEFAULT_MEMORY_BYTES, Dialect, OnDuplicate, Options, RejectLimit};
pub use report::{FileReport, Report, Rows, TableReport};
