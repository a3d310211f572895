//! Backups and restores against a real Postgres; each test has a database of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[cfg(feature = "bucket")]
mod bucket;
#[cfg(feature = "encrypt")]
mod encrypted;
mod faults;
mod folders;
mod others_files;
mod refusals;
mod round_trips;
mod structures;
mod tables_there;
mod under_writers;
#[cfg(not(feature = "encrypt"))]
mod without_encryption;
mod world;
