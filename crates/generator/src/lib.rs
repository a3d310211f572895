//! Fills a Postgres schema with realistic, referentially exact fake rows over binary COPY.
//!
//! A row is a pure function of the seed, its table and its index ([`random`]), so any part of any table
//! ([`plan`]) can be made by any worker, in any order ([`cards`]), and adding associates later gives the
//! very rows that making all at once would have given ([`load`]).

pub mod card_number;
pub mod cards;
pub mod cli;
mod copy;
pub mod distribution;
pub mod load;
pub mod names;
mod places;
pub mod plan;
pub mod purchase;
pub mod random;
pub mod record;
pub mod rows;
mod schema;

pub use copy::TableReport;
pub use load::{Mode, Options, Report, generate};
pub use record::{Generation, recorded};

/// The version of the rows: it changes when the same seed gives other rows than before.
pub const VERSION: u32 = 1;

/// The seed when none is given.
pub const DEFAULT_SEED: u64 = 42;
