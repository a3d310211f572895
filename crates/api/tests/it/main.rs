//! The service over real connections, on a real server.

mod access;
mod altered;
mod audit;
mod bodies;
mod clients;
mod docs;
mod gathering;
mod keys;
mod limits;
mod metrics;
mod models;
mod old_answers;
mod openapi;
mod page;
mod paging;
mod proxies;
mod readers;
mod reading;
mod repeats;
mod round_trips;
mod rows;
mod server_rules;
mod tls;
mod world;
