//! What runs models.

pub(crate) mod output;
pub(crate) mod polars;
