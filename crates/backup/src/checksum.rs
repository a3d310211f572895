//! The content checksum of a table. It does not depend on the order of rows, and is the same whether it is computed from the fields
//! of a binary COPY or by the server, with a SELECT.
//!
//! A row's hash is `hash_array_extended` of the binary forms of its values. A sum of these would not change if two rows exchanged
//! some values, since this hash is linear in them; so each row's hash is hashed again before it is added. The functions are those
//! of src/common/hashfn.c and src/backend/utils/adt/arrayfuncs.c on a little-endian machine; [`is_same_as`] tells whether the
//! server is one.

use std::io::Read;

use anyhow::Context;
use database::Cancel;
use database::catalogue::identifier::relation;
use postgres::GenericClient;
use serde::{Deserialize, Serialize};

use crate::carriage::Carried;
use crate::copy_rows::CopyRows;

/// The content checksum of rows: their number, and the sum of their hashes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ContentSum {
    /// How many rows there are.
    pub(crate) rows: u64,
    /// The sum of the rows' hashes.
    pub(crate) sum: i128,
}

/// A content checksum as a manifest records it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    /// How many rows there are.
    pub(crate) rows: u64,
    /// The sum of the rows' hashes, in decimal digits.
    pub(crate) sum: String,
}

impl From<ContentSum> for Recorded {
    fn from(sum: ContentSum) -> Self {
        Self {
            rows: sum.rows,
            sum: sum.sum.to_string(),
        }
    }
}

impl ContentSum {
    /// Adds the checksum of other rows.
    pub(crate) fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum += other.sum;
    }

    /// Adds a row.
    pub(crate) fn add_row(&mut self, row: RowHash) {
        let again = 31_u64.wrapping_add(hash(&row.0.to_be_bytes()));
        self.sum += i128::from(again as i64);
        self.rows += 1;
    }
}

/// The hash of a row, made field by field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowHash(u64);

impl Default for RowHash {
    fn default() -> Self {
        Self(1)
    }
}

impl RowHash {
    /// Adds a field; `None` is NULL.
    pub(crate) fn add(&mut self, field: Option<&[u8]>) {
        let of_field = field.map_or(0, hash);
        self.0 = self.0.wrapping_mul(31).wrapping_add(of_field);
    }
}

/// The SELECT of a table's number of rows and the sum of their hashes, as text. With `only`, rows of tables that inherit
/// from it are left out.
pub(crate) fn query(schema: &str, table: &str, only: bool, columns: &[Carried]) -> String {
    let sent: Vec<_> = columns.iter().map(|column| column.sent.as_str()).collect();
    format!(
        "SELECT pg_catalog.count(*), coalesce(pg_catalog.sum({}), 0)::text FROM {}",
        hash_sql(&sent.join(", ")),
        relation(schema, table, only)
    )
}

/// The SQL expression for a row's hash.
fn hash_sql(fields: &str) -> String {
    format!(
        "pg_catalog.hash_array_extended(ARRAY[pg_catalog.int8send(pg_catalog.hash_array_extended(ARRAY[{fields}]::bytea[], 0))], 0)"
    )
}

/// The content checksum of a table: computed by the server if its hashes are ours, or else from the rows, which are read.
///
/// # Errors
/// The server's errors.
pub(crate) fn of_table(
    client: &mut impl GenericClient,
    schema: &str,
    table: &str,
    only: bool,
    columns: &[Carried],
    cancel: &Cancel,
) -> anyhow::Result<ContentSum> {
    cancel.check()?;
    if is_same_as(client)? {
        let row = client.query_one(&query(schema, table, only, columns), &[])?;
        let (rows, sum): (i64, &str) = (row.get(0), row.get(1));
        return Ok(ContentSum {
            rows: rows as u64,
            sum: sum.parse()?,
        });
    }
    let list: Vec<_> = columns
        .iter()
        .map(|column| column.expression.as_str())
        .collect();
    let statement = format!(
        "COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)",
        list.join(", "),
        relation(schema, table, only)
    );
    let reader = client.copy_out(&statement)?;
    sum(reader, columns.len(), cancel)
}

/// The content checksum of the rows that a COPY gives.
///
/// # Errors
/// The errors of the connection.
fn sum(mut reader: impl Read, fields: usize, cancel: &Cancel) -> anyhow::Result<ContentSum> {
    let (mut rows, mut sum) = (CopyRows::default(), ContentSum::default());
    let mut block = vec![0; 1 << 18];
    loop {
        cancel.check()?;
        let bytes = reader.read(&mut block).context("reading rows back")?;
        rows.push(&block[..bytes]);
        while let Some(row) = rows.next_row(fields)? {
            let mut hash = RowHash::default();
            row.for_each(|field| hash.add(field));
            sum.add_row(hash);
        }
        if bytes == 0 {
            rows.finish()?;
            return Ok(sum);
        }
    }
}

/// Whether a server's hashes are ours. On a big-endian machine they are not.
///
/// # Errors
/// The server's errors.
pub(crate) fn is_same_as(client: &mut impl GenericClient) -> Result<bool, postgres::Error> {
    const TRIED: [Option<&str>; 4] = [
        Some("a text of more than twelve bytes"),
        None,
        Some(""),
        Some("short"),
    ];
    let fields = TRIED.map(|text| match text {
        Some(text) => format!("pg_catalog.textsend('{text}')"),
        None => "NULL".to_owned(),
    });
    let query = format!("SELECT {}", hash_sql(&fields.join(", ")));
    let theirs: i64 = client.query_one(&query, &[])?.get(0);
    let (mut row, mut ours) = (RowHash::default(), ContentSum::default());
    TRIED
        .iter()
        .for_each(|text| row.add(text.map(str::as_bytes)));
    ours.add_row(row);
    Ok(ours.sum == i128::from(theirs))
}

/// `hash_bytes_extended` with the seed 0: Bob Jenkins' lookup3, in the form that Postgres has.
fn hash(bytes: &[u8]) -> u64 {
    let start = 0x9e37_79b9_u32
        .wrapping_add(bytes.len() as u32)
        .wrapping_add(3_923_095);
    let (mut a, mut b, mut c) = (start, start, start);
    let word = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let mut chunks = bytes.chunks_exact(12);
    for chunk in &mut chunks {
        a = a.wrapping_add(word(chunk));
        b = b.wrapping_add(word(&chunk[4..]));
        c = c.wrapping_add(word(&chunk[8..]));
        turn(&mut a, &mut c, b, 4);
        turn(&mut b, &mut a, c, 6);
        turn(&mut c, &mut b, a, 8);
        turn(&mut a, &mut c, b, 16);
        turn(&mut b, &mut a, c, 19);
        turn(&mut c, &mut b, a, 4);
    }
    // The lowest byte of the third word is reserved for the length.
    for (index, byte) in chunks.remainder().iter().enumerate() {
        let byte = u32::from(*byte);
        match index {
            0..=3 => a = a.wrapping_add(byte << (8 * index)),
            4..=7 => b = b.wrapping_add(byte << (8 * (index - 4))),
            _ => c = c.wrapping_add(byte << (8 * (index - 7))),
        }
    }
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    u64::from(b) << 32 | u64::from(c)
}

/// One line of `mix()` in hashfn.c.
#[inline(always)]
fn turn(x: &mut u32, y: &mut u32, z: u32, rotation: u32) {
    *x = x.wrapping_sub(*y) ^ y.rotate_left(rotation);
    *y = y.wrapping_add(z);
}
