//! The messages of Spark Connect that a job needs, by hand: a message names only the fields that are used, since protobuf skips
//! those that it doesn't know.
//!
//! Tags are those of `base.proto`, `commands.proto` and `relations.proto` of Spark 4.3, which 4.0 has too; those of errors are of
//! `google/rpc/status.proto` and `error_details.proto`. Every request begins with the fields of [`Caller`], which are encoded
//! apart: protobuf merges what follows each other.

mod error;
mod execution;
mod plan;
mod session;

pub(crate) use error::*;
pub(crate) use execution::*;
pub(crate) use plan::*;
pub(crate) use session::*;
