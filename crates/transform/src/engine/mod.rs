//! The engines that run models: Polars, Spark, or a scratch database of the embedded Postgres. Other modules don't know whether
//! rows fitted in memory.

mod job;
pub(crate) mod output;
mod polars;
pub(crate) mod postgres;
pub(crate) mod route;
pub(crate) mod spark;

pub(crate) use job::Job;
pub(crate) use polars::{run, trace_warnings};
