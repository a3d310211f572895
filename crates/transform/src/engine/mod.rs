//! What runs models. Polars alone for now; nothing outside knows whether rows fitted in memory.

mod job;
pub(crate) mod output;
mod polars;

pub(crate) use job::Job;
pub(crate) use polars::{run, trace_warnings};
