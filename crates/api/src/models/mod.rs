//! Results of models over HTTP: each is computed from one snapshot, kept for a while, and given in the form that a client accepts.
//!
//! `endpoint` answers, `asked` reads what a request asks, `cache` keeps outputs, `compute` makes `transform` and `report`
//! compute them, `failed` says why there is no result, `output` is a computed file, `lines` reads parts of it.

pub(crate) mod asked;
pub(crate) mod cache;
pub(crate) mod compute;
pub(crate) mod endpoint;
mod failed;
mod lines;
pub(crate) mod output;
