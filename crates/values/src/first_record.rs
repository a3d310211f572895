//! Looks at a file's first record, which shows what is true of all of them: the line end, and the number of fields.

use memchr::memchr2;

use crate::line_end::LineEnd;
use crate::records::{Grammar, closing_quote};

/// What a file's first record shows about all of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstRecord {
    /// The line end after the record.
    pub line_end: LineEnd,
    /// How many fields the record has; `None` if it has a quote that is never closed.
    pub fields: Option<usize>,
}

/// Looks at the first record of a file; the line end and the number of fields in `grammar` are ignored. `None` if `bytes` has no
/// line end, or if more bytes are needed to tell. `at_end` says that there are no more.
pub fn first_record(bytes: &[u8], grammar: Grammar, at_end: bool) -> Option<FirstRecord> {
    let Grammar {
        delimiter,
        quote,
        longest_bytes,
        ..
    } = grammar;
    let mut at = 0;
    let mut fields = 1;
    loop {
        if quote.is_some() && bytes.get(at).copied() == quote {
            let open = at + 1;
            match closing_quote(&bytes[open..], quote.unwrap_or_default()) {
                Some((closing, _)) if open + closing <= longest_bytes => at = open + closing + 1,
                None if !at_end && bytes.len() <= longest_bytes => return None,
                // A quote that is never closed hides no line end.
                _ => {
                    let first = memchr2(b'\r', b'\n', bytes)?;
                    return Some(FirstRecord {
                        line_end: LineEnd::of(&bytes[first..], at_end)?,
                        fields: None,
                    });
                }
            }
        }
        let rest = bytes.get(at..)?;
        let stop = |byte: &u8| matches!(byte, b'\r' | b'\n') || *byte == delimiter;
        at += rest.iter().position(stop)?;
        if bytes[at] != delimiter {
            return Some(FirstRecord {
                line_end: LineEnd::of(&bytes[at..], at_end)?,
                fields: Some(fields),
            });
        }
        at += 1;
        fields += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::tests::GRAMMAR;

    #[test]
    fn the_first_record_tells_the_line_end_and_the_number_of_fields() {
        let quoted = "\"a\r\nb\",\"c\n\"";
        for (text, line_end, fields) in [
            ("a,b\r\nc\n", LineEnd::CrLf, Some(2)),
            ("a,b\nc\r\n", LineEnd::Lf, Some(2)),
            ("a,b\rc\r\n", LineEnd::Cr, Some(2)),
            ("a\r", LineEnd::Cr, Some(1)),
            ("\r\r\n", LineEnd::Cr, Some(1)),
            ("5\",b\rc", LineEnd::Cr, Some(2)),
            (&format!("{quoted}\rx\n"), LineEnd::Cr, Some(2)),
            (&format!("{quoted}\n"), LineEnd::Lf, Some(2)),
            ("\"a\"\",\"\"\",b,\n", LineEnd::Lf, Some(3)),
            ("a,\"b\r\nc,d\n", LineEnd::CrLf, None),
        ] {
            let expected = FirstRecord { line_end, fields };
            assert_eq!(
                first_record(text.as_bytes(), GRAMMAR, true),
                Some(expected),
                "{text:?}"
            );
            // More bytes never change an answer.
            let early = (0..text.len())
                .filter_map(|end| first_record(&text.as_bytes()[..end], GRAMMAR, false));
            let early: Vec<_> = early.collect();
            assert!(
                early.iter().all(|found| *found == expected),
                "{text:?}: {early:?}"
            );
        }
        for text in ["a,b", ""] {
            assert_eq!(
                first_record(text.as_bytes(), GRAMMAR, true),
                None,
                "{text:?}"
            );
        }
    }
}
