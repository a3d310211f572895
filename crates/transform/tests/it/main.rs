//! Runs `transform` against a real Postgres, which also gives the expected results.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod against_database;
mod alterations;
mod compressed;
mod conformance;
mod dataset_of_ones_own;
mod dialects;
mod faults;
mod file_names;
mod full_disk;
mod hostile_values;
mod joins;
mod json_lines;
mod layer_in_postgres;
mod layout;
mod models;
mod numerics;
mod on_spark;
mod other_readers;
mod output_checks;
mod own_meanings;
mod parameters;
mod pooler;
mod read_back;
mod reconciliation;
mod refusals;
mod replica;
mod scratch_database;
mod selects;
mod shop;
mod snapshot;
mod source_load;
mod staged;
mod streamed;
mod streamed_keys;
mod sub_selects;
mod tpch;
mod undeclared;
mod world;
mod write_back;
