//! The meaning of a model's SELECT: every name and type is found before a row is read.
//!
//! `select` parses the SELECT; `resolve` turns it into a `tree`, using only what is on the `list`; the engine runs the tree.

pub(crate) mod catalog;
pub(crate) mod check_select;
mod expression;
pub(crate) mod format;
pub(crate) mod from_names;
pub(crate) mod identifier;
mod interval;
pub(crate) mod list;
#[cfg(test)]
mod list_document;
#[cfg(test)]
mod list_examples;
#[cfg(test)]
mod list_tests;
pub(crate) mod literal;
pub(crate) mod numerics;
mod operations;
mod optimize;
mod origin;
pub(crate) mod plan;
pub(crate) mod projection;
pub(crate) mod reading;
pub(crate) mod refusal;
pub(crate) mod resolve;
pub(crate) mod schema_sql;
pub(crate) mod select;
mod stars;
pub(crate) mod tree;
pub(crate) mod types;
pub(crate) mod walk;
