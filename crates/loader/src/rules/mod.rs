//! What a row must keep, as far as a row alone can tell.

pub mod column;
pub mod row;
