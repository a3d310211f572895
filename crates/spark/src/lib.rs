//! A small blocking client of Spark Connect, for one kind of job: views over files, and a SELECT that the server writes as files.
//!
//! Read from the top: [`Session`] is what a caller has, `operation` runs one plan and survives broken streams, `client` knows the
//! session on the server, `channel` is gRPC over HTTP/2, `wire` the messages. [`Remote`] is an address; `failure` says what a
//! failure means here. Nothing asynchronous leaves the crate.

mod channel;
mod client;
mod failure;
mod operation;
mod remote;
mod session;
mod status;
mod wire;

pub use operation::Progress;
pub use remote::Remote;
pub use session::{Files, Session, Write};
