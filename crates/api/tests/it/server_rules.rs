//! Rules that only the server can judge: a row that breaks one is found, and no other row is kept out.

use crate::world::Own;

fn outcomes(own: &Own, rows: &str) -> Vec<String> {
    own.service.post("/v1/own/t", rows).outcomes()
}

#[test]
fn checks_triggers_and_partial_indexes_reject_the_row_alone() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\nkey = [\"id\"]\n",
        "CREATE TABLE t (id integer PRIMARY KEY, n integer CHECK (n < 100), state text);
         CREATE UNIQUE INDEX one_active ON t (state) WHERE state = 'active';
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             IF NEW.state = 'bad' THEN RAISE EXCEPTION 'bad state'; END IF;
             IF NEW.state = 'drop' THEN RETURN NULL; END IF;
             RETURN NEW;
         END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION refuse();",
    );
    let mut rows: Vec<String> = (1..=100)
        .map(|id| format!("{{\"id\": {id}, \"n\": 1}}"))
        .collect();
    rows[10] = r#"{"id": 11, "n": 100}"#.to_owned();
    rows[20] = r#"{"id": 21, "state": "bad"}"#.to_owned();
    rows[30] = r#"{"id": 31, "state": "active"}"#.to_owned();
    rows[40] = r#"{"id": 41, "state": "active"}"#.to_owned();
    rows[50] = r#"{"id": 51, "state": "drop"}"#.to_owned();
    rows[60] = r#"{"id": 1}"#.to_owned();
    let outcomes = outcomes(&own, &format!("[{}]", rows.join(",")));
    let rejected: Vec<_> = outcomes
        .iter()
        .enumerate()
        .filter(|(_, outcome)| *outcome != "inserted")
        .map(|(index, outcome)| format!("{index} {outcome}"))
        .collect();
    assert_eq!(
        rejected,
        [
            "10  check",
            "20  check",
            "40  unique",
            "50  check",
            "60 id unique"
        ]
    );
    assert_eq!(own.count("own.t"), 95);
    assert_eq!(own.count("own.extrato_reject"), 5);
}

#[test]
fn a_trigger_that_changes_keys_makes_no_row_twice() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\nkey = [\"id\"]\n",
        "CREATE TABLE t (id integer PRIMARY KEY, n integer);
         CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.id = NEW.id + 1000; RETURN NEW; END $$;
         CREATE TRIGGER other BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION other();",
    );
    assert_eq!(
        outcomes(&own, r#"[{"id": 1}, {"id": 2}, {"id": 3}]"#),
        vec!["inserted"; 3]
    );
    assert_eq!(own.count("own.t"), 3);
}

#[test]
fn types_that_only_the_server_reads_are_taken_as_texts() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\nkey = [\"id\"]\n",
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN small AS integer CHECK (VALUE < 10);
         CREATE TABLE t (id integer PRIMARY KEY, tags text[], span interval, amount numeric, kind mood, at inet, few small);",
    );
    let rows = r#"[{"id": 1, "tags": "{a,b}", "span": "1 day", "amount": 1.000000000000000000000000000000000000000001,
                    "kind": "glad", "at": "10.0.0.1", "few": 3},
                   {"id": 2, "span": "soon"}, {"id": 3, "kind": "angry"}, {"id": 4, "few": 10}, {"id": 5}]"#;
    assert_eq!(
        outcomes(&own, rows),
        ["inserted", " type", "kind label", " check", "inserted"]
    );
    assert_eq!(own.count("own.t"), 2);
    let kept = "own.t WHERE amount = 1.000000000000000000000000000000000000000001 AND tags = '{a,b}' AND few = 3";
    assert_eq!(own.count(kept), 1);
}

#[test]
fn a_role_without_a_right_is_a_fault_that_inserts_nothing() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\nkey = [\"id\"]\n",
        "CREATE TABLE t (id integer PRIMARY KEY);",
    );
    own.database
        .connect()
        .batch_execute("ALTER TABLE own.t RENAME TO other")
        .expect("renamed");
    let answer = own.service.post("/v1/own/t", r#"[{"id": 1}]"#);
    assert_eq!((answer.status, &*answer.problem()), (500, "internal"));
    assert_eq!(own.count("own.other"), 0);
    assert!(!answer.body.contains("relation"), "{}", answer.body);
}

#[test]
fn what_is_acknowledged_is_on_disk_though_the_database_does_not_wait_for_it() {
    let own = Own::start(
        "[[table]]\nname = \"t\"\n",
        "CREATE TABLE t (id integer PRIMARY KEY, waits text DEFAULT current_setting('synchronous_commit'))",
    );
    let mut client = own.database.connect();
    let usual = client
        .query_one("SHOW synchronous_commit", &[])
        .expect("a setting");
    assert_eq!(usual.get::<_, &str>(0), "off");
    let key = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "1"),
    ];
    assert_eq!(
        own.service
            .send("/v1/own/t", &key, br#"[{"id": 1}]"#)
            .status,
        201
    );
    assert_eq!(own.service.post("/v1/own/t", r#"[{"id": 2}]"#).status, 201);
    assert_eq!(
        own.service
            .post("/v1/own/t?atomic=true", r#"[{"id": 3}]"#)
            .status,
        201
    );
    assert_eq!(own.count("own.t WHERE waits = 'on'"), 3);
}
