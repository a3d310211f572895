//! The rules that a row must keep by itself, and what its keys are.

pub mod column;
pub mod key;
pub mod row;
