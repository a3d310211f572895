//! Sends encoded rows to a running COPY, in blocks.

use database::copy::write::{BLOCK_BYTES, CopyIn};

/// The number of bytes after which a COPY is ended, since only at its end does the server say which rows it refuses.
const COPY_BYTES: usize = 64 << 20;

/// Gathers encoded rows, and sends them to the server in blocks.
pub(crate) struct CopySender<'a, 'c> {
    copy: &'a mut CopyIn<'c>,
    block: Vec<u8>,
    rows: u64,
    sent_bytes: usize,
}

impl<'a, 'c> CopySender<'a, 'c> {
    pub(crate) fn new(copy: &'a mut CopyIn<'c>) -> Self {
        Self {
            copy,
            block: Vec::with_capacity(BLOCK_BYTES * 2),
            rows: 0,
            sent_bytes: 0,
        }
    }

    /// Adds encoded rows.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn add(&mut self, encoded: &[u8], rows: u64) -> anyhow::Result<()> {
        self.block.extend_from_slice(encoded);
        self.rows += rows;
        if self.block.len() >= BLOCK_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Sends what was added so far.
    ///
    /// # Errors
    /// The connection is gone.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.copy.send(&self.block, self.rows)?;
        self.sent_bytes += self.block.len();
        self.block.clear();
        self.rows = 0;
        Ok(())
    }

    /// Whether enough was sent for one COPY.
    pub(crate) fn is_full(&self) -> bool {
        self.sent_bytes >= COPY_BYTES
    }
}
