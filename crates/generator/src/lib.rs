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
pub mod options;
pub mod recipe;
mod registry;
pub mod report;
mod sales;
pub mod table;
pub mod to_database;
pub mod to_files;

pub use cards::distributions::Distributions;
pub use encode::file_format::FileFormat;
pub use options::{Mode, Options, Storage};
pub use recipe::{Asked, DEFAULT_SEED, Recipe, VERSION};
pub use registry::layouts;
pub use report::{Report, TableReport};
pub use to_database::generate;
pub use to_database::record::{Generation, recorded};
pub use to_files::describe::describe;
