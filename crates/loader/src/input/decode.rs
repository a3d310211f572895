//! A file's bytes as text that can be split: byte order marks, and encodings in which a delimiter may be part of a character.
//!
//! UTF-8 and encodings of one byte for each character are split as they are, and decoded field by field. All others (UTF-16,
//! Shift_JIS, GBK, …) are turned into UTF-8 before they are split, so lines and byte offsets are those of the UTF-8 text.

use std::io::{self, Cursor, Read};

use dataset::encoding::{Decoder, Encoding};
use dataset::failure::Kind;
use storage::place::reading;

use crate::input::foreign;

/// How many bytes are looked at for an encoding, and decoded at once.
const PIECE_BYTES: usize = 64 << 10;

/// A file's bytes after its byte order mark, in an encoding that can be split.
pub(crate) struct Decoded {
    pub(crate) bytes: Box<dyn Read + Send>,
    /// What the bytes mean.
    pub(crate) encoding: Encoding,
    /// The offset of the first of `bytes` in the file, or in the file's text if that was turned into UTF-8.
    pub(crate) offset: u64,
    /// What the report says about the encoding.
    pub(crate) notes: Vec<String>,
}

/// Looks at a file's first bytes and turns it into text: in the encoding that a byte order mark names, or else in the declared
/// one.
///
/// # Errors
/// [`Kind::Refused`] if the bytes cannot be read, [`Kind::Connection`] if a bucket gives no answer; [`Kind::Mismatch`] if they are
/// not text, or are text in another encoding.
pub(crate) fn decoded(
    name: &str,
    mut bytes: Box<dyn Read + Send>,
    declared: Encoding,
) -> anyhow::Result<Decoded> {
    let mut head = Vec::new();
    let read = bytes
        .by_ref()
        .take(PIECE_BYTES as u64)
        .read_to_end(&mut head);
    reading(read, Kind::Refused, name)?;
    if let Some(what) = foreign::named(&head, declared) {
        return Err(Kind::Mismatch.error(format!("{name} is {what}")));
    }
    let mark = Encoding::for_mark(&head);
    let (encoding, length) = mark.unwrap_or((declared, 0));
    let mut notes = Vec::new();
    if length > 0 {
        notes.push(match (encoding == declared, declared == Encoding::UTF_8) {
            (true, _) => "begins with a byte order mark".to_owned(),
            (false, true) => format!("is {}, as its byte order mark says", encoding.name()),
            (false, false) => format!(
                "is read as {}, as its byte order mark says, though {} is declared",
                encoding.name(),
                declared.name()
            ),
        });
    }
    let rest = Cursor::new(head.split_off(length)).chain(bytes);
    if encoding.keeps_ascii() {
        return Ok(Decoded {
            bytes: Box::new(rest),
            encoding,
            offset: length as u64,
            notes,
        });
    }
    notes.push(format!(
        "is converted from {} to UTF-8, in which bytes are counted",
        encoding.name()
    ));
    Ok(Decoded {
        bytes: Box::new(Transcoder::new(rest, encoding.decoder())),
        encoding: Encoding::UTF_8,
        offset: 0,
        notes,
    })
}

/// A reader that gives UTF-8, with [`Decoder::UNDECODABLE`] in place of bytes that are not a character.
struct Transcoder<R> {
    raw: R,
    decoder: Decoder,
    piece: Vec<u8>,
    text: Vec<u8>,
    /// How many bytes of `text` were given to the caller.
    given: usize,
    at_end: bool,
}

impl<R: Read> Transcoder<R> {
    fn new(raw: R, decoder: Decoder) -> Self {
        Self {
            raw,
            decoder,
            piece: vec![0; PIECE_BYTES],
            text: Vec::new(),
            given: 0,
            at_end: false,
        }
    }
}

impl<R: Read> Read for Transcoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // A piece may end within a character, and then give no text.
        while self.given == self.text.len() && !self.at_end {
            let count = self.raw.read(&mut self.piece)?;
            self.at_end = count == 0;
            self.text.clear();
            self.given = 0;
            self.decoder
                .decode(&self.piece[..count], self.at_end, &mut self.text);
        }
        let count = buffer.len().min(self.text.len() - self.given);
        buffer[..count].copy_from_slice(&self.text[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}
