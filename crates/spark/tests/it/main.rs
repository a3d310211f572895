//! Tests against real servers, and of addresses.

mod remote;
mod sail;
mod spark;
mod tls;
mod work;
