//! Avro object container files, straight from and to the fields of Postgres's binary COPY: no values are made in between.
//!
//! The format is that of the Avro specification 1.12: <https://avro.apache.org/docs/1.12.0/specification/>.

pub(crate) mod codec;
pub(crate) mod container;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod parse;
pub(crate) mod schema;
pub(crate) mod varint;

/// The bytes that a file begins with.
const MAGIC: &[u8; 4] = b"Obj\x01";
/// How many bytes the marker after each block has.
const SYNC_BYTES: usize = 16;
/// Microseconds from 1970-01-01 to 2000-01-01, where Postgres counts from.
const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_DAYS: i32 = 10_957;
/// Microseconds of a day.
const DAY_MICROS: i64 = 86_400_000_000;
