//! Fills a Postgres schema with realistic, referentially exact fake rows over binary COPY.
//!
//! A row is a pure function of the seed, its table and its index ([`draw::random`]), so any part of any table
//! ([`cards::plan`]) can be made by any worker, in any order ([`cards`]), and adding associates later gives the
//! very rows that making all at once would have given ([`to_database`]).
//!
//! What brings rows somewhere knows no dataset, only tables and parts of them ([`table`]).

pub mod cards;
pub mod cli;
pub mod draw;
pub mod encode;
mod hiring;
pub mod recipe;
mod sales;
pub mod table;
pub mod to_database;
pub mod to_files;

pub use recipe::{Asked, Recipe};
pub use table::layouts;
pub use to_database::copy::TableReport;
pub use to_database::record::{Generation, recorded};
pub use to_database::{Mode, Options, Report, Storage, generate};
pub use to_files::describe::describe;

/// The version of the rows: it changes when the same recipe gives other rows than before.
pub const VERSION: u32 = 2;

/// The seed when none is given.
pub const DEFAULT_SEED: u64 = 42;
