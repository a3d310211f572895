//! The service over real connections, on a real server.

mod access;
mod bodies;
mod clients;
mod docs;
mod gathering;
mod keys;
mod openapi;
mod page;
mod paging;
mod reading;
mod repeats;
mod rows;
mod server_rules;
mod tls;
mod world;
