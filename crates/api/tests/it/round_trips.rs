//! Values of all types are read, and sent again.

use serde_json::{Value, json};

use crate::world::Own;

const T: &str = "[[table]]\nname = \"t\"\nkey = [\"id\"]\n";

/// Types, each with values written in SQL.
const TYPES: &[(&str, &[&str])] = &[
    ("boolean", &["true", "false"]),
    ("smallint", &["'-32768'"]),
    ("integer", &["2147483647"]),
    ("bigint", &["9223372036854775807"]),
    ("real", &["'0.1'", "'NaN'", "'-Infinity'", "'1e-45'"]),
    (
        "double precision",
        &[
            "'0.1'",
            "'NaN'",
            "'Infinity'",
            "'-0'",
            "'1.7976931348623157e308'",
        ],
    ),
    (
        "numeric(38,10)",
        &["1234567890123456789012345678.0123456789"],
    ),
    (
        "numeric",
        &[
            "'NaN'",
            "1e-40",
            "12345678901234567890123456789012345678901234567890.10",
        ],
    ),
    ("text", &["''", "E'a\\nb\\t\"\\\\\\u2028'"]),
    ("varchar(3)", &["'éé '"]),
    ("char(4)", &["'ab'"]),
    ("mood", &["'so, so'"]),
    ("positive", &["7"]),
    ("date", &["'0001-01-01'", "'9999-12-31'"]),
    ("time", &["'23:59:59.999999'"]),
    ("timestamp", &["'2021-05-01 08:00:00.000001'"]),
    ("timestamptz", &["'2021-05-01 08:00:00+05:30'"]),
    ("interval", &["'1 year -3 days 00:00:01.5'"]),
    ("uuid", &["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"]),
    ("bytea", &["'\\x00ff'", "''"]),
    (
        "json",
        &["E'{\"a\" : [1.10,\\n null], \"a\": 2}'", "'\"text\"'"],
    ),
    (
        "jsonb",
        &[
            "'{\"a\": [1.10, null]}'",
            "'123456789012345678901234567890.10'",
        ],
    ),
    (
        "integer[]",
        &["'{1,NULL,3}'", "'{{1,2},{3,4}}'", "'{}'", "'[0:1]={1,2}'"],
    ),
    ("text[]", &["E'{\"a,\\\\\\\\\\\\\"\",NULL,\"NULL\",\"\"}'"]),
    ("bytea[]", &["ARRAY['\\x00ff'::bytea]"]),
    ("jsonb[]", &["ARRAY['{\"a\": \"b\"}'::jsonb, '\"x\"']"]),
    ("mood[]", &["'{\"so, so\"}'"]),
    ("pair", &["ROW(1, 'a,\"b')"]),
    ("pair[]", &["ARRAY[ROW(1, 'a')::pair]"]),
    ("inet", &["'10.0.0.1'", "'10.0.0.0/8'"]),
    ("int4range", &["'[1,5)'"]),
    ("tstzrange", &["'[2021-01-01,)'"]),
    ("bit(3)", &["'101'"]),
    ("money", &["1234.5"]),
    ("xml", &["'<a b=\"c\"/>'"]),
    ("point", &["'(1.5,2)'"]),
    ("tsvector", &["'a:1 b:2'"]),
    ("citext", &["'Ab'"]),
    ("hstore", &["'a=>1, \"b c\"=>NULL'"]),
];

/// A table with a column of each type, and rows with each value.
fn widest() -> Own {
    let columns = TYPES.iter().enumerate();
    let columns: Vec<String> = columns
        .map(|(at, (kind, _))| {
            format!(
                "\"c{at} \"\"é\\,.{}\" {kind}",
                if at == 0 { "" } else { "o" }
            )
        })
        .collect();
    let rows = TYPES
        .iter()
        .map(|(_, values)| values.len())
        .max()
        .expect("types");
    let rows: Vec<String> = (0..=rows)
        .map(|row| {
            let values = TYPES.iter().map(|(kind, values)| {
                values
                    .get(row)
                    .map_or("NULL".to_owned(), |value| format!("{value}::{kind}"))
            });
            format!("({row}, {})", values.collect::<Vec<_>>().join(", "))
        })
        .collect();
    Own::start(
        T,
        &format!(
            "CREATE EXTENSION citext SCHEMA own; CREATE EXTENSION hstore SCHEMA own; CREATE TYPE mood AS ENUM ('so, so', 'sad');
             CREATE DOMAIN positive AS integer CHECK (VALUE > 0); CREATE TYPE pair AS (n integer, t text);
             CREATE TABLE t (id integer PRIMARY KEY, {}); INSERT INTO t VALUES {}",
            columns.join(", "),
            rows.join(", ")
        ),
    )
}

#[test]
fn a_row_that_was_read_is_sent_again_and_is_the_same() {
    let own = widest();
    let mut client = own.database.connect();
    let mut texts = || -> Vec<String> {
        let rows = client
            .query("SELECT t::text FROM own.t ORDER BY id", &[])
            .expect("rows");
        rows.iter().map(|row| row.get(0)).collect()
    };
    let before = texts();
    assert_eq!(before.len(), 6);
    for (accept, content, get) in [
        ("application/json", "application/json", "rows"),
        ("application/x-ndjson", "application/x-ndjson", ""),
    ] {
        let answer = own
            .service
            .ask("GET", "/v1/own/t", &format!("Accept: {accept}\r\n"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body = match get {
            "" => answer.body.clone(),
            // The digits are compared as they came.
            _ => {
                let (_, rows) = answer.body.split_once("\"rows\":").expect("rows");
                rows.rsplit_once(",\"next\"").expect("next").0.to_owned()
            }
        };
        if get.is_empty() {
            assert_eq!(body.lines().count(), before.len());
        }
        own.database
            .connect()
            .batch_execute("TRUNCATE own.t")
            .expect("empty");
        let sent = own
            .service
            .send("/v1/own/t", &[("Content-Type", content)], body.as_bytes());
        assert_eq!(sent.status, 201, "{}\n{body}", sent.body);
        // A line break between the tokens of JSON is a blank in a line of JSON.
        let expected = before.iter().map(|row| match get {
            "" => row.replace("1.10,\n", "1.10, "),
            _ => row.clone(),
        });
        assert_eq!(texts(), expected.collect::<Vec<_>>());
    }
}

#[test]
fn values_have_the_forms_that_json_has_for_them() {
    let own = widest();
    let row = |at: usize, kind: &str| -> Value {
        let place = TYPES
            .iter()
            .position(|(name, _)| *name == kind)
            .expect("a type");
        let row = own.service.get(&format!("/v1/own/t/{at}")).json();
        let (_, value) = row
            .as_object()
            .expect("a row")
            .iter()
            .find(|(name, _)| name.starts_with(&format!("c{place} ")))
            .expect("a column");
        value.clone()
    };
    assert_eq!(row(1, "real"), "NaN");
    assert_eq!(row(0, "bytea"), "\\x00ff");
    assert_eq!(row(0, "json")["a"], 2);
    assert_eq!(row(1, "integer[]"), json!([[1, 2], [3, 4]]));
    assert_eq!(row(3, "integer[]"), "[0:1]={1,2}");
    assert_eq!(row(0, "pair"), "(1,\"a,\"\"b\")");
    assert_eq!(row(0, "timestamptz"), "2021-05-01T02:30:00+00:00");
}

#[test]
fn an_infinite_date_is_read_though_no_row_is_sent_with_one() {
    let own = Own::start(
        T,
        "CREATE TABLE t (id integer PRIMARY KEY, at timestamptz); INSERT INTO t VALUES (1, '-infinity')",
    );
    assert_eq!(own.service.get("/v1/own/t/1").json()["at"], "-infinity");
    assert_eq!(
        own.service.get("/v1/own/t?at=eq.-infinity").json()["rows"][0]["id"],
        1
    );
}
