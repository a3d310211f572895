//! The keys of rows: unique ones and references, in memory or with the help of the database.

pub(crate) mod check;
pub(crate) mod lookup;
pub(crate) mod memory_limit;
pub(crate) mod results;
pub(crate) mod set;
pub(crate) mod sets;
pub(crate) mod staged;
