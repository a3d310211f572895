//! What a row must keep, as far as a row alone can tell.

pub mod column;
pub(crate) mod key;
pub mod row;
