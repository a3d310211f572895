//! Historical files into Postgres: bytes into records, records into rows that keep every rule or rejects that
//! say which they break, rows into binary COPY.

pub mod column;
pub mod moment;
mod number;
pub mod row;
pub mod rule;
pub mod split;
pub mod value;
