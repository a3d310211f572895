//! Tests of `database` on a real Postgres.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod constraints;
mod copy_in;
mod rights;
mod scratch;
mod session;
mod snapshot;
mod tls;
