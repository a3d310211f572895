//! Tests of the splitter with files written by hand, and with any bytes at all.

use proptest::prelude::*;

use super::*;
use crate::first_record::{FirstRecord, first_record};

pub(crate) const GRAMMAR: Grammar = Grammar {
    delimiter: b',',
    quote: Some(b'"'),
    line_end: LineEnd::Lf,
    fields: 3,
    longest_bytes: 64,
};

/// A record in readable form: line, offset, and the fields or the reason why it is torn.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    line: u64,
    offset: usize,
    fields: Result<Vec<String>, Torn>,
}

/// Splits `text` in pieces of `piece` bytes.
fn split_in_pieces(text: &[u8], grammar: Grammar, piece: usize) -> (Vec<Read>, Noticed) {
    let mut splitter = Splitter::new(grammar, 1);
    let (mut found, mut from, mut to) = (Vec::new(), 0, 0);
    loop {
        to = (to + piece).min(text.len());
        let mut out = Records::default();
        let block = &text[from..to];
        let at_end = to == text.len();
        let taken = splitter.split(block, at_end, &mut out);
        found.extend(out.records.iter().map(|record| {
            Read {
                line: record.line,
                offset: from + record.start as usize,
                fields: match record.torn {
                    Some(torn) => Err(torn),
                    None => Ok(out
                        .fields_of(record)
                        .iter()
                        .map(|field| {
                            String::from_utf8_lossy(&field.bytes(block, grammar.quote)).into_owned()
                        })
                        .collect()),
                },
            }
        }));
        from += taken;
        if at_end {
            assert_eq!(from, text.len(), "at the end all is taken");
            return (found, splitter.noticed());
        }
    }
}

fn split(text: &str) -> Vec<Read> {
    split_in_pieces(text.as_bytes(), GRAMMAR, text.len().max(1)).0
}

/// The fields of complete records, and the lines and reasons of torn ones in brackets.
fn shown(text: &str) -> Vec<String> {
    let show = |read: Read| match read.fields {
        Ok(fields) => fields.join("|"),
        Err(torn) => format!("[{} {torn:?}]", read.line),
    };
    split(text).into_iter().map(show).collect()
}

#[test]
fn lines_and_offsets_are_physical_ones() {
    let found = split("a,\"b\nb\",cc\nd,e,f\n\ng,h,i");
    let places: Vec<_> = found.iter().map(|read| (read.line, read.offset)).collect();
    assert_eq!(places, [(1, 0), (3, 11), (5, 18)]);
    let (_, noticed) = split_in_pieces(b"a,b,c\r\nd,e,f\n\ng,h,i", GRAMMAR, 5);
    let expected = Noticed {
        lf: 2,
        crlf: 1,
        cr: 0,
        open_end: true,
        blank_lines: 1,
    };
    assert_eq!(noticed, expected);
}

#[test]
fn quoted_fields_keep_delimiters_breaks_and_doubled_quotes() {
    assert_eq!(
        shown("\"a,1\",\"b\r\n\",\"\"\"c\"\"\"\n"),
        ["a,1|b\r\n|\"c\""]
    );
    assert_eq!(shown("\"\",,x"), ["||x"]);
    assert_eq!(shown("5'11\",b,c\n"), ["5'11\"|b|c"]);
}

#[test]
fn a_torn_line_costs_no_other_line() {
    let cases = [
        // A quote that is never closed.
        ("1,\"abc,x\n2,b,c\n3,d,e\n", "[1 Unclosed] 2|b|c 3|d|e"),
        // A quote that is closed by one that opens a field of another row.
        ("1,\"abc,x\n2,\"b\",c\n", "[1 Unclosed] 2|b|c"),
        ("1,\"abc,x\n2,\",b\",c\n", "[1 Unclosed] 2|,b|c"),
        ("1,\"abc\n2,\"\",c\n3,d,e\n", "[1 Unclosed] 2||c 3|d|e"),
        // A quote that is closed too early.
        ("1,\"a\"b\",c\n2,b,c\n", "[1 AfterQuote] 2|b|c"),
        // An open quote in the last line.
        ("1,b,c\n2,\"", "1|b|c [2 Unclosed]"),
        // Rows with a wrong number of fields are left for others to judge.
        ("1,b\n2,b,c,d\n", "1|b 2|b|c|d"),
    ];
    for (text, expected) in cases {
        assert_eq!(shown(text).join(" "), expected, "{text:?}");
    }
}

/// The records of `text` in a file with this line end, in the form of [`shown`].
fn shown_with(text: &str, line_end: LineEnd) -> String {
    let grammar = Grammar {
        line_end,
        ..GRAMMAR
    };
    let (found, _) = split_in_pieces(text.as_bytes(), grammar, text.len().max(1));
    let show = |read: Read| match read.fields {
        Ok(fields) => fields.join("|"),
        Err(torn) => format!("[{} {torn:?}]", read.line),
    };
    let shown: Vec<_> = found.into_iter().map(show).collect();
    shown.join(" ").escape_debug().to_string()
}

#[test]
fn a_line_break_that_is_not_the_files_tears_its_row_and_no_other() {
    for (line_end, text, expected) in [
        (
            LineEnd::Cr,
            "1,b,c\r2,\"x\ny\r\",c\r3,d,e",
            "1|b|c 2|x\\ny\\r|c 3|d|e",
        ),
        (
            LineEnd::Cr,
            "1,b,c\r\n2,b,c\r3,d,e\r",
            "1|b|c [2 LineBreak] 3|d|e",
        ),
        (LineEnd::Lf, "1,b,c\r\n2,b,c\n", "[1 LineBreak] 2|b|c"),
        (
            LineEnd::Lf,
            "1,b\rb,c\n2,\"b\"\r,c\n3,\"d\",\"e\"\r\n4,b,c\n\r",
            "[1 LineBreak] [2 LineBreak] [3 LineBreak] 4|b|c [5 LineBreak]",
        ),
        (
            LineEnd::CrLf,
            "1,b,c\r\n2,\"\n\r\",\"c\"\r\n\r\n3,d,e\r\n",
            "1|b|c 2|\\n\\r|c 3|d|e",
        ),
        (
            LineEnd::CrLf,
            "1,b\rb,c\r\n2,b,c\r\n3,b,c\r",
            "[1 LineBreak] 2|b|c [3 LineBreak]",
        ),
        // The LF may end a row or be inside one, so the next line is not believed either.
        (
            LineEnd::CrLf,
            "1,b,c\n2,b,c\r\n3,d,e\r\n",
            "[1 LineBreak] [2 LineBreak] 3|d|e",
        ),
        (
            LineEnd::CrLf,
            "1,\"b\",\"c\"\n\r\n3,d,e\r\n",
            "[1 LineBreak] 3|d|e",
        ),
        // A record of several lines is torn as a whole, since its second line is not a row.
        (
            LineEnd::Lf,
            "1,\"b\n2,b,c\n\",c\r\n3,d,e\n",
            "[1 LineBreak] 3|d|e",
        ),
    ] {
        assert_eq!(
            shown_with(text, line_end),
            expected,
            "{line_end:?} {text:?}"
        );
    }
}

#[test]
fn a_line_too_long_is_torn_and_the_next_one_is_not() {
    let long = "x".repeat(GRAMMAR.longest_bytes + 1);
    assert_eq!(shown(&format!("{long}\n1,b,c\n")), ["[1 TooLong]", "1|b|c"]);
    assert_eq!(
        shown(&format!("1,\"{long}\",c\n2,b,c")),
        ["[1 TooLong]", "2|b|c"]
    );
    assert_eq!(
        shown(&format!("1,\"\n{long}\",c\n2,b,c")),
        ["[1 Unclosed]", "[2 TooLong]", "2|b|c"]
    );
    assert_eq!(shown(&long), ["[1 TooLong]"]);
}

/// Text that is likely to reach every branch.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => Just(b'"'), 3 => Just(b','), 2 => Just(b'\n'), 1 => Just(b'\r'), 4 => Just(b'a'), 1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..200)
}

fn any_line_end() -> impl Strategy<Value = LineEnd> {
    prop::sample::select(vec![LineEnd::Lf, LineEnd::CrLf, LineEnd::Cr])
}

fn written(rows: &[[String; 3]], end: &str) -> String {
    let field = |text: &String| {
        if text.contains(['"', ',', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.clone()
        }
    };
    let row = |row: &[String; 3]| row.each_ref().map(field).join(",") + end;
    rows.iter().map(row).collect()
}

/// Eight times as many cases as PROPTEST_CASES or proptest's default asks for, since they are cheap.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.saturating_mul(8),
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_was_written_is_read(
        rows in prop::collection::vec(["[a,\"\n\r é]{0,6}", "[a,\"\n\r é]{0,6}", "x[a,\"\n\r]{0,4}"], 0..8),
        line_end in any_line_end(),
        piece in 1_usize..40,
    ) {
        let text = written(&rows, str::from_utf8(line_end.bytes()).expect("ASCII"));
        let grammar = Grammar { longest_bytes: 1000, line_end, ..GRAMMAR };
        let first = first_record(text.as_bytes(), grammar, true);
        let expected = FirstRecord { line_end, fields: Some(3) };
        prop_assert_eq!(first, (!rows.is_empty()).then_some(expected));
        let (found, _) = split_in_pieces(text.as_bytes(), grammar, piece);
        let fields: Vec<_> = found.into_iter().map(|read| read.fields.expect("whole")).collect();
        prop_assert_eq!(fields, rows.iter().map(|row| row.to_vec()).collect::<Vec<_>>());
    }

    #[test]
    fn any_bytes_give_the_same_records_in_pieces_of_any_size(
        text in hostile(),
        line_end in any_line_end(),
        piece in 1_usize..50,
    ) {
        let grammar = Grammar { line_end, ..GRAMMAR };
        let whole = split_in_pieces(&text, grammar, text.len().max(1));
        let pieces = split_in_pieces(&text, grammar, piece);
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn a_good_line_is_read_whatever_torn_line_stands_before_it(torn in "[a,\"]{0,30}") {
        // A line break in quotes would rightly make the line part of a record.
        let text = format!("{torn}\n7,good,row\n");
        let found = split(&text);
        let last = found.last().expect("a record");
        let swallowed = found.len() == 1 && found[0].fields.as_ref().is_ok_and(|fields| fields.len() == 3);
        prop_assert!(swallowed || last.fields == Ok(vec!["7".into(), "good".into(), "row".into()]), "{found:?}");
    }

    #[test]
    fn lines_that_were_not_damaged_are_read_whatever_became_of_the_others(
        damages in prop::collection::vec((0_usize..40, 0_usize..20, prop_oneof![
            4 => Just(b'"'), 2 => Just(b','), 1 => Just(b'x'), 1 => any::<u8>(),
        ], any::<bool>()), 0..6),
        quoted in any::<bool>(),
        piece in 20_usize..400,
    ) {
        let line = |id: usize| match quoted {
            true => format!("\"{id}\",\"good, as it is\",\"row\""),
            false => format!("{id},\"good, \"\"as\"\" it is\",row"),
        };
        let mut lines: Vec<Vec<u8>> = (0..40).map(|id| line(id).into_bytes()).collect();
        for (line, at, byte, inserted) in &damages {
            let line = &mut lines[*line];
            let at = at % line.len();
            // Adding or losing a line break would change which lines there are.
            if *byte == b'\n' {
                continue;
            }
            if *inserted {
                line.insert(at, *byte);
            } else {
                line[at] = *byte;
            }
        }
        let text = lines.join(&b'\n');
        let grammar = Grammar { longest_bytes: 2000, ..GRAMMAR };
        let (found, _) = split_in_pieces(&text, grammar, piece);
        for id in 0..40 {
            if damages.iter().all(|(line, ..)| *line != id) {
                let there = found.iter().any(|read| {
                    read.line == id as u64 + 1
                        && read.fields.as_ref().is_ok_and(|fields| fields.len() == 3 && fields[0] == id.to_string())
                });
                prop_assert!(there, "line {} of {:?}: {found:?}", id + 1, String::from_utf8_lossy(&text));
            }
        }
    }
}
