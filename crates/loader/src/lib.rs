//! Historical files into Postgres: bytes into records, records into rows that keep every rule or rejects that
//! say which they break, rows into binary COPY.

pub mod split;
