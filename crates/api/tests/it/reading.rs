//! Rows out: found by conditions and by key, as they were sent.

use serde_json::{Value, json};

use crate::world::Own;

const T: &str = "[[table]]\nname = \"t\"\nkey = [\"id\"]\n";

/// A table of people, of whom one has no name and one no parent.
fn people() -> Own {
    Own::start(
        T,
        "CREATE TABLE t (id integer PRIMARY KEY, name text, amount numeric(10,2), good boolean, parent integer, \
                         double_amount numeric GENERATED ALWAYS AS (amount * 2) STORED);
         INSERT INTO t VALUES (1, 'Ana', 10.50, true, NULL), (2, 'Mariana', 0.10, false, 1), (3, NULL, NULL, NULL, 1),
                              (4, 'b,c', 7, true, 2), (5, '50%\"\\', 3, false, 2)",
    )
}

/// The ids of the rows that a query finds.
fn ids(own: &Own, query: &str) -> Vec<i64> {
    let answer = own.service.get(&format!("/v1/own/t?{query}"));
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    let rows = answer.json()["rows"].as_array().cloned().expect("rows");
    rows.iter()
        .map(|row| row["id"].as_i64().expect("an id"))
        .collect()
}

#[test]
fn conditions_find_what_they_say() {
    let own = people();
    for (query, expected) in [
        ("", &[1, 2, 3, 4, 5][..]),
        ("id=eq.3", &[3]),
        ("id=neq.3", &[1, 2, 4, 5]),
        ("amount=gte.7&amount=lt.10.5", &[4]),
        ("amount=gt.7", &[1]),
        ("amount=lte.3", &[2, 5]),
        ("name=like.*ana*", &[2]),
        ("name=ilike.*ana", &[1, 2]),
        ("name=not.ilike.*ana", &[4, 5]),
        ("parent=is.null", &[1]),
        ("name=not.is.null", &[1, 2, 4, 5]),
        ("good=is.true", &[1, 4]),
        ("good=is.false", &[2, 5]),
        ("good=not.is.true", &[2, 3, 5]),
        ("id=in.(1,5,9)", &[1, 5]),
        ("id=in.()", &[]),
        ("id=not.in.(1,5,9)", &[2, 3, 4]),
        ("name=in.(%22b,c%22,Ana)", &[1, 4]),
        ("name=eq.50%25%22%5C", &[5]),
        ("name=in.(%2250%25%5C%22%5C%5C%22)", &[5]),
        ("name=eq.'%20OR%20''='", &[]),
        ("double_amount=eq.21", &[1]),
        ("order=name.desc.nullslast&limit=2", &[4, 2]),
        ("order=parent.nullsfirst,amount.desc", &[1, 3, 2, 4, 5]),
        ("order=amount", &[2, 5, 4, 1, 3]),
        ("order=amount.desc", &[3, 1, 4, 5, 2]),
        ("order=good.desc.nullslast,id", &[1, 4, 2, 5, 3]),
    ] {
        assert_eq!(ids(&own, query), expected, "{query}");
    }
}

#[test]
fn columns_are_those_that_rows_are_sent_with_unless_select_names_them() {
    let own = people();
    let row = |query: &str| {
        own.service
            .get(&format!("/v1/own/t?id=eq.1&{query}"))
            .json()["rows"][0]
            .take()
    };
    assert_eq!(
        row(""),
        json!({"id": 1, "name": "Ana", "amount": 10.5, "good": true, "parent": null})
    );
    assert_eq!(row("select=double_amount"), json!({"double_amount": 21.0}));
    let text = own.service.get("/v1/own/t?select=amount,id&id=eq.1").body;
    assert!(text.contains("[{\"amount\":10.50,\"id\":1}]"), "{text}");
}

#[test]
fn what_makes_no_sense_is_told_with_what_there_is() {
    let own = people();
    for (query, kind, said) in [
        (
            "nmae=eq.1",
            "bad-query",
            "id, name, amount, good, parent, double_amount",
        ),
        ("select=id,x", "bad-query", "\"x\" is neither a column"),
        ("select=id,id", "bad-query", "twice"),
        ("select=", "bad-query", "neither"),
        ("order=id,id.desc", "bad-query", "twice"),
        ("order=id.up", "bad-query", "id.up"),
        ("limit=0", "bad-query", "1 to 1000"),
        ("limit=1001", "bad-query", "1 to 1000"),
        ("limit=1&limit=2", "bad-query", "twice"),
        ("after=x", "bad-query", "after"),
        ("id=5", "bad-filter", "eq, neq"),
        ("id=approx.5", "bad-filter", "eq, neq"),
        ("id=is.5", "bad-filter", "null, true or false"),
        ("id=in.1,2", "bad-filter", "in.(a,b,c)"),
        (
            "id=like.1*",
            "bad-filter",
            "column id: like is for texts, and this is integer",
        ),
        (
            "id=eq.abc",
            "bad-filter",
            "invalid input syntax for type integer: \"abc\"",
        ),
        (
            "id=in.(1,abc)",
            "bad-filter",
            "invalid input syntax for type integer: \"abc\"",
        ),
        (
            "id=eq.99999999999",
            "bad-filter",
            "out of range for type integer",
        ),
        ("name=like.%5C", "bad-filter", "escape"),
        ("name=is.true", "bad-filter", "boolean"),
        ("name=eq.%FF", "bad-query", "UTF-8"),
        ("name=eq.%00", "bad-query", "NUL"),
    ] {
        let answer = own.service.get(&format!("/v1/own/t?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        assert_eq!(answer.problem(), kind, "{query}");
        let detail = answer.json()["detail"].as_str().expect("words").to_owned();
        assert!(detail.contains(said), "{query}: {detail}");
    }
    assert_eq!(ids(&own, "").len(), 5);
    assert_eq!(own.service.get("/v1/own/u").status, 404);
    assert_eq!(own.service.get("/v1/owns/t").status, 404);
}

#[test]
fn a_column_named_like_a_parameter_is_meant_in_quotes() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\n",
        "CREATE TABLE t (\"limit\" integer PRIMARY KEY, \"select\" text, \"a,\"\"b.desc\" text);
         INSERT INTO t VALUES (1, 'x', 'p'), (2, 'y', 'q'), (3, 'y', 'r')",
    );
    let rows = |query: &str| {
        let answer = own.service.get(&format!("/v1/own/t?{query}"));
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        answer.json()["rows"].to_string()
    };
    assert_eq!(
        rows("%22limit%22=gt.1&%22select%22=eq.y&limit=1&select=limit"),
        r#"[{"limit":2}]"#
    );
    let hostile = "%22a,%5C%22b.desc%22";
    assert_eq!(
        rows(&format!("select={hostile}&order={hostile}.desc&limit=1")),
        r#"[{"a,\"b.desc":"r"}]"#
    );
    assert_eq!(
        rows(&format!("select=limit&{hostile}=eq.q")),
        r#"[{"limit":2}]"#
    );
}

#[test]
fn a_row_is_found_by_its_key_of_several_parts() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\n[[table]]\nname = \"u\"\n",
        "CREATE TABLE t (b text, a integer, v text, PRIMARY KEY (a, b)); CREATE TABLE u (n integer);
         INSERT INTO t VALUES ('x,y', 1, 'first'), ('é/%', 2, 'second'), ('', 3, 'third')",
    );
    let get = |path: &str| own.service.get(path);
    assert_eq!(
        get("/v1/own/t/1,x%2Cy").json(),
        json!({"a": 1, "b": "x,y", "v": "first"})
    );
    assert_eq!(
        get("/v1/own/t/2,%C3%A9%2F%25?select=v").json(),
        json!({"v": "second"})
    );
    assert_eq!(get("/v1/own/t/3,").json()["v"], "third");
    let none = get("/v1/own/t/1,x");
    assert_eq!((none.status, none.problem()), (404, "not-found".to_owned()));
    for path in [
        "/v1/own/t/1",
        "/v1/own/t/1,x,y",
        "/v1/own/t/x,y",
        "/v1/own/u/1",
    ] {
        assert_eq!(get(path).status, 400, "{path}");
    }
    assert!(get("/v1/own/t/1").body.contains("2 parts, a,b"));
    assert_eq!(get("/v1/own/t/1,x%2Cy?limit=1").problem(), "bad-query");
}

#[test]
fn head_answers_as_get_without_a_body() {
    let own = people();
    for path in ["/v1/own/t", "/v1/own/t/1", "/v1/own/t/9"] {
        let (get, head) = (own.service.get(path), own.service.ask("HEAD", path, ""));
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.headers["content-length"], get.body.len().to_string());
        assert_eq!(head.body, "");
    }
}

#[test]
fn lines_are_given_where_they_are_accepted_and_nothing_else() {
    let own = people();
    let get = |accept: &str| {
        own.service.ask(
            "GET",
            "/v1/own/t?limit=2&select=id",
            &format!("Accept: {accept}\r\n"),
        )
    };
    let lines = get("application/x-ndjson");
    assert_eq!(lines.headers["content-type"], "application/x-ndjson");
    assert_eq!(lines.body, "{\"id\":1}\n{\"id\":2}\n");
    let json = get("text/html, */*;q=0.1");
    assert_eq!(json.headers["content-type"], "application/json");
    let next = json.json()["next"].as_str().expect("more").to_owned();
    for answer in [&lines, &json] {
        assert_eq!(answer.headers["link"], format!("<{next}>; rel=\"next\""));
    }
    assert_eq!(get("text/html").problem(), "not-acceptable");
}

/// Types, each with values as SQL has them.
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
            // The digits as they came.
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
        // A line's end in the text of JSON is a blank on a line of JSON.
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

#[test]
fn nothing_is_written_by_reading() {
    let own = Own::start(
        T,
        "CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (id integer PRIMARY KEY, m mood); CREATE TABLE seen (n integer);
         CREATE FUNCTION spy(mood, mood) RETURNS boolean LANGUAGE sql AS 'INSERT INTO own.seen VALUES (1) RETURNING true';
         CREATE OPERATOR < (LEFTARG = mood, RIGHTARG = mood, FUNCTION = spy);
         CREATE OPERATOR = (LEFTARG = mood, RIGHTARG = mood, FUNCTION = spy);
         INSERT INTO t VALUES (1, 'sad')",
    );
    assert_eq!(own.service.get("/v1/own/t?m=eq.sad").status, 503);
    assert_eq!(own.count("own.seen"), 0);
    assert_eq!(ids(&own, ""), [1]);
}
