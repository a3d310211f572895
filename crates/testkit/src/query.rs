//! Queries that tests send to Postgres.

use std::io::Read;
use std::thread;
use std::time::Duration;

use ::database::{Cancel, Settings};
use postgres::Client;
use postgres::types::FromSql;

/// The single value that `query` returns.
///
/// # Panics
/// Panics if the query fails, or does not return a single row.
pub fn value<T: for<'a> FromSql<'a>>(client: &mut Client, query: &str) -> T {
    client
        .query_one(query, &[])
        .unwrap_or_else(|error| panic!("{query}: {error}"))
        .get(0)
}

/// The output of `COPY (SELECT …) TO STDOUT (FORMAT csv, HEADER)`.
///
/// # Panics
/// Panics if the query fails.
pub fn csv_of(client: &mut Client, select: &str) -> String {
    let mut text = String::new();
    client
        .copy_out(&format!("COPY ({select}) TO STDOUT (FORMAT csv, HEADER)"))
        .unwrap_or_else(|error| panic!("{select}: {error}"))
        .read_to_string(&mut text)
        .expect("UTF-8");
    text
}

/// Waits until `query`, a SELECT of one boolean, is true on a server.
///
/// # Panics
/// Panics if it is still false after a minute, or fails.
pub fn wait_until(server: &Settings, query: &str) {
    let mut client = server
        .connect(&Cancel::default())
        .expect("the server answers");
    for _ in 0..6000 {
        if value(&mut client, query) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("in vain: {query}");
}
