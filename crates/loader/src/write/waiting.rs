//! Rows that come before the rows that they refer to.

use dataset::failure::Kind;

use crate::keys::memory_limit::WaitingKeys;

/// Waiting rows may take one part in this many of the memory for keys.
const MEMORY_SHARE: u64 = 3;
/// At the end of the file, the relations between waiting rows take about as much memory again as the rows.
const TIMES_AT_END: u64 = 2;
/// About how many bytes the allocator takes for each text and list of a row, apart from its contents.
const ALLOCATION_BYTES: usize = 16;

/// A row that waits for its parent to come.
pub(super) struct WaitingRow {
    pub(super) keys: WaitingKeys,
    pub(super) encoded: Vec<u8>,
    pub(super) line: u64,
    pub(super) byte_offset: u64,
    pub(super) raw: String,
}

/// The rows of a file that wait, in the file's order.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) rows: Vec<WaitingRow>,
    bytes: u64,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many bytes of the memory for keys the rows need, counting what is added at the end of the file.
    pub(super) fn needed_bytes(&self) -> u64 {
        self.bytes * TIMES_AT_END
    }

    /// The keys of all rows.
    pub(super) fn keys(&mut self) -> impl Iterator<Item = &mut WaitingKeys> {
        self.rows.iter_mut().map(|row| &mut row.keys)
    }

    /// Adds a row of a file.
    ///
    /// # Errors
    /// [`Kind::Usage`] if the rows don't fit in their share of the memory.
    pub(super) fn add(
        &mut self,
        row: WaitingRow,
        memory_bytes: u64,
        file: &str,
    ) -> anyhow::Result<()> {
        let texts = row.encoded.len() + row.raw.len();
        let lists = row.keys.bytes() + 4 * ALLOCATION_BYTES;
        let bytes = texts + lists + size_of::<WaitingRow>();
        self.bytes += bytes as u64;
        self.rows.push(row);
        if self.bytes > memory_bytes / MEMORY_SHARE {
            return Err(Kind::Usage.error(format!(
                "{file}: the rows that come before those that they refer to don't fit in memory: give more with \
                 --memory, or sort the file"
            )));
        }
        Ok(())
    }
}
