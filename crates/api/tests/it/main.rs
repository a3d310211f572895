//! The service over real connections, on a real server.

mod access;
mod bodies;
mod clients;
mod gathering;
mod keys;
mod models;
mod page;
mod repeats;
mod rows;
mod server_rules;
mod tls;
mod world;
