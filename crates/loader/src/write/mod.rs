//! Rows on their way into the database, and the records about them.

pub(crate) mod copy_sender;
pub(crate) mod file;
pub(crate) mod file_plan;
pub(crate) mod files;
pub(crate) mod ledger;
pub(crate) mod left_rejects;
mod own_parents;
pub(crate) mod reasons;
pub(crate) mod refused_rows;
pub(crate) mod rejects;
pub(crate) mod upsert;
pub(crate) mod waiting;
