//! The loader against a real Postgres; each test has a database of its own.

mod again;
mod bad_input;
mod casts;
mod damage;
mod encodings;
mod hiring;
mod line_ends;
mod limits;
mod memory;
mod sales;
mod server_rules;
mod shapes;
mod wild_keys;
mod world;
