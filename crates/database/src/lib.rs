//! Postgres for Extrato: connection settings, TLS, the embedded server, snapshots, the catalogue, and
//! binary COPY in and out.

pub mod cancel;
pub mod catalogue;
pub mod connection;
pub mod constraints;
pub mod copy_in;
pub mod copy_out;
pub mod embedded;
mod environment;
mod fault;
pub mod identifier;
mod parameters;
mod passfile;
mod service;
pub mod settings;
pub mod snapshot;
mod tls;

pub use cancel::Cancel;
pub use connection::Connection;
pub use environment::Environment;
pub use fault::{exit_code, is_transient};
pub use settings::{ConnectionArgs, Settings};
