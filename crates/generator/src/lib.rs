//! Fills a Postgres schema with realistic, referentially exact fake rows over binary COPY.
//!
//! A row is a pure function of the seed, its table and its index ([`random`]), so any part of any table
//! ([`plan`]) can be made by any worker, in any order ([`cards`]), and adding associates later gives the
//! very rows that making all at once would have given ([`load`]).
//!
//! What brings rows somewhere knows no dataset, only tables and parts of them ([`source`]).

mod append;
pub mod card_number;
mod card_rows;
pub mod cards;
pub mod cli;
mod copy;
mod describe;
pub mod dialect;
pub mod dirt;
pub mod distribution;
mod english;
pub mod files;
#[cfg(test)]
mod fit;
mod format;
mod hiring;
mod keys;
mod lane;
pub mod laws;
pub mod load;
mod movements;
pub mod names;
mod places;
pub mod plan;
pub mod purchase;
pub mod random;
pub mod recipe;
pub mod record;
pub mod rows;
mod sales;
mod schema;
mod season;
pub mod source;
mod staging;

pub use copy::TableReport;
pub use describe::describe;
pub use load::{Mode, Options, Report, Storage, generate};
pub use recipe::{Asked, Recipe};
pub use record::{Generation, recorded};
pub use source::layouts;

/// The version of the rows: it changes when the same recipe gives other rows than before.
pub const VERSION: u32 = 2;

/// The seed when none is given.
pub const DEFAULT_SEED: u64 = 42;
