//! Makes connections: settings from arguments, environment and files, TLS, and what ends a connection.

pub mod cancel;
pub mod connection;
mod environment;
mod parameters;
mod passfile;
mod service;
pub mod settings;
mod tls;

pub use cancel::Cancel;
pub use connection::{Connection, OneOf};
pub use environment::Environment;
pub use settings::{ConnectionArgs, Settings};
