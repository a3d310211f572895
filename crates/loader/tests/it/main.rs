//! The loader against a real Postgres; each test has a database of its own.

mod again;
mod bad_input;
mod casts;
mod damage;
mod hiring;
mod memory;
mod pooler;
mod sales;
mod server_rules;
mod wild_keys;
mod world;
