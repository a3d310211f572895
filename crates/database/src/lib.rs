//! Postgres for Extrato: connection settings, TLS, the embedded server, snapshots, the catalogue, and
//! binary COPY in and out.

pub mod catalogue;
pub mod connect;
pub mod copy;
pub mod embedded;
pub mod lock;
pub mod lock_wait;
pub mod mirror;
pub mod snapshot;
mod sqlstate;
pub mod transaction;

pub use connect::{Cancel, Connection, ConnectionArgs, Environment, OneOf, Settings};
pub use sqlstate::{exit_code, is_transient, kind};
