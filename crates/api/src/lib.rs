//! Batches of rows in over HTTP: `POST /v1/{dataset}/{table}` takes 1 to 1,000 rows by the rules of [`loader`], inserts those
//! that keep them, records the others in `extrato_reject`, and tells of each row what became of it. `GET` gives rows and what models
//! give.
//!
//! Read the crate from its top, the way its files import each other: [`serve()`] (tables read, sessions opened, until the run
//! is cancelled), `accept` (connections, with limits), `router` (who answers what), `around` (what is done for each request), `rows`
//! (a body into judged rows), `insert` (judged rows into one statement and one transaction), `read` (a query into rows), `models`
//! (what models give, computed and kept), `openapi` and `docs` (the service's own description), `pool` (sessions of the server). Beside them stand [`keys`] (who may) and `access`
//! (whether a request bears one).
//!
//! A request is judged in memory first, by the loader's own rules: types, lengths, labels, ranges. One statement then
//! judges keys and parents, inserts what is good, and says which rows were not: see `insert::statement`.

mod accept;
mod access;
mod around;
pub mod cli;
mod docs;
mod insert;
pub mod keys;
mod limiter;
mod media;
mod metrics;
mod models;
mod old_answers;
mod openapi;
mod options;
mod places;
mod pool;
mod problem;
mod proxies;
mod read;
mod router;
mod rows;
mod serve;
mod served;
mod shared;
mod store;
mod table;
mod tls;
#[cfg(feature = "fuzzing")]
pub mod trial;
mod waiting;

pub use options::{Limits, ServeOptions};
pub use serve::serve;
pub use tls::TlsFiles;
