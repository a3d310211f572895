//! A private database for each test, on a real server that one test run shares; and helpers that tests of several crates need.
//!
//! For one test: [`Database`] is a database, [`Role`] a role in it, [`Server`] a whole server, [`Pooler`] a pooler before either,
//! and [`Wire`] a connection to any of them that can be held or cut. [`Bucket`] is a bucket, and [`Faulty`] spoils its answers.
//! [`Spark`] and [`Sail`] are servers of Spark Connect, and [`Tunnel`] cuts connections to one. [`on_terminal`] runs a program on a
//! terminal, [`Airflow`] runs a DAG. [`blocks()`] gives the examples of a page. [`model()`] and [`dataset()`] make descriptions without
//! a folder. [`tpch`] is a dataset with rows at any scale, also used for comparisons.

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
