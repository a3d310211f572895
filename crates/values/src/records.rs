//! Bytes into records and fields, with lines and byte offsets; no I/O.
//!
//! The grammar is RFC 4180's with any delimiter and quote. What breaks it tears one line and no
//! more: splitting goes on at the line after the one in which the broken record began, so that a quote which
//! is never closed doesn't swallow the rows behind it.
//!
//! Lines end with LF, CRLF or CR, and all lines of a file with the same, as Postgres has it: its first line decides
//! ([`first_record`](crate::first_record::first_record)). Outside of quotes a CR or LF that is not the file's line end may belong to a value or end a row,
//! and nothing tells which. So the row that holds one is torn; and where a line of a CRLF file ends with LF alone, both that
//! line and the next one are, since they may be one row.
//!
//! A field is read in one of three states:
//!
//! - *plain*: up to the next delimiter, CR or LF, with one lookup in a table for each byte, since such fields are short.
//!   A quote inside is text ("bare").
//! - *quoted*: up to the next quote that isn't doubled, by `memchr`, which takes many bytes at once. Line breaks inside
//!   are counted afterwards, for the line numbers.
//! - *behind a quote*: a delimiter, a line end or the end of the file must follow; anything else tears the line.
//!
//! Whether a quote was lost shows only at the end of a record, and not always then: from there on all that stood outside
//! of quotes stands within them, and by chance that makes records too. So a record of several lines is believed only if it
//! has the file's number of fields and no bare quote. Otherwise its first line is torn, and splitting begins anew at the
//! second. Nothing is kept of the attempt, and bytes whose record isn't complete are not taken but come again with more
//! behind them: this is why blocks of any size give the same records. Bytes are looked at twice only where a quote is
//! lost or a block ends.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

use crate::line_end::{Found, LineEnd};

/// What separates and encloses fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grammar {
    /// What stands between fields.
    pub delimiter: u8,
    /// What encloses fields, if anything does.
    pub quote: Option<u8>,
    /// What ends a line.
    pub line_end: LineEnd,
    /// How many fields a record has. This decides about records of several lines: one with another number of fields
    /// comes from a lost quote.
    pub fields: usize,
    /// The longest record, in bytes. A quote that isn't closed within so many bytes is taken for one that never is.
    pub longest_bytes: usize,
}

/// Why a line is not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Torn {
    /// A quote was opened and never closed, or only by one that belongs to another row.
    Unclosed,
    /// Something follows a closing quote.
    AfterQuote,
    /// The line is longer than any record may be; only its beginning is kept as raw text.
    TooLong,
    /// The record holds, outside of quotes, a CR or LF that is not the file's line end.
    LineBreak,
}

/// How a field was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The field stood without quotes.
    Plain,
    /// The field stood in quotes, and holds none.
    Quoted,
    /// The field stood in quotes, and holds doubled ones.
    Escaped,
}

/// Where a field's text lies in its block, without the quotes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The offset of the field's first byte.
    pub start: u32,
    /// The offset behind the field's last byte.
    pub end: u32,
    /// How the field was written.
    pub form: Form,
}

impl Field {
    /// The field's bytes, with doubled quotes made one.
    #[inline]
    pub fn bytes<'a>(&self, block: &'a [u8], quote: Option<u8>) -> Cow<'a, [u8]> {
        let raw = &block[self.start as usize..self.end as usize];
        match (self.form, quote) {
            (Form::Escaped, Some(quote)) => Cow::Owned(unescaped(raw, quote)),
            _ => Cow::Borrowed(raw),
        }
    }
}

/// The bytes of a field whose quotes are doubled, each made one.
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

/// A record or a torn line, as a place in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// The offset of the record's first byte.
    pub start: u32,
    /// The offset behind the record's last byte, which is before the line break.
    pub end: u32,
    /// The physical line on which the record begins, counted from 1.
    pub line: u64,
    /// The index of the record's first field among the block's.
    pub first_field: u32,
    /// How many fields the record has.
    pub fields: u32,
    /// Why this is not a record but a torn line.
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

    /// Forgets all records, and keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.fields.clear();
    }
}

/// What was noticed about a file's lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Noticed {
    /// Lines that end with LF alone.
    pub lf: u64,
    /// Lines that end with CRLF.
    pub crlf: u64,
    /// Lines that end with CR alone.
    pub cr: u64,
    /// Whether the last line has no end.
    pub open_end: bool,
    /// Lines without anything, which are not records (unless records have one field).
    pub blank_lines: u64,
}

/// Splits one file, block by block.
#[derive(Debug, Clone)]
pub struct Splitter {
    grammar: Grammar,
    /// For each byte, whether it ends a run of plain text.
    special: [bool; 256],
    line: u64,
    /// Whether the line before, in a file of CRLF, ended with LF alone.
    cut: bool,
    /// Whether the bytes to come belong to a line that was too long, and are dropped up to its end.
    skipping: bool,
    noticed: Noticed,
}

/// What was found at the beginning of some bytes.
enum Step {
    /// A whole record that ends at `end`; the next one begins at `next`.
    Whole {
        end: usize,
        next: usize,
        lines: u64,
        /// Whether a CR or LF outside of quotes was passed that is not the file's line end.
        stray: bool,
    },
    Torn(Torn),
    /// The bytes end before the record does.
    More,
}

impl Splitter {
    /// A splitter of bytes that begin on this line of the file, counted from 1.
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

    /// What was noticed about the lines so far.
    pub fn noticed(&self) -> Noticed {
        self.noticed
    }

    /// Adds the records of `bytes` to `out` and returns how many bytes they took; the rest must come again with more
    /// behind it. With `at_end`, all bytes are taken. `bytes` is shorter than 4 GiB.
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
            // Its beginning is the record; all that follows on the line is dropped.
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

    /// Whether a line, in a file of CRLF, ends with LF alone.
    fn is_cut(&self, line: &[u8]) -> bool {
        self.grammar.line_end == LineEnd::CrLf && line.ends_with(b"\n") && !line.ends_with(b"\r\n")
    }

    /// Counts the kind of line end that a line has.
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
                // What comes next decides whether the quote closed at all.
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

    /// What to make of something that follows a closing quote. Past a line break the quote was another row's, so that
    /// this row's own was never closed.
    fn after_quote(&self, breaks: u64) -> Step {
        Step::Torn(if breaks > 0 {
            Torn::Unclosed
        } else {
            Torn::AfterQuote
        })
    }
}

/// Why a record is too long: one that goes over line breaks has lost a quote.
fn too_long(breaks: u64) -> Torn {
    if breaks > 0 {
        Torn::Unclosed
    } else {
        Torn::TooLong
    }
}

/// How many bytes of a line that is too long can be dropped. A CR at their end is not among them, since LF may follow.
fn skipped(bytes: &[u8], at_end: bool) -> usize {
    match bytes {
        [before @ .., b'\r'] if !at_end => before.len(),
        bytes => bytes.len(),
    }
}

/// Finds the first quote in `text` that is not doubled, and says whether there are doubled ones before it.
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
