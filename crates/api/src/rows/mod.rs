//! Turns the body of a request into rows, which are judged by themselves.

pub(crate) mod array;
pub(crate) mod batch;
pub(crate) mod body;
pub(crate) mod count;
pub(crate) mod csv;
pub(crate) mod json;
