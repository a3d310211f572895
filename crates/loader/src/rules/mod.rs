//! The rules that a row must obey by itself, and its keys.

pub mod column;
pub mod key;
pub mod row;
