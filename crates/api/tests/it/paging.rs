//! Pages contain each row once, whatever the order, NULLs and equal values.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::world::Own;

/// A table of rows that often differ only in their key, which has two columns.
fn rows() -> Own {
    Own::start(
        "[[table]]\nname = \"t\"\n[[table]]\nname = \"u\"\n",
        "CREATE EXTENSION citext SCHEMA own; CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad');
         CREATE TABLE t (a integer, b text COLLATE \"C\", n integer, f double precision, m mood, c citext, w text NOT NULL, \
                         p numeric, PRIMARY KEY (b, a));
         INSERT INTO t SELECT g % 12, chr(97 + g / 12), nullif(g * 7 % 4, 0), \
             (ARRAY['NaN', 'Infinity', '-0', '0', NULL])[1 + g * 11 % 5]::double precision, \
             (ARRAY['sad', 'ok', 'glad', NULL])[1 + g * 3 % 4]::own.mood, \
             (ARRAY['x', 'X', 'y', 'Y', NULL])[1 + g * 13 % 5], (ARRAY['', 'é', 'e', 'Z'])[1 + g * 5 % 4], \
             (ARRAY[1.0, 1.00, 2.50, NULL])[1 + g * 17 % 4] FROM generate_series(0, 119) AS g;
         CREATE TABLE u (n integer); INSERT INTO u VALUES (1), (2), (2);
         ANALYZE t",
    )
}

const COLUMNS: [&str; 8] = ["a", "b", "n", "f", "m", "c", "w", "p"];

/// Follows the pages of a query and returns the keys of all rows in the order in which they came.
fn followed(own: &Own, query: &str, limit: usize) -> Vec<(String, i64)> {
    let mut path = format!("/v1/own/t?{query}limit={limit}&select=b,a");
    let mut keys = Vec::new();
    loop {
        let answer = own.service.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        let page = answer.json();
        let rows = page["rows"].as_array().expect("rows");
        let key = |row: &Value| {
            let b = row["b"].as_str().expect("b").to_owned();
            (b, row["a"].as_i64().expect("a"))
        };
        keys.extend(rows.iter().map(key));
        match page["next"].as_str() {
            Some(next) => {
                assert_eq!(rows.len(), limit, "{path}");
                path = next.to_owned();
            }
            None => return keys,
        }
        assert!(keys.len() <= 120, "{path} ends");
    }
}

/// An order, as columns with their direction and the place of NULLs if these are given.
fn order() -> impl Strategy<Value = Vec<(usize, Option<bool>, Option<bool>)>> {
    let column = (
        0..COLUMNS.len(),
        any::<Option<bool>>(),
        any::<Option<bool>>(),
    );
    proptest::collection::vec(column, 0..4).prop_map(|mut columns| {
        let mut seen = Vec::new();
        columns.retain(|(column, ..)| {
            let is_new = !seen.contains(column);
            seen.push(*column);
            is_new
        });
        columns
    })
}

/// Conditions, in the form of a query and of SQL.
const CONDITIONS: [(&str, &str); 6] = [
    ("", "TRUE"),
    ("n=is.null&", "n IS NULL"),
    ("f=not.eq.NaN&", "NOT f = 'NaN'"),
    ("c=in.(x,Y)&", "c = ANY ('{x,Y}')"),
    ("m=gte.ok&a=lt.9&", "m >= 'ok' AND a < 9"),
    ("w=like.*e*&", "w LIKE '%e%'"),
];

#[test]
fn pages_are_the_whole_in_the_servers_order() {
    let own = rows();
    let mut client = own.database.connect();
    client
        .batch_execute("SET search_path TO own")
        .expect("a path");
    let mut runner = TestRunner::new(Config::with_cases(150));
    let client = std::cell::RefCell::new(client);
    let cases = (order(), 0..CONDITIONS.len(), 1..40_usize);
    let tried = runner.run(&cases, |(order, condition, limit)| {
        let (condition, in_sql) = CONDITIONS[condition];
        let mut query = condition.to_owned();
        let mut sql = Vec::new();
        let mut told = Vec::new();
        for (column, descending, nulls_first) in &order {
            let (mut text, name) = (COLUMNS[*column].to_owned(), COLUMNS[*column]);
            text += descending.map_or("", |descending| if descending { ".desc" } else { ".asc" });
            text +=
                nulls_first.map_or("", |first| if first { ".nullsfirst" } else { ".nullslast" });
            told.push(text);
            let direction = if *descending == Some(true) {
                "DESC"
            } else {
                "ASC"
            };
            let nulls =
                nulls_first.map_or("", |first| if first { "NULLS FIRST" } else { "NULLS LAST" });
            sql.push(format!("{name} {direction} {nulls}"));
        }
        if !told.is_empty() {
            write!(query, "order={}&", told.join(",")).expect("written");
        }
        // The key ends each order, in the direction of the column before it.
        let direction = match order.last() {
            Some((_, Some(true), _)) => "DESC",
            _ => "ASC",
        };
        for key in ["b", "a"] {
            if !order.iter().any(|(column, ..)| COLUMNS[*column] == key) {
                sql.push(format!("{key} {direction}"));
            }
        }
        let whole = format!(
            "SELECT b, a FROM t WHERE {in_sql} ORDER BY {}",
            sql.join(", ")
        );
        let expected = client.borrow_mut().query(&whole, &[]).expect("rows");
        let expected: Vec<(String, i64)> = expected
            .iter()
            .map(|row| (row.get(0), i64::from(row.get::<_, i32>(1))))
            .collect();
        prop_assert_eq!(
            followed(&own, &query, limit),
            expected,
            "{} by {}",
            whole,
            limit
        );
        Ok(())
    });
    tried.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_table_without_a_key_fits_in_one_page_or_is_refused() {
    let own = rows();
    let whole = own.service.get("/v1/own/u?limit=3&order=n.desc");
    assert_eq!(whole.json()["rows"].as_array().map(Vec::len), Some(3));
    assert_eq!(whole.json()["next"], Value::Null);
    let cut = own.service.get("/v1/own/u?limit=2");
    assert_eq!(
        (cut.status, cut.problem()),
        (400, "no-next-page".to_owned())
    );
    assert!(cut.body.contains("own.u has no key"), "{}", cut.body);
}

#[test]
fn a_cursor_of_another_order_is_refused() {
    let own = rows();
    let next = own.service.get("/v1/own/t?order=n&limit=1").json()["next"]
        .as_str()
        .expect("more")
        .to_owned();
    assert_eq!(own.service.get(&next).status, 200);
    for other in [
        next.replace("order=n", "order=n.desc"),
        next.replace("order=n", "order=a"),
        format!("{next}AAAA"),
        next.replace("after=", "after=!"),
    ] {
        assert_eq!(own.service.get(&other).problem(), "bad-query", "{other}");
    }
}

#[test]
fn long_rows_come_in_more_pages_and_one_that_is_too_long_is_named() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\n",
        "CREATE TABLE t (id integer PRIMARY KEY, v text);
         INSERT INTO t SELECT n, repeat('x', 6 << 20) FROM generate_series(1, 5) AS n;
         INSERT INTO t VALUES (6, repeat('y', 17 << 20))",
    );
    let page = own.service.get("/v1/own/t").json();
    assert_eq!(page["rows"].as_array().map(Vec::len), Some(2));
    let page = own.service.get(page["next"].as_str().expect("more")).json();
    assert_eq!(page["rows"][0]["id"], 3);
    let page = own.service.get(page["next"].as_str().expect("more")).json();
    assert_eq!(page["rows"].as_array().map(Vec::len), Some(1));
    let long = own.service.get(page["next"].as_str().expect("more"));
    assert_eq!(long.problem(), "row-too-long");
    assert_eq!(
        own.service.get("/v1/own/t?select=id").json()["rows"]
            .as_array()
            .map(Vec::len),
        Some(6)
    );
    // A value in the order is too long for any URL.
    let order = own.service.get("/v1/own/t?order=v&limit=1&select=id");
    assert_eq!(order.problem(), "no-next-page");
}
