//! The outcomes of rows: judged by the rules of `load`, and reported by index.

use crate::world::{EMPLOYEES, Hiring, Own, employee, employees};

#[test]
fn all_rows_are_201_and_are_there_as_they_were_sent() {
    let hiring = Hiring::start();
    let answer = hiring.post(&employees(1..=1000));
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(hiring.employees(), 1000);
    let json = answer.json();
    assert_eq!(
        (&json["rows"], &json["inserted"]),
        (&1000.into(), &1000.into())
    );
    assert_eq!(answer.outcomes(), vec!["inserted"; 1000]);
    let mut client = hiring.database.connect();
    let row = client
        .query_one(
            "SELECT name, datetime::text, department_id, job_id FROM hiring.hired_employees WHERE id = 7",
            &[],
        )
        .expect("the row");
    assert_eq!(row.get::<_, &str>(0), "Employee 7");
    assert_eq!(row.get::<_, &str>(1), "2021-05-01 08:00:00+00");
    assert_eq!((row.get::<_, i32>(2), row.get::<_, i32>(3)), (2, 2));
    assert_eq!(hiring.count("hiring.extrato_reject"), 0);
}

#[test]
fn some_rows_are_207_and_every_broken_rule_is_told_and_recorded() {
    let hiring = Hiring::start();
    hiring.post(&employees([5]));
    let rows = [
        employee(1),
        // Both parents are missing.
        r#"{"id": 2, "name": "a", "datetime": "2021-05-01T08:00:00Z", "department_id": 77, "job_id": 88}"#.to_owned(),
        // The type and a length are wrong, a field is missing, and so is the parent.
        format!(
            r#"{{"id": "x", "name": "{}", "department_id": 99, "job_id": 1}}"#,
            "n".repeat(256)
        ),
        // The key is taken, and the parent is missing.
        r#"{"id": 5, "name": "b", "datetime": "2021-05-01T08:00:00Z", "department_id": 9, "job_id": 1}"#.to_owned(),
        employee(5),
        // The batch has the key already.
        employee(1),
        "17".to_owned(),
        r#"{"id": 3, "id": 4, "name": "c", "datetime": "2021-05-01T08:00:00Z", "department_id": 1, "job_id": 1, "nmae": 1}"#
            .to_owned(),
    ];
    let answer = hiring.post(&format!("[{}]", rows.join(",\n")));
    assert_eq!(answer.status, 207, "{}", answer.body);
    assert_eq!(hiring.employees(), 2);
    assert_eq!(
        answer.outcomes(),
        [
            "inserted",
            "department_id reference, job_id reference",
            "id type, name length, datetime required, department_id reference",
            "id unique, department_id reference",
            "id unique",
            "id unique",
            " shape",
            "id shape, nmae shape",
        ]
    );
    // What is recorded is what was answered.
    let json = answer.json();
    let mut client = hiring.database.connect();
    let recorded = client
        .query(
            "SELECT file, line, column_name, rule, message, raw FROM hiring.extrato_reject ORDER BY line",
            &[],
        )
        .expect("rejects");
    let told = json["outcomes"].as_array().expect("outcomes").iter();
    let told = told.flat_map(|row| {
        let broken = row["violations"].as_array().cloned().unwrap_or_default();
        broken
            .into_iter()
            .map(|broken| (row["index"].as_i64(), broken))
    });
    let told: Vec<_> = told.collect();
    assert_eq!(recorded.len(), 13);
    assert_eq!(told.len(), 13);
    let file = format!("request/{}", json["request"].as_str().expect("an id"));
    let mut lines: Vec<_> = told.iter().map(|(line, _)| *line).collect();
    lines.sort();
    for (row, line) in recorded.iter().zip(lines) {
        assert_eq!(row.get::<_, &str>(0), file);
        assert_eq!(Some(row.get::<_, i64>(1)), line);
        let is_same = |(line, broken): &(Option<i64>, serde_json::Value)| {
            *line == Some(row.get(1))
                && broken["column"] == row.get::<_, &str>(2)
                && broken["rule"] == row.get::<_, &str>(3)
                && broken["message"] == row.get::<_, &str>(4)
        };
        assert!(told.iter().any(is_same), "{row:?}");
        assert_eq!(row.get::<_, &str>(5), rows[row.get::<_, i64>(1) as usize]);
    }
}

#[test]
fn no_row_is_422_and_a_problem() {
    let hiring = Hiring::start();
    let answer = hiring.post(r#"[{"id": 1}, null]"#);
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert_eq!(answer.problem(), "no-row-taken");
    assert_eq!(answer.outcomes().len(), 2);
    assert_eq!(
        (hiring.employees(), hiring.count("hiring.extrato_reject")),
        (0, 5)
    );
}

#[test]
fn an_atomic_request_inserts_all_or_nothing() {
    let hiring = Hiring::start();
    let path = format!("{EMPLOYEES}?atomic=true");
    let rows = format!("[{}, {{\"id\": 2}}, {}]", employee(1), employee(3));
    let answer = hiring.service.post(&path, &rows);
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert_eq!(answer.outcomes()[0], "left_out");
    assert_eq!(
        (hiring.employees(), hiring.count("hiring.extrato_reject")),
        (0, 4)
    );
    let answer = hiring.service.post(&path, &employees([1, 3]));
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(hiring.employees(), 2);
    // A key that is taken, which only the statement finds out, keeps the other rows out too.
    let answer = hiring.service.post(&path, &employees([4, 3]));
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert_eq!(answer.outcomes(), ["left_out", "id unique"]);
    assert_eq!(hiring.employees(), 2);
}

#[test]
fn duplicates_are_skipped_or_replace_where_that_is_asked_for() {
    let hiring = Hiring::start();
    hiring.post(&employees([1]));
    let other = employee(1).replace("Employee 1", "Another");
    let last = employee(2).replace("Employee 2", "Last");
    let rows = format!("[{other}, {}, {last}]", employee(2));
    let answer = hiring
        .service
        .post(&format!("{EMPLOYEES}?on_duplicate=skip"), &rows);
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert_eq!(answer.outcomes(), ["skipped", "inserted", "skipped"]);
    assert_eq!(
        hiring.count("hiring.hired_employees WHERE name LIKE 'Employee%'"),
        2
    );
    let answer = hiring
        .service
        .post(&format!("{EMPLOYEES}?on_duplicate=update"), &rows);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.outcomes(), vec!["updated"; 3]);
    assert_eq!(hiring.employees(), 2);
    assert_eq!(
        hiring.count("hiring.hired_employees WHERE name IN ('Another', 'Last')"),
        2
    );
    assert_eq!(hiring.count("hiring.extrato_reject"), 0);
}

#[test]
fn a_row_takes_the_place_of_an_earlier_one_with_its_key_that_was_rejected() {
    let hiring = Hiring::start();
    let orphan = employee(1).replace("\"department_id\": 2", "\"department_id\": 99");
    let answer = hiring.post(&format!("[{orphan}, {}, {}]", employee(1), employee(1)));
    assert_eq!(
        answer.outcomes(),
        ["department_id reference", "inserted", "id unique"]
    );
    assert_eq!(hiring.employees(), 1);
}

#[test]
fn lines_of_json_and_csv_are_taken_by_the_same_rules() {
    let hiring = Hiring::start();
    let lines = format!("{}\n\n{{\"id\": \n{}\r\n[]\n", employee(1), employee(2));
    let answer = hiring.service.send(
        EMPLOYEES,
        &[("Content-Type", "application/x-ndjson; charset=UTF-8")],
        lines.as_bytes(),
    );
    assert_eq!(
        answer.outcomes(),
        ["inserted", " shape", "inserted", " shape"]
    );
    // The files of hiring have no header, but one that comes is recognised.
    for (id, header) in [(3, ""), (4, "id,name,datetime,department_id,job_id\n")] {
        let csv = format!(
            "{header}{id},\"Ana, Lu\",2021-05-01T08:00:00Z,1,1\n{id}x,Eva,2021-05-01T08:00:00Z,1\n"
        );
        let answer =
            hiring
                .service
                .send(EMPLOYEES, &[("Content-Type", "text/csv")], csv.as_bytes());
        assert_eq!(answer.status, 207, "{}", answer.body);
        assert_eq!(answer.outcomes(), ["inserted", " shape"]);
    }
    assert_eq!(hiring.employees(), 4);
    assert_eq!(
        hiring.count("hiring.hired_employees WHERE name = 'Ana, Lu'"),
        2
    );
}

#[test]
fn numbers_keep_their_digits_defaults_are_the_databases_and_null_is_null() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\nkey = [\"id\"]\n",
        "CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, price numeric(38, 9), note text DEFAULT 'none',
                         doc jsonb, at timestamp DEFAULT now());",
    );
    let rows = r#"[
        {"id": 9007199254740993, "price": 12345678901234567890123456789.012345678, "note": null, "doc": {"b": [1.10, null]}},
        {"price": 1E2, "doc": "text"},
        {"note": "", "doc": null},
        {},
        {"price": 1e400},
        {"price": 0.1234567891},
        {"id": 92233720368547758080}
    ]"#;
    let answer = own.service.post("/v1/own/t", rows);
    assert_eq!(answer.status, 207, "{}", answer.body);
    assert_eq!(
        answer.outcomes(),
        [
            "inserted",
            "inserted",
            "inserted",
            "inserted",
            "price overflow",
            "price scale",
            "id overflow"
        ]
    );
    assert_eq!(own.count("own.t"), 4);
    let mut client = own.database.connect();
    let rows = client
        .query(
            "SELECT id, price::text, note, doc::text, at IS NOT NULL FROM own.t ORDER BY id DESC",
            &[],
        )
        .expect("rows");
    type Row<'a> = (i64, Option<&'a str>, Option<&'a str>, Option<&'a str>, bool);
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect();
    let first = Some("12345678901234567890123456789.012345678");
    assert_eq!(
        rows[0],
        (
            9_007_199_254_740_993,
            first,
            None,
            Some(r#"{"b": [1.10, null]}"#),
            true
        )
    );
    assert!(rows.contains(&(
        1,
        Some("100.000000000"),
        Some("none"),
        Some("\"text\""),
        true
    )));
    let others: Vec<_> = rows[1..].iter().map(|row| row.2).collect();
    assert_eq!(others.iter().filter(|note| **note == Some("")).count(), 1);
    assert_eq!(
        others.iter().filter(|note| **note == Some("none")).count(),
        2
    );
}

#[test]
fn a_column_named_as_sql_is_a_column_and_sql_in_a_field_is_a_text() {
    let own = Own::start(
        "[[table]]\nname = \"the \\\"table\\\"\"\nkey = [\"id\"]\n",
        "CREATE TABLE \"the \"\"table\"\"\" (id integer PRIMARY KEY, \"drop \"\"table\"\" select\" text);",
    );
    let hostile = "'; DROP TABLE t; -- \" $1 \\ é \u{202e} %s {}";
    let row = serde_json::json!([{"id": 1, "drop \"table\" select": hostile}]);
    let path = "/v1/own/the%20%22table%22";
    let answer = own.service.post(path, &row.to_string());
    assert_eq!(answer.status, 201, "{}", answer.body);
    let mut client = own.database.connect();
    let found = client
        .query_one(
            "SELECT \"drop \"\"table\"\" select\" FROM own.\"the \"\"table\"\"\"",
            &[],
        )
        .expect("a row");
    assert_eq!(found.get::<_, &str>(0), hostile);
    for name in ["hostile'); --", "Id", "ıd", "id\u{0}", ""] {
        let row = serde_json::json!([{"id": 2, name: 1}]);
        let answer = own.service.post(path, &row.to_string());
        assert_eq!(answer.status, 422, "{}", answer.body);
        assert!(answer.outcomes()[0].ends_with("shape"), "{}", answer.body);
    }
    assert_eq!(own.count("own.\"the \"\"table\"\"\""), 1);
}
