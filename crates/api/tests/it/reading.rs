//! Rows are found by conditions and by key, and come back as they were sent.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use crate::world::{EMPLOYEES, Hiring, Own};

const T: &str = "[[table]]\nname = \"t\"\nkey = [\"id\"]\n";

/// A table of people; one has no name and one has no parent.
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

#[test]
fn a_table_that_was_altered_is_read_by_the_columns_that_it_has_then() {
    let own = people();
    let alter = "ALTER TABLE own.t DROP COLUMN good";
    own.database.connect().batch_execute(alter).expect(alter);
    let refused = own.service.get("/v1/own/t/3");
    assert_eq!(
        (refused.status, &*refused.problem()),
        (503, "table-altered")
    );
    let row = own.service.get("/v1/own/t/3").json();
    assert_eq!(
        row,
        json!({"id": 3, "name": null, "amount": null, "parent": 1})
    );
}

#[test]
fn answers_wait_for_memory_and_give_back_what_they_do_not_need() {
    let hiring = Hiring::with(|options| {
        options.limits.body_bytes = 100_000;
        options.limits.all_bodies_bytes = 150_000;
        options.limits.queue = Duration::from_millis(300);
    });
    let mut slow = hiring.service.connect();
    let head = format!(
        "POST {EMPLOYEES} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n["
    );
    slow.write_all(head.as_bytes()).expect("sent");
    // The service may see either first: the head that takes the memory, or some of the other requests.
    let mut jobs = (0..1000).map(|_| hiring.service.get("/v1/hiring/jobs"));
    let refused = jobs.find(|answer| answer.status != 200).expect("refused");
    assert_eq!((refused.status, &*refused.problem()), (503, "unavailable"));
    drop(slow);
    assert!(jobs.any(|answer| answer.status == 200));
    // None of these requests kept its whole place.
    for _ in 0..5 {
        assert_eq!(hiring.service.get("/v1/hiring/jobs").status, 200);
    }
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
