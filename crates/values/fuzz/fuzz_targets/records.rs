//! Any bytes are split in pieces of any size: no byte is lost, lines are the physical ones, and the pieces make no difference.

#![no_main]

use libfuzzer_sys::fuzz_target;
use values::first_record::first_record;
use values::line_end::LineEnd;
use values::records::{Grammar, Noticed, Records, Splitter, Torn};

/// A record, with offsets in the file.
#[derive(Debug, PartialEq)]
struct Read {
    start: usize,
    end: usize,
    line: u64,
    torn: Option<Torn>,
    fields: Vec<Vec<u8>>,
}

fuzz_target!(|input: &[u8]| {
    let [delimiter, quote, fields, longest, piece, text @ ..] = input else {
        return;
    };
    let grammar = Grammar {
        delimiter: [b',', b';', b'\t', b'|'][usize::from(delimiter % 4)],
        quote: [Some(b'"'), Some(b'\''), None][usize::from(quote % 3)],
        line_end: [LineEnd::Lf, LineEnd::CrLf, LineEnd::Cr][usize::from(quote / 3 % 3)],
        fields: usize::from(fields % 4) + 1,
        longest_bytes: usize::from(*longest) + 1,
    };
    let (whole, noticed) = split(text, grammar, text.len().max(1));
    let in_pieces = split(text, grammar, usize::from(*piece) + 1);
    assert_eq!((&whole, noticed), (&in_pieces.0, in_pieces.1));
    cover(text, grammar, &whole, noticed);
    let first = first_record(text, grammar, true);
    let early = first_record(&text[..text.len().min(usize::from(*piece))], grammar, false);
    assert!(early.is_none() || early == first, "more bytes tell another first record");
});

fn split(text: &[u8], grammar: Grammar, piece: usize) -> (Vec<Read>, Noticed) {
    let mut splitter = Splitter::new(grammar, 1);
    let (mut found, mut from, mut to) = (Vec::new(), 0, 0);
    loop {
        to = (to + piece).min(text.len());
        let mut out = Records::default();
        let block = &text[from..to];
        let at_end = to == text.len();
        let taken = splitter.split(block, at_end, &mut out);
        found.extend(out.records.iter().map(|record| Read {
            start: from + record.start as usize,
            end: from + record.end as usize,
            line: record.line,
            torn: record.torn,
            fields: out
                .fields_of(record)
                .iter()
                .map(|field| field.bytes(block, grammar.quote).into_owned())
                .collect(),
        }));
        from += taken;
        if at_end {
            assert_eq!(from, text.len(), "bytes are left at the end");
            return (found, splitter.noticed());
        }
    }
}

/// Asserts that between records there are only line ends, and the rest of lines that are too long.
fn cover(text: &[u8], grammar: Grammar, records: &[Read], noticed: Noticed) {
    let last = if grammar.line_end == LineEnd::Cr { b'\r' } else { b'\n' };
    let count = |from: usize, to: usize| text[from..to].iter().filter(|byte| **byte == last).count() as u64;
    let mut next = 0;
    let mut line_ends = 0;
    let mut blank = 0;
    let between = |from: usize, to: usize, after: Option<Torn>, blank: &mut u64| {
        let mut gap = &text[from..to];
        if after == Some(Torn::TooLong) {
            let rest = gap.iter().position(|byte| *byte == last);
            gap = &gap[rest.unwrap_or(gap.len())..];
        }
        let only_ends = gap.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        assert!(only_ends, "bytes are lost: {:?}", String::from_utf8_lossy(gap));
        *blank += gap.iter().filter(|byte| **byte == last).count() as u64;
    };
    let mut after = None;
    for record in records {
        assert!(record.start >= next && record.end >= record.start, "records overlap");
        between(next, record.start, after, &mut blank);
        line_ends += count(next, record.start);
        assert_eq!(record.line, 1 + line_ends, "the physical line");
        line_ends += count(record.start, record.end);
        assert!(record.end - record.start <= grammar.longest_bytes, "longer than a record may be");
        match record.torn {
            Some(_) => assert!(record.fields.is_empty()),
            None => {
                assert!(!record.fields.is_empty());
                let breaks = [b'\r', b'\n'].map(|byte| grammar.quote.is_none() && text[record.start..record.end].contains(&byte));
                assert_eq!(breaks, [false, false], "a line break outside of quotes within a record");
                let bytes: usize = record.fields.iter().map(Vec::len).sum();
                assert!(bytes <= record.end - record.start, "fields are longer than their record");
            }
        }
        next = record.end;
        after = record.torn;
    }
    between(next, text.len(), after, &mut blank);
    // The last line may lack its end.
    assert!(noticed.blank_lines <= blank + 1, "more blank lines than line ends between records");
}
