//! The messages of Spark Connect that this client needs, written by hand. A message has only the fields that are used: protobuf
//! skips those that it doesn't know.
//!
//! Tags are those of `base.proto`, `commands.proto` and `relations.proto` in Spark 4.3, which are the same in 4.0; those of errors
//! are from `google/rpc/status.proto` and `error_details.proto`. Every request begins with the fields of [`Caller`], which are
//! encoded separately: protobuf merges messages that are written one after the other.

mod error;
mod execution;
mod plan;
mod session;

pub(crate) use error::*;
pub(crate) use execution::*;
pub(crate) use plan::*;
pub(crate) use session::*;
