//! What runs models: Polars, or a scratch database of the embedded Postgres. Nothing outside knows whether rows fitted in
//! memory.

mod job;
pub(crate) mod output;
mod polars;
pub(crate) mod postgres;
pub(crate) mod route;
pub(crate) mod spark;

pub(crate) use job::Job;
pub(crate) use polars::{run, trace_warnings};
