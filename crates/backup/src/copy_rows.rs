//! Takes the rows of a binary COPY out of the blocks that it comes in: fields stay bytes, and no values are made of them.

use dataset::failure::Kind;

/// The bytes that a stream begins with: the signature, the flags and the length of an extension, which is 0.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// The part of a stream that has come so far and was not taken yet.
#[derive(Default)]
pub(crate) struct CopyRows {
    pending: Vec<u8>,
    /// Where the next row begins.
    at: usize,
    has_begun: bool,
    has_ended: bool,
}

/// The fields of a row, one after the other. `None` is NULL.
#[derive(Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        // The row is known to be complete.
        let (field, rest) = rest.split_at_checked(length.unwrap_or(0))?;
        self.rest = rest;
        Some(length.map(|_| field))
    }
}

impl CopyRows {
    /// Takes the next bytes of the stream.
    pub(crate) fn push(&mut self, block: &[u8]) {
        self.pending.drain(..self.at);
        self.at = 0;
        self.pending.extend_from_slice(block);
    }

    /// The next complete row, of this many fields; `None` if there is none yet.
    ///
    /// # Errors
    /// An error if the stream is not what a server sends.
    pub(crate) fn next_row(&mut self, fields: usize) -> anyhow::Result<Option<Fields<'_>>> {
        if !self.has_begun {
            let Some(header) = self.pending.get(..HEADER.len()) else {
                return Ok(None);
            };
            if header != HEADER {
                return Err(unexpected("another header"));
            }
            self.at = HEADER.len();
            self.has_begun = true;
        }
        let rest = &self.pending[self.at..];
        let Some((count, rest)) = rest.split_first_chunk::<2>() else {
            return Ok(None);
        };
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            self.has_ended = true;
            return Ok(None);
        }
        if usize::try_from(count) != Ok(fields) {
            return Err(unexpected("a row with a different number of fields"));
        }
        let mut end = 0;
        for _ in 0..fields {
            let Some(length) = rest.get(end..).and_then(|rest| rest.first_chunk::<4>()) else {
                return Ok(None);
            };
            end += 4 + usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
        }
        let Some(row) = rest.get(..end) else {
            return Ok(None);
        };
        self.at += 2 + end;
        Ok(Some(Fields { rest: row }))
    }

    /// Checks that the stream has come to its end.
    ///
    /// # Errors
    /// An error if the stream was cut off.
    pub(crate) fn finish(&self) -> anyhow::Result<()> {
        match self.has_ended {
            true => Ok(()),
            false => Err(Kind::Connection
                .error("the server stopped sending in the middle of the rows: run again")),
        }
    }
}

fn unexpected(what: &str) -> anyhow::Error {
    Kind::Internal.error(format!("the server's binary COPY has {what}"))
}
