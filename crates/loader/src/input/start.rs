//! Where a file's records begin, and how its lines end: lines to skip, a first line `sep=;`, the first line's end.

use std::io::Read;

use dataset::failure::Kind;
use dataset::load_rules::LoadRules;
use memchr::memchr2;
use storage::place::reading;
use values::first_record::first_record;
use values::line_end::LineEnd;
use values::records::{Grammar, Record, Records, Splitter, Torn};

/// How many bytes are read at first to find the first record; each further reading doubles them.
const HEAD_BYTES: usize = 64 << 10;
/// How a first line begins in which Excel names the delimiter.
const TELLS_DELIMITER: &[u8] = b"sep=";

/// A file's beginning, with at least its first record if it has one.
pub(crate) struct Start {
    pub(crate) head: Vec<u8>,
    /// Where the first record begins, or would begin if there were one, in `head`.
    pub(crate) begin: usize,
    /// The line on which it begins.
    pub(crate) line: u64,
    /// The grammar of the file's records; its number of fields is the first record's, or 0 if that is not known.
    pub(crate) grammar: Grammar,
    /// The records in what was read.
    pub(crate) records: Records,
    pub(crate) notes: Vec<String>,
}

impl Start {
    /// Reads until the first record is whole.
    ///
    /// # Errors
    /// [`Kind::Refused`] if the file cannot be read, [`Kind::Connection`] if a bucket gives no answer; [`Kind::Mismatch`] if the
    /// file's lines cannot be told apart, or if it has fewer lines than are skipped.
    pub(crate) fn read(
        name: &str,
        bytes: &mut dyn Read,
        rules: &LoadRules,
    ) -> anyhow::Result<Self> {
        let mut head = Vec::new();
        loop {
            let wanted = head.len().max(HEAD_BYTES);
            let read = bytes.take(wanted as u64).read_to_end(&mut head);
            let read = reading(read, Kind::Refused, name)?;
            let found = Self::of(&mut head, read < wanted, rules)
                .map_err(|why| Kind::Mismatch.error(format!("{name} {why}")))?;
            if let Some(start) = found {
                return Ok(start);
            }
        }
    }

    /// The bytes that the records are in.
    pub(crate) fn body(&self) -> &[u8] {
        &self.head[self.begin..]
    }

    /// The bytes of a record as they are in the file.
    pub(crate) fn raw(&self, record: &Record) -> &[u8] {
        &self.body()[record.start as usize..record.end as usize]
    }

    /// Parses the beginning if all of it is in `head`, whose bytes are then taken; `None` if more bytes are needed.
    fn of(head: &mut Vec<u8>, at_end: bool, rules: &LoadRules) -> Result<Option<Self>, String> {
        let (mut begin, mut line) = (0, 1);
        for skipped in 0..rules.skip_lines {
            match line_length(&head[begin..], at_end) {
                Some(0) => {
                    return Err(format!(
                        "has {skipped} lines, but {} are to be skipped (skip_lines)",
                        rules.skip_lines
                    ));
                }
                Some(length) => begin += length,
                None => return Ok(None),
            }
            line += 1;
        }
        let mut grammar = Grammar {
            delimiter: rules.delimiter,
            quote: rules.quote,
            line_end: LineEnd::default(),
            fields: 0,
            longest_bytes: rules.max_record_bytes,
        };
        let mut notes = Vec::new();
        if rules.skip_lines > 0 {
            notes.push(format!("has {} lines skipped", rules.skip_lines));
        }
        match told_delimiter(&head[begin..], at_end) {
            Told::Delimiter { delimiter, length } => {
                if Some(delimiter) == rules.quote {
                    return Err("says in its first line that the quote separates fields".to_owned());
                }
                begin += length;
                line += 1;
                // The file's own line outranks the declared delimiter, and a wrong delimiter shows at the header.
                grammar.delimiter = delimiter;
                notes.push(match delimiter == rules.delimiter {
                    true => "begins with a line that tells the delimiter".to_owned(),
                    false => format!(
                        "is separated by {:?}, as its first line says, though {:?} is declared",
                        char::from(delimiter),
                        char::from(rules.delimiter)
                    ),
                });
            }
            Told::Nothing => {}
            Told::More => return Ok(None),
        }
        let body = &head[begin..];
        let is_long = body.len() > grammar.longest_bytes;
        match first_record(body, grammar, at_end) {
            Some(first) => {
                grammar.line_end = first.line_end;
                // A record of several lines has as many fields as the first record. With one field, blank lines would be records.
                grammar.fields = first.fields.filter(|fields| *fields > 1).unwrap_or(0);
            }
            None if at_end || is_long => {}
            None => return Ok(None),
        }
        let mut records = Records::default();
        Splitter::new(grammar, line).split(body, at_end, &mut records);
        if records.records.is_empty() && !at_end {
            return Ok(None);
        }
        let mut breaks = records
            .records
            .iter()
            .filter(|record| record.torn == Some(Torn::LineBreak));
        // Many programs write a lone CR into a value, and few write one at the end of lines.
        if grammar.line_end == LineEnd::Cr
            && let Some(other) = breaks.next()
        {
            return Err(format!(
                "ends its first line with a carriage return alone, but has a line feed after it (line {}), so it is \
                 not clear which of them ends lines; write all line ends alike, as with tr -d '\\r' or tr '\\r' '\\n'",
                other.line
            ));
        }
        Ok(Some(Self {
            head: std::mem::take(head),
            begin,
            line,
            grammar,
            records,
            notes,
        }))
    }
}

/// The length of the first line with its end, 0 at the end of the file. `None` if more bytes are needed.
fn line_length(bytes: &[u8], at_end: bool) -> Option<usize> {
    match memchr2(b'\r', b'\n', bytes) {
        Some(at) => Some(at + LineEnd::of(&bytes[at..], at_end)?.bytes().len()),
        None => at_end.then_some(bytes.len()),
    }
}

/// What a first line says about the delimiter.
enum Told {
    /// The line names the delimiter, and is `length` bytes long with its end.
    Delimiter { delimiter: u8, length: usize },
    /// The line is not about the delimiter.
    Nothing,
    /// The bytes end before the line does.
    More,
}

/// Reads a line such as `sep=;`, with or without quotes around it.
fn told_delimiter(bytes: &[u8], at_end: bool) -> Told {
    // The longest such line: quotes around it, and CRLF.
    let longest = TELLS_DELIMITER.len() + 5;
    let begin = &bytes[..bytes.len().min(longest)];
    let unquoted = begin.strip_prefix(b"\"").unwrap_or(begin);
    let tells = unquoted
        .get(..TELLS_DELIMITER.len())
        .is_some_and(|word| word.eq_ignore_ascii_case(TELLS_DELIMITER));
    if !tells {
        return match begin.len() < longest && !at_end {
            true => Told::More,
            false => Told::Nothing,
        };
    }
    let Some(length) = line_length(begin, at_end || bytes.len() > longest) else {
        return match bytes.len() < longest {
            true => Told::More,
            false => Told::Nothing,
        };
    };
    let line = &begin[..length];
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = match line {
        [b'"', within @ .., b'"'] => within,
        line => line,
    };
    match line.get(TELLS_DELIMITER.len()..) {
        Some([delimiter])
            if delimiter.is_ascii_punctuation() || matches!(delimiter, b'\t' | b' ') =>
        {
            Told::Delimiter {
                delimiter: *delimiter,
                length,
            }
        }
        _ => Told::Nothing,
    }
}
