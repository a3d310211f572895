//! The main job: reads each table once from Postgres, all in one snapshot, runs the models in memory, and writes files per client.
//!
//! `extract` reads the tables, `engine` runs the models over them (in Polars, in a scratch database of Postgres, or on Spark), and
//! `sink` writes the files. [`check`](mod@check) makes sure that every row read was written or left out by a join; nothing is
//! published before that adds up. Tables that don't fit in memory are staged on disk (`stage`). On request, `sink::postgres` writes
//! the same rows into tables.
//!
//! ```
//! use database::{Cancel, Environment};
//! use dataset::Dataset;
//! use transform::{Dialect, Engine, Format, Layout, Options};
//!
//! let database = testkit::Database::create();
//! database.connect().batch_execute(
//!     "CREATE SCHEMA shop;
//!      CREATE TABLE shop.sale (id integer PRIMARY KEY, client text, amount numeric(8,2));
//!      INSERT INTO shop.sale VALUES (1, 'Ana', 10.50), (2, 'Rui', 3.00), (3, 'Ana', 0.25)",
//! )?;
//!
//! let folder = tempfile::tempdir()?;
//! let description = r#"
//!     name = "shop"
//!
//!     [[table]]
//!     name = "sale"
//!     key = ["id"]
//!
//!     [[model]]
//!     name = "spent"
//!     file = "spent.sql"
//!     order_by = ["client"]
//!
//!     [model.columns]
//!     client = "text"
//!     total = "numeric(12,2)"
//! "#;
//! let sql = "SELECT client, SUM(amount) AS total FROM sale GROUP BY client";
//! std::fs::write(folder.path().join("dataset.toml"), description)?;
//! std::fs::write(folder.path().join("spent.sql"), sql)?;
//!
//! let options = Options {
//!     dataset: Dataset::open(&folder.path().display().to_string())?,
//!     schema: "shop".to_owned(),
//!     out: folder.path().join("out").into(),
//!     keep: 2,
//!     layout: Layout::Declared,
//!     format: Format::Csv,
//!     dialect: Dialect::default(),
//!     compression: None,
//!     max_connections: 2,
//!     memory_bytes: 1 << 30,
//!     stage: None,
//!     preview_rows: 0,
//!     to_postgres: None,
//!     engine: Engine::Auto,
//!     spark: None,
//!     environment: Environment::default(),
//! };
//! let report = transform::run(&database.settings(), &options, &Cancel::default())?;
//! assert_eq!(report.models[0].rows, 2);
//! let file = std::fs::read_to_string(folder.path().join("out/spent.csv"))?;
//! assert_eq!(file, "client,total\nAna,10.75\nRui,3.00\n");
//! # Ok::<(), anyhow::Error>(())
//! ```

pub mod check;
pub mod checked;
pub mod cli;
mod completed;
mod condition;
mod declared;
pub mod describe;
pub mod dialect;
mod engine;
mod extract;
mod fault;
pub mod file_args;
pub mod file_name;
mod frame_types;
mod marks;
pub mod memory;
mod model;
mod model_run;
pub mod options;
pub mod outline;
pub mod preview;
mod pushdown;
pub mod query;
pub mod reconciliation;
pub mod report;
mod run;
pub mod scaffold;
mod script;
mod sink;
mod stage;

pub use dialect::Dialect;
pub use options::{
    DEFAULT_OUT, DEFAULT_STAGE, Engine, Format, Layout, Options, RemotePath, SparkOptions,
};
pub use report::{ModelReport, Report, TableReport};
pub use run::{check, run, run_from_stage};
pub use script::{adopt, emit_job};
pub use sink::NULL_FOLDER;
pub use storage::compress::Compression;
