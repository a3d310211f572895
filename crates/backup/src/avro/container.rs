//! Object container files: a header with the schema, then blocks of rows, each followed by a marker.

use std::io::{BufRead, BufReader, Read};

use dataset::failure::{Kind, OrFail};
use serde_json::Value;
use storage::place::{Place, reading};

use super::codec::{Codec, MAX_BLOCK_BYTES};
use super::{MAGIC, SYNC_BYTES, varint};
use crate::encryption::BackupKey;
use crate::file::{Contents, HashedFile, is_damage};

/// How many bytes of encoded rows are compressed at once.
const BLOCK_BYTES: usize = 256 * 1024;
/// The most bytes that a part of the header may have: a schema of 1,600 columns with long names is shorter.
const MAX_HEADER_BYTES: usize = 1 << 26;

/// Writes a file block by block.
pub(crate) struct Writer {
    file: HashedFile,
    codec: Codec,
    sync: [u8; SYNC_BYTES],
    /// Rows that wait for the end of their block.
    rows: Vec<u8>,
    count: i64,
    compressed: Vec<u8>,
}

impl Writer {
    /// Writes the header. `sync` is the marker after each block.
    ///
    /// # Errors
    /// [`Kind::Output`] if the file cannot be written.
    pub(crate) fn begin(
        mut file: HashedFile,
        schema: &Value,
        codec: Codec,
        sync: [u8; SYNC_BYTES],
    ) -> anyhow::Result<Self> {
        let mut header = MAGIC.to_vec();
        varint::write(2, &mut header);
        for (key, value) in [
            ("avro.schema", schema.to_string().as_str()),
            ("avro.codec", codec.name()),
        ] {
            for text in [key, value] {
                varint::write(text.len() as i64, &mut header);
                header.extend_from_slice(text.as_bytes());
            }
        }
        header.push(0);
        header.extend_from_slice(&sync);
        file.append(&header)?;
        Ok(Self {
            file,
            codec,
            sync,
            rows: Vec::with_capacity(BLOCK_BYTES + BLOCK_BYTES / 8),
            count: 0,
            compressed: Vec::new(),
        })
    }

    /// The buffer that the fields of the next row are appended to.
    pub(crate) fn row(&mut self) -> &mut Vec<u8> {
        &mut self.rows
    }

    /// Ends a row.
    ///
    /// # Errors
    /// [`Kind::Output`] if the file cannot be written.
    pub(crate) fn end_row(&mut self) -> anyhow::Result<()> {
        self.count += 1;
        match self.rows.len() >= BLOCK_BYTES {
            true => self.end_block(),
            false => Ok(()),
        }
    }

    fn end_block(&mut self) -> anyhow::Result<()> {
        self.codec
            .compress(&self.rows, &mut self.compressed)
            .or_fail(Kind::Internal, || "compressing a block")?;
        let mut head = Vec::with_capacity(20);
        varint::write(self.count, &mut head);
        varint::write(self.compressed.len() as i64, &mut head);
        self.file.append(&head)?;
        self.file.append(&self.compressed)?;
        self.file.append(&self.sync)?;
        self.rows.clear();
        self.count = 0;
        Ok(())
    }

    /// Writes the last block.
    ///
    /// # Errors
    /// [`Kind::Output`] if the file cannot be written.
    pub(crate) fn finish(mut self) -> anyhow::Result<HashedFile> {
        if self.count > 0 {
            self.end_block()?;
        }
        Ok(self.file)
    }
}

/// Reads a file block by block.
pub(crate) struct Reader {
    file: BufReader<Contents>,
    /// The file's name in messages.
    name: String,
    /// How many bytes are still to come; more than that if the file is encrypted.
    left: u64,
    schema: Value,
    codec: Codec,
    sync: [u8; SYNC_BYTES],
    compressed: Vec<u8>,
}

impl Reader {
    /// Opens a file, with `key` if it is encrypted, and reads its header.
    ///
    /// # Errors
    /// [`Kind::Refused`] if it is not an Avro file or is damaged; [`Kind::Mismatch`] for an unknown codec;
    /// [`Kind::Connection`] if a bucket gives no answer.
    pub(crate) fn open(place: &Place, key: Option<&BackupKey>) -> anyhow::Result<Self> {
        let name = place.to_string();
        let file = Contents::open(place, key)?;
        let left = file.size_bytes();
        let mut reader = Self {
            file: BufReader::with_capacity(1 << 18, file),
            name: name.clone(),
            left,
            schema: Value::Null,
            codec: Codec::Null,
            sync: [0; SYNC_BYTES],
            compressed: Vec::new(),
        };
        let mut magic = [0; MAGIC.len()];
        if left < magic.len() as u64 || reader.exact(&mut magic).is_err() || magic != *MAGIC {
            return Err(Kind::Refused.error(format!("{name} is not an Avro file")));
        }
        let mut schema = None;
        loop {
            let mut count = reader.number()?;
            if count == 0 {
                break;
            }
            if count < 0 {
                reader.number()?;
                count = count.checked_neg().ok_or_else(|| reader.damaged())?;
            }
            for _ in 0..count {
                let key = reader.text()?;
                let value = reader.text()?;
                match key.as_slice() {
                    b"avro.schema" => schema = serde_json::from_slice(&value).ok(),
                    b"avro.codec" => {
                        let named = String::from_utf8_lossy(&value);
                        reader.codec = Codec::of_name(&named).ok_or_else(|| {
                            Kind::Mismatch.error(format!(
                                "{name} is compressed with {named}, which is not supported: write it with deflate"
                            ))
                        })?;
                    }
                    _ => {}
                }
            }
        }
        reader.schema = schema.ok_or_else(|| reader.damaged())?;
        let mut sync = [0; SYNC_BYTES];
        reader.exact(&mut sync)?;
        reader.sync = sync;
        Ok(reader)
    }

    /// The schema of the rows.
    pub(crate) fn schema(&self) -> &Value {
        &self.schema
    }

    /// Decompresses the next block into `rows` and returns the number of its rows; `None` at the end of the file.
    ///
    /// # Errors
    /// [`Kind::Refused`] if the file is damaged or cut off.
    pub(crate) fn next_block(&mut self, rows: &mut Vec<u8>) -> anyhow::Result<Option<u64>> {
        match self.file.fill_buf() {
            Ok([]) => return Ok(None),
            Ok(_) => {}
            Err(error) => return self.unreadable(error),
        }
        let count = u64::try_from(self.number()?).map_err(|_| self.damaged())?;
        let bytes = u64::try_from(self.number()?).map_err(|_| self.damaged())?;
        if bytes > self.left.min(MAX_BLOCK_BYTES) {
            return Err(self.damaged());
        }
        let mut compressed = std::mem::take(&mut self.compressed);
        compressed.resize(bytes as usize, 0);
        self.exact(&mut compressed)?;
        let mut sync = [0; SYNC_BYTES];
        self.exact(&mut sync)?;
        if sync != self.sync {
            return Err(self.damaged());
        }
        self.codec
            .decompress(&compressed, rows)
            .or_fail(Kind::Refused, || self.damage())?;
        self.compressed = compressed;
        Ok(Some(count))
    }

    /// The error about a file that is damaged.
    pub(crate) fn damaged(&self) -> anyhow::Error {
        Kind::Refused.error(self.damage())
    }

    fn damage(&self) -> String {
        format!(
            "{} is damaged or cut short: take another copy of it, or an older backup",
            self.name
        )
    }

    fn exact(&mut self, bytes: &mut [u8]) -> anyhow::Result<()> {
        match self.file.read_exact(bytes) {
            Ok(()) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                Ok(())
            }
            Err(error) => self.unreadable(error),
        }
    }

    fn unreadable<T>(&self, error: std::io::Error) -> anyhow::Result<T> {
        match is_damage(&error) {
            true => Err(self.damaged()),
            false => reading(Err(error), Kind::Refused, &self.name),
        }
    }

    fn number(&mut self) -> anyhow::Result<i64> {
        let mut bytes = Vec::with_capacity(10);
        loop {
            let mut byte = [0];
            self.exact(&mut byte)?;
            bytes.push(byte[0]);
            if byte[0] & 0x80 == 0 {
                return varint::read(&mut &bytes[..]).ok_or_else(|| self.damaged());
            }
            if bytes.len() > 10 {
                return Err(self.damaged());
            }
        }
    }

    fn text(&mut self) -> anyhow::Result<Vec<u8>> {
        let bytes = usize::try_from(self.number()?).map_err(|_| self.damaged())?;
        if bytes > MAX_HEADER_BYTES || bytes as u64 > self.left {
            return Err(self.damaged());
        }
        let mut text = vec![0; bytes];
        self.exact(&mut text)?;
        Ok(text)
    }
}
