//! A table that is altered while it is served: the answer is clear, the rules are read again, and no wrong row is inserted.

use crate::world::{Answer, Own};

/// A table with a key and an amount of two decimals; some sessions have prepared its statement.
fn own() -> Own {
    let own = Own::start(
        "[[table]]\nname = \"t\"\nkey = [\"id\"]\n",
        "CREATE TABLE t (id integer PRIMARY KEY, amount numeric(10,2));",
    );
    assert_eq!(post(&own, r#"[{"id": 1, "amount": 1.55}]"#).status, 201);
    own
}

fn post(own: &Own, rows: &str) -> Answer {
    own.service.post("/v1/own/t", rows)
}

/// Alters the table, after which the service refuses rows once.
fn alter(own: &Own, statement: &str, rows: &str) {
    let mut client = own.database.connect();
    client.batch_execute(statement).expect(statement);
    let before = own.count("own.t");
    let answer = post(own, rows);
    let found = (answer.status, &*answer.problem());
    assert_eq!(found, (503, "table-altered"), "{statement}");
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(own.count("own.t"), before, "{statement}");
}

#[test]
fn a_type_that_holds_less_rounds_nothing() {
    for with_new_sessions in [false, true] {
        let own = own();
        let mut statement = "ALTER TABLE own.t ALTER amount TYPE numeric(10,0)".to_owned();
        if with_new_sessions {
            statement += "; SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
        }
        alter(&own, &statement, r#"[{"id": 2, "amount": 2.55}]"#);
        let outcomes = post(
            &own,
            r#"[{"id": 2, "amount": 2.55}, {"id": 3, "amount": 3}]"#,
        )
        .outcomes();
        assert_eq!(outcomes[1], "inserted");
        assert!(outcomes[0].starts_with("amount "), "{outcomes:?}");
        assert_eq!(own.count("own.t WHERE id = 3 AND amount = 3"), 1);
    }
}

#[test]
fn columns_that_come_and_go_are_seen() {
    let own = own();
    let added = "ALTER TABLE own.t ADD state text NOT NULL DEFAULT 'x'; ALTER TABLE own.t ALTER state DROP DEFAULT";
    alter(&own, added, r#"[{"id": 2}]"#);
    let rows = r#"[{"id": 2}, {"id": 3, "state": "new"}]"#;
    assert_eq!(post(&own, rows).outcomes(), ["state required", "inserted"]);
    alter(
        &own,
        "ALTER TABLE own.t DROP amount",
        r#"[{"id": 4, "state": "a", "amount": 1}]"#,
    );
    let rows = r#"[{"id": 4, "state": "a", "amount": 1}, {"id": 5, "state": "a"}]"#;
    let outcomes = post(&own, rows).outcomes();
    assert_eq!(outcomes[1], "inserted");
    assert!(outcomes[0].starts_with("amount "), "{outcomes:?}");
    assert_eq!(own.count("own.t"), 3);
}

#[test]
fn a_table_that_is_gone_is_a_fault_until_it_is_back() {
    let own = own();
    let mut client = own.database.connect();
    let mut renamed = |from: &str, to: &str| {
        let statement = format!("ALTER TABLE own.{from} RENAME TO {to}");
        client.batch_execute(&statement).expect("renamed");
    };
    renamed("t", "other");
    let answer = post(&own, r#"[{"id": 2}]"#);
    assert_eq!((answer.status, &*answer.problem()), (500, "internal"));
    renamed("other", "t");
    assert_eq!(post(&own, r#"[{"id": 2}]"#).status, 201);
    assert_eq!(own.count("own.t"), 2);
}

#[test]
fn a_key_that_the_database_lacks_replaces_no_row() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\nkey = [\"id\"]\n",
        "CREATE TABLE t (id integer NOT NULL, n integer);",
    );
    for more in ["", "&atomic=true"] {
        let path = format!("/v1/own/t?on_duplicate=update{more}");
        let answer = own.service.post(&path, r#"[{"id": 1}]"#);
        assert_eq!((answer.status, &*answer.problem()), (400, "no-primary-key"));
    }
    assert_eq!(own.count("own.t"), 0);
    let repeated = r#"[{"id": 1}, {"id": 1}]"#;
    assert_eq!(post(&own, repeated).outcomes(), ["inserted", "id unique"]);
}
