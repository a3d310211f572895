//! Takes batches of rows over HTTP: `POST /v1/{dataset}/{table}` takes 1 to 1,000 rows, checks them by the rules of [`loader`],
//! inserts the valid ones, records the others in `extrato_reject`, and reports the outcome of each row. `GET` returns rows, and the
//! results of models.
//!
//! Read the crate from its top, the way its files import each other: [`serve()`] (tables are read and sessions opened, until the
//! run is cancelled), `accept` (connections, with limits), `router` (which function answers what), `around` (what is done for each
//! request), `rows` (a body into judged rows), `insert` (judged rows into one statement and one transaction), `read` (a query into
//! rows), `models` (results of models, computed and kept), `openapi` and `docs` (the service's own description), `pool` (sessions
//! of the server). Beside them are [`keys`] (who has which rights) and `access` (whether a request has a key).
//!
//! A request is first judged in memory, by the loader's own rules: types, lengths, labels, ranges. One statement then
//! checks keys and parents, inserts the valid rows, and says which rows were not inserted: see `insert::statement`.

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
