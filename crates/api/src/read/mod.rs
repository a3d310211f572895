//! Reads rows of a table: filtered, ordered, page by page, or a single one by its key.

pub(crate) mod answer;
pub(crate) mod columns;
pub(crate) mod condition;
pub(crate) mod cursor;
pub(crate) mod endpoint;
pub(crate) mod fetch;
pub(crate) mod order;
pub(crate) mod query;
pub(crate) mod statement;
pub(crate) mod words;
