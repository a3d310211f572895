//! Any bytes for the body of a request are either refused, as serde_json refuses them, or have as many rows as serde_json finds;
//! and what is sent of a row that breaks no rule is what serde_json reads.

#![no_main]

use std::sync::LazyLock;

use api::trial::{JudgedRow, Table, Written};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// So few rows that bodies of a few thousand bytes have more.
const MOST_ROWS: usize = 100;

static TABLES: LazyLock<[Table; 2]> = LazyLock::new(|| [true, false].map(|header| Table::new(header).expect("a table")));

fuzz_target!(|input: &[u8]| {
    let Some((pick, body)) = input.split_first() else {
        return;
    };
    let table = &TABLES[usize::from(pick / 3 % 2)];
    let written = [Written::Array, Written::Lines, Written::Csv][usize::from(pick % 3)];
    let judged = table.judge(written, body, MOST_ROWS);
    let counted = written.counted(body, 1 + usize::from(pick / 6));
    let Ok(text) = str::from_utf8(body) else {
        assert!(written == Written::Csv || judged.is_err());
        return;
    };
    match written {
        Written::Csv => {}
        Written::Array => of_array(text, judged, counted),
        Written::Lines => of_lines(text, judged, counted),
    }
});

fn of_array(text: &str, judged: Result<Vec<JudgedRow>, &str>, counted: usize) {
    match (serde_json::from_str::<Vec<Value>>(text), judged) {
        (Ok(expected), Ok(rows)) => {
            assert_eq!((expected.len(), counted), (rows.len(), rows.len()));
            expected.iter().zip(&rows).for_each(|(expected, row)| same(Some(expected), row));
        }
        (Ok(expected), Err(problem)) => {
            assert!(problem == "too-large" && expected.len() > MOST_ROWS, "{problem}");
            assert_eq!(counted, expected.len());
        }
        (Err(error), Ok(rows)) => {
            assert!(is_of_value(&error), "{error}");
            assert_eq!(counted, rows.len());
        }
        (Err(_), Err(_)) => {}
    }
}

fn of_lines(text: &str, judged: Result<Vec<JudgedRow>, &str>, counted: usize) {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    // A line that is blank only in the sense of Unicode is counted as a line.
    assert!(counted >= lines.len());
    let Ok(rows) = judged else {
        return assert!(lines.len() > MOST_ROWS);
    };
    assert_eq!(lines.len(), rows.len());
    for (line, row) in lines.iter().zip(&rows) {
        assert_eq!(*line, row.raw);
        match serde_json::from_str::<Value>(line) {
            Ok(expected) => same(Some(&expected), row),
            Err(error) if is_of_value(&error) => same(None, row),
            Err(_) => assert!(!row.is_row),
        }
    }
}

/// Whether the text is JSON apart from a value that cannot be held: a number, half of a surrogate pair, one nested too deeply.
fn is_of_value(error: &serde_json::Error) -> bool {
    let error = error.to_string();
    let reasons = ["number out of range", "recursion limit", "surrogate", "end of hex escape"];
    reasons.iter().any(|reason| error.contains(reason))
}

/// Asserts that what is sent of a row is what serde_json reads, if it can read the row.
fn same(expected: Option<&Value>, row: &JudgedRow) {
    assert!(row.is_row || !row.broken.is_empty());
    assert!(row.broken.iter().all(|message| !message.is_empty() && message.len() < 4096));
    let Some(expected) = expected else { return };
    let again: Value = serde_json::from_str(&row.raw).expect("the row's own text");
    assert_eq!(again, *expected);
    let Value::Object(fields) = expected else {
        return assert!(!row.is_row);
    };
    assert!(row.is_row);
    if !row.broken.is_empty() {
        return;
    }
    let [id, text] = &row.sent;
    let of_id = id.as_ref().map(|id| i32::from_be_bytes(id[..].try_into().expect("four bytes")));
    match fields.get("id") {
        None | Some(Value::Null) => assert_eq!(of_id, None),
        Some(Value::Number(number)) => assert_eq!(of_id.map(i64::from), number.as_i64()),
        // A text is read by the loader's rules.
        Some(_) => assert!(of_id.is_some()),
    }
    match fields.get("t") {
        None | Some(Value::Null) => assert_eq!(*text, None),
        Some(Value::String(expected)) => assert_eq!(text.as_deref(), Some(expected.as_bytes())),
        Some(_) => assert!(text.is_some()),
    }
}
