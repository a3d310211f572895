//! Puts judged rows into the database: one statement for the rows of a wave, one transaction for a request.

pub(crate) mod answer;
pub(crate) mod array;
pub(crate) mod attempt;
pub(crate) mod commit;
pub(crate) mod endpoint;
pub(crate) mod failed;
pub(crate) mod gather;
pub(crate) mod outcome;
pub(crate) mod rejects;
pub(crate) mod request;
pub(crate) mod statement;
pub(crate) mod waves;
