//! Counting the rows of a binary COPY, block by block.
//!
//! The format is described at <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.55.9.4>.

/// The length of the header: signature, flags, and the length of an extension, which is never there.
const HEADER_BYTES: usize = 11 + 4 + 4;

/// Counts rows while blocks come in; a block may end anywhere.
#[derive(Debug, Default)]
pub(super) struct Counter {
    rows: u64,
    header_read: bool,
    rest: Vec<u8>,
}

impl Counter {
    /// How many rows came so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes the next block.
    ///
    /// # Errors
    /// The bytes are not binary COPY.
    pub(super) fn feed(&mut self, block: &[u8]) -> anyhow::Result<()> {
        self.rest.extend_from_slice(block);
        let mut at = 0;
        if !self.header_read {
            if self.rest.len() < HEADER_BYTES {
                return Ok(());
            }
            anyhow::ensure!(self.rest.starts_with(b"PGCOPY\n"), "no binary COPY");
            self.header_read = true;
            at = HEADER_BYTES;
        }
        while let Some(bytes) = self.rest.get(at..).and_then(tuple_bytes) {
            at += bytes;
            self.rows += 1;
        }
        self.rest.drain(..at);
        Ok(())
    }
}

/// The length of the tuple that begins here; `None` if it is incomplete, or if it is the mark of the end.
fn tuple_bytes(bytes: &[u8]) -> Option<usize> {
    let (fields, _) = bytes.split_first_chunk()?;
    let fields = u16::try_from(i16::from_be_bytes(*fields)).ok()?;
    let mut at = 2;
    for _ in 0..fields {
        let (length, _) = bytes.get(at..)?.split_first_chunk()?;
        // NULL has the length -1 and no bytes.
        at += 4 + usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
    }
    (at <= bytes.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_wherever_blocks_end() {
        let mut stream = b"PGCOPY\n\xff\r\n\0".to_vec();
        stream.extend([0; 8]);
        for text in [Some("abc"), None, Some("")] {
            stream.extend(2_i16.to_be_bytes());
            stream.extend(1_i32.to_be_bytes());
            stream.push(7);
            stream.extend(text.map_or(-1, |text| text.len() as i32).to_be_bytes());
            stream.extend(text.unwrap_or_default().bytes());
        }
        stream.extend((-1_i16).to_be_bytes());
        for size in [1, 2, 7, 19, 20, stream.len()] {
            let mut counter = Counter::default();
            for block in stream.chunks(size) {
                counter.feed(block).expect("binary COPY");
            }
            assert_eq!(counter.rows(), 3, "in blocks of {size}");
        }
    }

    #[test]
    fn another_format_is_refused() {
        let text = b"1\ta text of more bytes than a header has\n";
        assert!(Counter::default().feed(text).is_err());
    }
}
