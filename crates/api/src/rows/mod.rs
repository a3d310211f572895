//! The body of a request into rows that were judged by themselves.

pub(crate) mod array;
pub(crate) mod batch;
pub(crate) mod body;
pub(crate) mod count;
pub(crate) mod csv;
pub(crate) mod json;
