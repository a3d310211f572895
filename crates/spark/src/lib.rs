//! A small blocking client of Spark Connect, for one kind of job: views over files, and a SELECT that the server writes as files.
//!
//! Read from the top: [`Session`] is what a caller uses, `operation` runs one plan and survives broken streams, `client` makes the
//! calls of a session, `channel` is gRPC over HTTP/2, and `wire` has the messages. [`Remote`] is an address; `failure` turns the
//! server's failures into errors. Nothing asynchronous leaves the crate.

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
