//! The loader against a real Postgres; each test has a database of its own.

mod casts;
mod hiring;
mod world;
