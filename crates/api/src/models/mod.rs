//! What models give, over HTTP: each computed from one snapshot, kept for a while, and told in the form that a client accepts.
//!
//! `endpoint` answers, `asked` is what a request asks, `cache` keeps what was computed, `compute` has `transform` and `report`
//! compute it, `failed` says why nothing came of it, `output` is a file that came of it, `lines` reads parts of it.

pub(crate) mod asked;
pub(crate) mod cache;
pub(crate) mod compute;
pub(crate) mod endpoint;
mod failed;
mod lines;
pub(crate) mod output;
