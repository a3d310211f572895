//! Files as blocks of validated rows: finding them, looking at their first record, reading and validating.

pub(crate) mod batch;
pub(crate) mod decode;
pub(crate) mod find;
pub(crate) mod foreign;
pub(crate) mod header;
pub(crate) mod lines;
pub(crate) mod look;
pub(crate) mod names;
pub(crate) mod row_plan;
pub(crate) mod shape;
pub(crate) mod sniff;
pub(crate) mod start;
pub(crate) mod stream;
