//! A private database per test, on a real server that one test run shares; and what tests of several crates ask and make.
//!
//! [`Database`] is a test's own, [`Role`] a role of it, [`Server`] a server of a test's own, [`Pooler`] a pooler before either, and [`Wire`] a connection to
//! any that can be held or cut; [`Bucket`] is a bucket of a test's own, [`Faulty`] what spoils its answers; [`Spark`] and [`Sail`]
//! are servers of Spark Connect, [`Tunnel`] what cuts connections to one. [`on_terminal`] runs a program on a terminal, [`Airflow`] a
//! DAG. [`blocks()`] are the examples of a page. [`model()`] and [`dataset()`] make descriptions without a folder. [`tpch`] is a dataset with rows at any scale, for comparisons
//! too.

mod airflow;
mod blocks;
mod bucket;
mod database;
mod files;
mod models;
mod pooler;
mod program;
mod query;
mod role;
mod server;
mod spark;
mod terminal;
pub mod tpch;
mod wire;

pub use self::database::{Database, environment};
pub use airflow::{Airflow, DagRun};
pub use blocks::{Block, blocks};
pub use bucket::{Bucket, Fault, Faulty, Identity};
pub use files::{contents_of, files_below};
pub use models::{dataset, model};
pub use pooler::Pooler;
pub use query::{csv_of, value, wait_until};
pub use role::Role;
pub use server::Server;
pub use spark::{Sail, Spark, SparkCluster, Tunnel};
pub use terminal::{OnTerminal, on_terminal};
pub use wire::Wire;
