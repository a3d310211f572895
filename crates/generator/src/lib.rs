//! Fills a Postgres schema with realistic, referentially exact fake rows over binary COPY.
//!
//! ```
//! use database::Cancel;
//! use dataset::Dataset;
//! use generator::{Asked, Mode, Options, Storage, generate};
//!
//! # fn main() -> anyhow::Result<()> {
//! let database = testkit::Database::create();
//! let options = Options {
//!     dataset: Dataset::open("cards")?,
//!     schema: "cards".to_owned(),
//!     size: 5,
//!     asked: Asked {
//!         seed: Some(7),
//!         ..Asked::default()
//!     },
//!     workers: Some(1),
//!     mode: Mode::Fresh,
//!     storage: Storage::default(),
//! };
//! let report = generate(&database.settings(), &options, &Cancel::default())?;
//! assert_eq!((report.tables[0].table, report.tables[0].rows), ("associado", 5));
//!
//! // The same seed always gives the same rows.
//! let query = "SELECT nome || ' ' || sobrenome FROM cards.associado WHERE id = 5";
//! let row = database.connect().query_one(query, &[])?;
//! assert_eq!(row.get::<_, &str>(0), "Martinho do Nascimento Júnior");
//! # Ok(())
//! # }
//! ```
//!
//! A row is a pure function of the seed, its table and its index ([`draw::random`]), so any part of any table
//! ([`cards::plan`]) can be made by any worker, in any order ([`cards`]), and adding associates later gives the
//! very rows that making all at once would have given ([`to_database`]).
//!
//! From the top down: [`to_database`] and [`to_files`] bring rows to where they belong. They know no dataset, only tables and
//! parts of tables ([`table`]), which they get from the one list of datasets (`registry`). Each dataset has a folder of its own
//! ([`cards`], `hiring`, `sales`) that draws values ([`draw`]) and writes them as fields, in whichever encoding
//! ([`encode`]).

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
