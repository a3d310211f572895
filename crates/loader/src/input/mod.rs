//! Files as blocks of records: found, opened by their first record, read and validated.

pub(crate) mod batch;
pub(crate) mod find;
pub(crate) mod header;
pub(crate) mod lines;
pub(crate) mod sniff;
pub(crate) mod stream;
