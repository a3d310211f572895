//! What a model's SELECT means: every name found, every type known, before a row is read.
//!
//! [`resolve`] makes a [`tree`] of it, of what is on the [`list`]; the engine runs the tree.

pub(crate) mod catalog;
mod expression;
pub(crate) mod list;
#[cfg(test)]
mod list_tests;
pub(crate) mod literal;
pub(crate) mod refusal;
pub(crate) mod resolve;
pub(crate) mod schema_sql;
pub(crate) mod tree;
pub(crate) mod types;
