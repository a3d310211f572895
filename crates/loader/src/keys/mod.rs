//! The rules that look beyond a row: unique keys and references, kept in memory or checked by the database.

pub(crate) mod check;
pub(crate) mod memory_limit;
pub(crate) mod questions;
pub(crate) mod results;
pub(crate) mod set;
pub(crate) mod sets;
pub(crate) mod staged;
pub(crate) mod staged_texts;
