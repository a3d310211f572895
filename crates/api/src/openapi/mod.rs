//! The service's description of itself, as OpenAPI 3.1: made for each caller, from the rules that the tables have at the moment.

mod answers;
mod document;
pub(crate) mod endpoint;
mod models;
mod schema;
mod tables;
