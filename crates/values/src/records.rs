//! Splits bytes into records and fields, with their lines and byte offsets. There is no I/O.
//!
//! The grammar is that of RFC 4180 with any delimiter and quote. A violation tears only one line:
//! splitting goes on with the line after the one in which the broken record began, so that a quote which
//! is never closed doesn't swallow the rows after it.
//!
//! Lines end with LF, CRLF or CR, and all lines of a file in the same way, as in Postgres; the first line decides
//! ([`first_record`](crate::first_record::first_record)). A CR or LF outside of quotes that is not the file's line end may belong
//! to a value or end a row, and nothing tells which. So the row that has one is torn; and if a line of a CRLF file ends with a lone
//! LF, both that line and the next one are torn, since they may be one row.
//!
//! A field is read in one of three states:
//!
//! - *plain*: up to the next delimiter, CR or LF, with one lookup in a table for each byte, since such fields are short.
//!   A quote inside is text ("bare").
//! - *quoted*: up to the next quote that isn't doubled, with `memchr`, which scans many bytes at once. Line breaks inside
//!   are counted afterwards, for the line numbers.
//! - *after a quote*: a delimiter, a line end or the end of the file must follow; anything else tears the line.
//!
//! Only the end of a record shows whether a quote was lost, and not always: from the lost quote on, everything that was outside
//! of quotes is inside, and by chance that can give records too. So a record of several lines is believed only if it
//! has the file's number of fields and no bare quote. Otherwise its first line is torn, and splitting starts again at the
//! second. Nothing of the attempt is kept, and the bytes of an incomplete record are not consumed: they come again with more
//! after them. This is why blocks of any size give the same records. Bytes are looked at twice only if a quote is
//! lost or a block ends.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

use crate::line_end::{Found, LineEnd};

/// The characters that separate and enclose fields, and the limits of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grammar {
    /// The byte between fields.
    pub delimiter: u8,
    /// The byte that encloses fields, if there is one.
    pub quote: Option<u8>,
    /// The line end of the file.
    pub line_end: LineEnd,
    /// How many fields a record has. This decides about records of several lines: one with a different number of fields
    /// is the result of a lost quote.
    pub fields: usize,
    /// The longest record, in bytes. A quote that isn't closed within this length counts as never closed.
    pub longest_bytes: usize,
}

/// The reason why a line is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Torn {
    /// A quote was opened and never closed, or closed only by a quote of another row.
    Unclosed,
    /// Something other than a delimiter or line end follows a closing quote.
    AfterQuote,
    /// The line is longer than any record may be; only its beginning is kept as raw text.
    TooLong,
    /// The record holds, outside of quotes, a CR or LF that is not the file's line end.
    LineBreak,
}

/// How a field was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The field was written without quotes.
    Plain,
    /// The field was written in quotes, and contains no quotes.
    Quoted,
    /// The field was written in quotes, and contains doubled quotes.
    Escaped,
}

/// The place of a field's text in its block, without the quotes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The offset of the field's first byte.
    pub start: u32,
    /// The offset after the field's last byte.
    pub end: u32,
    /// How the field was written.
    pub form: Form,
}

impl Field {
    /// The field's bytes, with doubled quotes turned into single ones.
    #[inline]
    pub fn bytes<'a>(&self, block: &'a [u8], quote: Option<u8>) -> Cow<'a, [u8]> {
        let raw = &block[self.start as usize..self.end as usize];
        match (self.form, quote) {
            (Form::Escaped, Some(quote)) => Cow::Owned(unescaped(raw, quote)),
            _ => Cow::Borrowed(raw),
        }
    }
}

/// The bytes of a field, with doubled quotes turned into single ones.
fn unescaped(raw: &[u8], quote: u8) -> Vec<u8> {
    let mut whole = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr(quote, rest) {
        whole.extend_from_slice(&rest[..=at]);
        rest = &rest[(at + 2).min(rest.len())..];
    }
    whole.extend_from_slice(rest);
    whole
}

/// The place of a record, or of a torn line, in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The offset of the record's first byte.
    pub start: u32,
    /// The offset after the record's last byte, which comes before the line break.
    pub end: u32,
    /// The physical line on which the record begins, counted from 1.
    pub line: u64,
    /// The index of the record's first field among the fields of the block.
    pub first_field: u32,
    /// How many fields the record has.
    pub fields: u32,
    /// The reason why this is a torn line and not a record; `None` for a record.
    pub torn: Option<Torn>,
}

/// The records of a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// The records, in the order of the file.
    pub records: Vec<Record>,
    /// The fields of all records.
    pub fields: Vec<Field>,
}

impl Records {
    /// The fields of one record.
    #[inline]
    pub fn fields_of(&self, record: &Record) -> &[Field] {
        &self.fields[record.first_field as usize..][..record.fields as usize]
    }

    /// Drops all records, but keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.fields.clear();
    }
}

/// Facts about a file's lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noticed {
    /// How many lines end with LF alone.
    pub lf: u64,
    /// How many lines end with CRLF.
    pub crlf: u64,
    /// How many lines end with CR alone.
    pub cr: u64,
    /// Whether the last line lacks its end.
    pub open_end: bool,
    /// How many lines are empty; they are not records (unless records have one field).
    pub blank_lines: u64,
}

/// Splits one file, block by block.
#[derive(Debug, Clone)]
pub struct Splitter {
    grammar: Grammar,
    /// For each byte, whether it ends a run of plain text.
    special: [bool; 256],
    line: u64,
    /// Whether the previous line, in a file of CRLF, ended with LF alone.
    cut: bool,
    /// Whether the next bytes belong to a line that was too long, and are dropped up to its end.
    skipping: bool,
    noticed: Noticed,
}

/// The result of looking at the beginning of some bytes.
enum Step {
    /// A complete record that ends at `end`; the next one begins at `next`.
    Whole {
        end: usize,
        next: usize,
        lines: u64,
        /// Whether it has, outside of quotes, a CR or LF that is not the file's line end.
        stray: bool,
    },
    Torn(Torn),
    /// The bytes end before the record does.
    More,
}

impl Splitter {
    /// Creates a splitter for bytes that begin on this line of the file, counted from 1.
    pub fn new(grammar: Grammar, line: u64) -> Self {
        let mut special = [false; 256];
        let breaks = [Some(b'\n'), Some(b'\r')];
        for byte in [Some(grammar.delimiter), grammar.quote]
            .into_iter()
            .chain(breaks)
            .flatten()
        {
            special[usize::from(byte)] = true;
        }
        Self {
            grammar,
            special,
            line,
            cut: false,
            skipping: false,
            noticed: Noticed::default(),
        }
    }

    /// The facts about the lines so far.
    pub fn noticed(&self) -> Noticed {
        self.noticed
    }

    /// Adds the records of `bytes` to `out` and returns how many bytes they took. The rest must come again, with more
    /// after it. With `at_end`, all bytes are taken. `bytes` must be shorter than 4 GiB.
    pub fn split(&mut self, bytes: &[u8], at_end: bool, out: &mut Records) -> usize {
        let mut at = 0;
        if self.skipping {
            match memchr(self.grammar.line_end.last_byte(), bytes) {
                Some(end) => {
                    self.skipping = false;
                    self.line += 1;
                    at = end + 1;
                    self.cut = self.is_cut(&bytes[..at]);
                }
                None => return skipped(bytes, at_end),
            }
        }
        while at < bytes.len() {
            let first_field = out.fields.len();
            let (end, next, lines, torn) =
                match self.record(bytes, at, at_end, &mut out.fields, first_field) {
                    Step::Whole {
                        end,
                        next,
                        lines,
                        stray,
                    } => {
                        let cut = self.is_cut(&bytes[at..next]);
                        let rest = self.cut && (end > at || self.grammar.fields == 1);
                        let torn = (stray || cut || rest).then_some(Torn::LineBreak);
                        if torn.is_some() {
                            out.fields.truncate(first_field);
                        }
                        (end, next, lines, torn)
                    }
                    Step::More => {
                        out.fields.truncate(first_field);
                        return at;
                    }
                    Step::Torn(torn) => {
                        out.fields.truncate(first_field);
                        match self.torn_line(bytes, at, at_end, torn) {
                            Some(line) => line,
                            None => return at,
                        }
                    }
                };
            self.cut = self.is_cut(&bytes[at..next]);
            let blank = torn.is_none() && end == at && self.grammar.fields != 1;
            if blank {
                out.fields.truncate(first_field);
                self.noticed.blank_lines += 1;
            } else {
                out.records.push(Record {
                    start: at as u32,
                    end: end as u32,
                    line: self.line,
                    first_field: first_field as u32,
                    fields: (out.fields.len() - first_field) as u32,
                    torn,
                });
            }
            self.line += lines;
            at = next;
            if self.skipping {
                break;
            }
        }
        at
    }

    /// Finds the end of the line on which a torn record began. Returns that end, where to go on, how many lines were
    /// passed, and why the line is torn; `None` if more bytes are needed.
    fn torn_line(
        &mut self,
        bytes: &[u8],
        start: usize,
        at_end: bool,
        torn: Torn,
    ) -> Option<(usize, usize, u64, Option<Torn>)> {
        let length = memchr(self.grammar.line_end.last_byte(), &bytes[start..]);
        let longest = self.grammar.longest_bytes;
        match length {
            Some(length) if length <= longest => {
                let line = &bytes[start..=start + length];
                self.count_line(line);
                let text = line.strip_suffix(self.grammar.line_end.bytes());
                let end = start + text.map_or(length, <[u8]>::len);
                Some((end, start + length + 1, 1, Some(torn)))
            }
            None if at_end && bytes.len() - start <= longest => {
                self.noticed.open_end = true;
                Some((bytes.len(), bytes.len(), 0, Some(torn)))
            }
            None if bytes.len() - start <= longest => None,
            // The beginning of the line is the record; the rest of the line is dropped.
            Some(length) => Some((start + longest, start + length + 1, 1, Some(Torn::TooLong))),
            None => {
                self.skipping = true;
                Some((
                    start + longest,
                    skipped(bytes, at_end),
                    0,
                    Some(Torn::TooLong),
                ))
            }
        }
    }

    /// Whether a line of a CRLF file ends with LF alone.
    fn is_cut(&self, line: &[u8]) -> bool {
        self.grammar.line_end == LineEnd::CrLf && line.ends_with(b"\n") && !line.ends_with(b"\r\n")
    }

    /// Counts a line by the kind of its line end.
    fn count_line(&mut self, line: &[u8]) {
        if line.ends_with(b"\r\n") {
            self.noticed.crlf += 1;
        } else if line.ends_with(b"\n") {
            self.noticed.lf += 1;
        } else {
            self.noticed.cr += 1;
        }
    }

    fn record(
        &mut self,
        bytes: &[u8],
        start: usize,
        at_end: bool,
        fields: &mut Vec<Field>,
        first_field: usize,
    ) -> Step {
        let Grammar {
            delimiter,
            quote,
            line_end,
            longest_bytes,
            ..
        } = self.grammar;
        let unfinished = |torn: Torn| {
            if at_end || bytes.len() - start > longest_bytes {
                Step::Torn(torn)
            } else {
                Step::More
            }
        };
        let mut at = start;
        let mut breaks = 0;
        let mut bare_quote = false;
        let mut stray = false;
        loop {
            let opened = quote.is_some() && bytes.get(at).copied() == quote;
            let field_start = if opened { at + 1 } else { at };
            let mut closed = None;
            if opened {
                let quote = quote.unwrap_or_default();
                let Some((closing, form)) = closing_quote(&bytes[field_start..], quote) else {
                    return unfinished(Torn::Unclosed);
                };
                let closing = field_start + closing;
                if closing - start > longest_bytes {
                    return Step::Torn(Torn::Unclosed);
                }
                let within = memchr_iter(line_end.last_byte(), &bytes[field_start..closing]);
                breaks += within.count() as u64;
                at = closing + 1;
                // The next byte decides whether the quote was closed at all.
                if at == bytes.len() && !at_end {
                    return unfinished(Torn::Unclosed);
                }
                closed = Some((closing, form));
            }
            let mut behind_quote = opened;
            let next = loop {
                if !behind_quote {
                    at += bytes[at..]
                        .iter()
                        .position(|byte| self.special[usize::from(*byte)])
                        .unwrap_or(bytes.len() - at);
                }
                match bytes.get(at) {
                    Some(byte) if *byte == delimiter => break None,
                    Some(b'\n' | b'\r') => match line_end.found(&bytes[at..], at_end) {
                        Found::End(length) => break Some(at + length),
                        Found::Stray => {
                            stray = true;
                            behind_quote = false;
                        }
                        Found::More => return unfinished(too_long(breaks)),
                    },
                    Some(_) if behind_quote => return self.after_quote(breaks),
                    Some(_) => bare_quote = true,
                    None if at_end => break Some(at),
                    None => return unfinished(too_long(breaks)),
                }
                at += 1;
            };
            let (text_end, form) = closed.unwrap_or((at, Form::Plain));
            fields.push(Field {
                start: field_start as u32,
                end: text_end as u32,
                form,
            });
            let Some(next) = next else {
                at += 1;
                continue;
            };
            if next - start > longest_bytes {
                return Step::Torn(too_long(breaks));
            }
            let count = fields.len() - first_field;
            if breaks > 0 && (count != self.grammar.fields || bare_quote) {
                return Step::Torn(Torn::Unclosed);
            }
            let mut lines = breaks;
            if next > at {
                self.count_line(&bytes[start..next]);
                lines += 1;
            } else {
                self.noticed.open_end = true;
            }
            return Step::Whole {
                end: at,
                next,
                lines,
                stray,
            };
        }
    }

    /// What it means that something follows a closing quote. After a line break that quote belonged to another row, so
    /// this row's own quote was never closed.
    fn after_quote(&self, breaks: u64) -> Step {
        Step::Torn(if breaks > 0 {
            Torn::Unclosed
        } else {
            Torn::AfterQuote
        })
    }
}

/// The reason why a record is too long: if it has line breaks, it has lost a quote.
fn too_long(breaks: u64) -> Torn {
    if breaks > 0 {
        Torn::Unclosed
    } else {
        Torn::TooLong
    }
}

/// How many bytes of a line that is too long can be dropped. A CR at their end is kept, since LF may follow.
fn skipped(bytes: &[u8], at_end: bool) -> usize {
    match bytes {
        [before @ .., b'\r'] if !at_end => before.len(),
        bytes => bytes.len(),
    }
}

/// Finds the first quote in `text` that is not doubled, and says whether doubled quotes come before it.
pub(crate) fn closing_quote(text: &[u8], quote: u8) -> Option<(usize, Form)> {
    let mut at = 0;
    let mut form = Form::Quoted;
    loop {
        at += memchr(quote, &text[at..])?;
        if text.get(at + 1) != Some(&quote) {
            return Some((at, form));
        }
        form = Form::Escaped;
        at += 2;
    }
}

#[cfg(test)]
#[path = "records_tests.rs"]
pub(crate) mod tests;
