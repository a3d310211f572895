//! `database` against a real Postgres.

mod copy_in;
mod tls;
