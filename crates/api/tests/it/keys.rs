//! Keys and parents: within a batch, between batches at the same time, within a table.

use std::thread;

use crate::world::{EMPLOYEES, Hiring, Own, employees};

#[test]
fn batches_that_overlap_insert_each_row_once_and_never_deadlock() {
    let hiring = Hiring::start();
    let inserted: u64 = thread::scope(|scope| {
        let post = |turn: i64| {
            let ids = (0..200).map(move |n| 1 + (n * 7 + turn * 31) % 200);
            // The ids begin at different places, and go forwards or backwards.
            let ids: Vec<i64> = match turn % 2 {
                0 => ids.collect(),
                _ => ids.collect::<Vec<_>>().into_iter().rev().collect(),
            };
            let path = format!("{EMPLOYEES}?on_duplicate=skip");
            let answer = hiring.service.post(&path, &employees(ids));
            assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
            answer.json()["inserted"].as_u64().expect("a number")
        };
        let threads: Vec<_> = (0..12)
            .map(|turn| scope.spawn(move || post(turn)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .sum()
    });
    assert_eq!((hiring.employees(), inserted), (200, 200));
}

#[test]
fn rows_may_refer_to_rows_of_their_own_batch_before_and_behind_them() {
    let own = Own::start(
        "[[table]]\nname = \"person\"\nkey = [\"id\"]\n",
        "CREATE TABLE person (id integer PRIMARY KEY, boss bigint REFERENCES person);",
    );
    let rows = r#"[{"id": 3, "boss": 2}, {"id": 2, "boss": 1}, {"id": 1}, {"id": 4, "boss": 4}, {"id": 5, "boss": 9},
                   {"id": 6, "boss": 5}, {"id": 7, "boss": 3}, {"id": "x", "boss": 1}]"#;
    let answer = own.service.post("/v1/own/person", rows);
    assert_eq!(
        answer.outcomes(),
        [
            "inserted",
            "inserted",
            "inserted",
            "inserted",
            "boss reference",
            "boss reference",
            "inserted",
            "id type"
        ]
    );
    assert_eq!(own.count("own.person"), 5);
}

#[test]
fn keys_that_only_the_server_can_compare_are_keys_within_a_batch_too() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\n",
        "CREATE COLLATION whatever_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         CREATE TABLE t (name text COLLATE whatever_case PRIMARY KEY);",
    );
    let answer = own.service.post(
        "/v1/own/t",
        r#"[{"name": "Ana"}, {"name": "ANA"}, {"name": "Eva"}]"#,
    );
    assert_eq!(answer.outcomes(), ["inserted", "name unique", "inserted"]);
    assert_eq!(own.count("own.t"), 2);
}

#[test]
fn several_keys_and_nulls_in_them() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\n",
        "CREATE TABLE t (a integer, b text, c integer NOT NULL, UNIQUE (a, b), UNIQUE (c));",
    );
    let rows = r#"[{"a": 1, "b": "x", "c": 1}, {"a": 1, "b": "x", "c": 2}, {"a": 1, "c": 3}, {"a": 1, "c": 4},
                   {"a": 1, "b": "x", "c": 1}, {"a": 2, "b": "x", "c": 2}]"#;
    let answer = own.service.post("/v1/own/t", rows);
    assert_eq!(
        answer.outcomes(),
        [
            "inserted",
            "a, b unique",
            "inserted",
            "inserted",
            "a, b unique, c unique",
            "inserted"
        ]
    );
    assert_eq!(own.count("own.t"), 4);
    let answer = own
        .service
        .post("/v1/own/t?on_duplicate=update", r#"[{"c": 1}]"#);
    assert_eq!((answer.status, &*answer.problem()), (400, "no-primary-key"));
}
