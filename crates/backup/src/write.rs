//! Writes one file of a backup: the rows of one COPY.

use database::Cancel;
use database::copy::read::Blocks;
use database::snapshot::Reader;
use dataset::failure::Kind;
use serde_json::Value;
use sha2::{Digest, Sha256};
use storage::place::Place;

use crate::avro::codec::Codec;
use crate::avro::{container, encode};
use crate::carriage::Carried;
use crate::checksum::{ContentSum, RowHash};
use crate::copy_rows::CopyRows;
use crate::encryption::BackupKey;
use crate::file::HashedFile;
use crate::manifest::FileEntry;
use crate::row_place::row_place;

/// What is needed to write the files of a table.
pub(crate) struct Source<'a> {
    /// The schema that holds the table.
    pub(crate) schema: &'a str,
    /// The table's name.
    pub(crate) table: &'a str,
    /// The table's columns.
    pub(crate) columns: &'a [Carried],
    /// The columns of the primary key.
    pub(crate) key: &'a [String],
    /// The Avro schema of the files.
    pub(crate) avro: Value,
    /// How the blocks of Avro files are compressed.
    pub(crate) codec: Codec,
    /// Whether text must be checked to be UTF-8, since the database's encoding lets any bytes be text.
    pub(crate) checks_text: bool,
    /// The key that the files are encrypted to.
    pub(crate) backup_key: Option<&'a BackupKey>,
}

/// Writes the rows of a binary COPY into an Avro file, and returns their content checksum.
///
/// # Errors
/// [`Kind::Refused`] for a value that Avro cannot carry; the errors of the connection and of the file.
pub(crate) fn avro(
    source: &Source<'_>,
    reader: &Reader,
    statement: &str,
    place: &Place,
    name: &str,
    count: impl Fn(u64) -> anyhow::Result<()>,
    cancel: &Cancel,
) -> anyhow::Result<(FileEntry, ContentSum)> {
    let file = HashedFile::create(place, source.backup_key)?;
    let mut writer = container::Writer::begin(
        file,
        &source.avro,
        source.codec,
        marker(&source.avro, place),
    )?;
    let (mut rows, mut sum) = (CopyRows::default(), ContentSum::default());
    for block in reader.open(statement, cancel)? {
        rows.push(&block?);
        while let Some(fields) = rows.next_row(source.columns.len())? {
            let mut hash = RowHash::default();
            let out = writer.row();
            for (column, field) in source.columns.iter().zip(fields.clone()) {
                hash.add(field);
                encode::field(column, field, source.checks_text, out).map_err(|what| {
                    let row = row_place(source.key, source.columns, fields.clone(), sum.rows + 1, name);
                    Kind::Refused.error(format!(
                        "column `{}` of table {}.{} holds {what}, which Avro cannot hold, in {row}: correct it, or \
                         back up with --format csv, which can hold anything",
                        column.name, source.schema, source.table
                    ))
                })?;
            }
            sum.add_row(hash);
            writer.end_row()?;
        }
        count(sum.rows)?;
    }
    cancel.check()?;
    rows.finish()?;
    let written = writer.finish()?.finish()?;
    let entry = FileEntry {
        path: name.to_owned(),
        rows: sum.rows,
        bytes: written.bytes,
        sha256: written.sha256,
    };
    Ok((entry, sum))
}

/// The marker after each block of a file, which is the same whenever the same file is written.
fn marker(schema: &Value, place: &Place) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(schema.to_string());
    hash.update(place.to_string());
    let hash = hash.finalize();
    let mut marker = [0; 16];
    marker.copy_from_slice(&hash[..16]);
    marker
}

/// Writes the output of a COPY as CSV, with a header.
///
/// # Errors
/// The errors of the connection and of the file.
pub(crate) fn csv(
    source: &Source<'_>,
    reader: &Reader,
    statement: &str,
    place: &Place,
    name: &str,
    count: impl Fn(u64) -> anyhow::Result<()>,
    cancel: &Cancel,
) -> anyhow::Result<FileEntry> {
    let mut file = HashedFile::create(place, source.backup_key)?;
    let mut records = Records::default();
    let blocks: Blocks = reader.open(statement, cancel)?;
    for block in blocks {
        let block = block?;
        records.add(&block);
        file.append(&block)?;
        count(records.ended.saturating_sub(1))?;
    }
    cancel.check()?;
    let written = file.finish()?;
    Ok(FileEntry {
        path: name.to_owned(),
        // The header is not counted.
        rows: records.ended.saturating_sub(1),
        bytes: written.bytes,
        sha256: written.sha256,
    })
}

/// Counts the records of the server's own CSV. A quote in a value is doubled, so a line feed ends a record if the number of quotes
/// before it is even.
#[derive(Default)]
struct Records {
    ended: u64,
    is_quoted: bool,
}

impl Records {
    fn add(&mut self, block: &[u8]) {
        for byte in block {
            match byte {
                b'"' => self.is_quoted = !self.is_quoted,
                b'\n' if !self.is_quoted => self.ended += 1,
                _ => {}
            }
        }
    }
}
