//! The `extrato` program, run as a user runs it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod airflow;
mod backups;
#[cfg(feature = "bucket")]
mod bucket;
mod check;
mod circles;
mod cluster;
mod determinism;
mod diagram;
mod documents;
mod embedded;
mod ended;
mod examples;
mod exit_codes;
mod generate;
mod init;
mod interruption;
mod load;
mod load_dialects;
mod manual;
mod models_of_models;
mod nightly;
mod own_dataset;
mod pages;
mod pipeline;
mod program;
mod query;
mod readers;
mod reference;
mod report;
mod several_schemas;
mod staging;
mod terminal;
mod verify;
