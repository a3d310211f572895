//! Tests against real servers, and tests of addresses.

mod remote;
mod sail;
mod spark;
mod tls;
mod work;
