//! Tests of the loader on a real Postgres; each test has a database of its own.

mod again;
mod bad_input;
#[cfg(feature = "bucket")]
mod bucket;
mod casts;
mod cells;
mod damage;
mod encodings;
mod hiring;
mod inheritance;
mod key_types;
mod limits;
mod line_ends;
mod memory;
mod own_parents;
mod pooler;
mod sales;
mod server_rules;
mod server_types;
mod shapes;
mod wild_keys;
mod world;
