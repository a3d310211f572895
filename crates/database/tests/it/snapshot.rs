//! One snapshot is read in parts.

use std::io::Read;

use database::copy::read::Blocks;
use database::snapshot::Snapshot;
use database::{Cancel, Connection};
use dataset::Dataset;
use dataset::failure::{Failure, Kind};
use testkit::{Database, Wire};

fn dataset() -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("dataset.toml"),
        "name = \"s\"\n[[table]]\nname = \"t\"\nkey = [\"id\"]\n",
    )
    .unwrap();
    Dataset::open(folder.path().to_str().unwrap()).unwrap()
}

/// The ids that one part gives in a session of its own.
fn ids(database: &Database, snapshot: &Snapshot, statement: &str) -> Vec<i64> {
    let mut session: Connection = database.connect();
    session.batch_execute(&snapshot.adopt_sql()).unwrap();
    let mut text = String::new();
    let statement = statement.replace("(FORMAT binary)", "(FORMAT csv)");
    session
        .copy_out(&statement)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn the_parts_of_a_table_hold_each_row_of_the_snapshot_once_whatever_is_written_meanwhile() {
    let database = Database::create();
    let mut client = database.connect();
    client
        .batch_execute(
            "CREATE SCHEMA s; CREATE TABLE s.t (id bigint PRIMARY KEY, filler text);
             INSERT INTO s.t SELECT i, repeat('x', 100) FROM generate_series(1, 20000) AS i;
             CREATE TABLE s.child () INHERITS (s.t);
             INSERT INTO s.child SELECT i, 'child' FROM generate_series(20001, 50000) AS i",
        )
        .unwrap();
    let snapshot = Snapshot::take(
        &database.settings(),
        &dataset(),
        "s",
        &|_, _| true,
        &Cancel::default(),
    )
    .unwrap();
    client
        .batch_execute(
            "INSERT INTO s.t SELECT i, 'later' FROM generate_series(100001, 150000) AS i;
             DELETE FROM s.t WHERE id % 3 = 0; UPDATE s.t SET filler = 'moved' WHERE id % 5 = 0",
        )
        .unwrap();
    for parts in [1, 2, 7] {
        let statements = snapshot.copy_statements(&snapshot.tables()[0], &["id"], parts, 16);
        assert_eq!(statements.len(), parts);
        let mut read: Vec<i64> = statements
            .iter()
            .flat_map(|statement| ids(&database, &snapshot, statement))
            .collect();
        assert_eq!(read.len(), 50_000, "{parts} parts");
        read.sort_unstable();
        assert!(read.into_iter().eq(1..=50_000), "{parts} parts");
    }
    snapshot.release().unwrap();
}

#[test]
fn a_small_table_is_one_part_and_so_is_a_view() {
    let database = Database::create();
    let sql = "CREATE SCHEMA s; CREATE TABLE s.u (id bigint); CREATE VIEW s.t AS SELECT * FROM s.u";
    database.connect().batch_execute(sql).unwrap();
    let snapshot = Snapshot::take(
        &database.settings(),
        &dataset(),
        "s",
        &|_, _| true,
        &Cancel::default(),
    )
    .unwrap();
    let statements = snapshot.copy_statements(&snapshot.tables()[0], &["id"], 8, 1);
    assert_eq!(
        statements,
        ["COPY (SELECT \"id\" FROM \"s\".\"t\") TO STDOUT (FORMAT binary)"]
    );
}

#[test]
fn a_snapshot_whose_session_was_ended_says_why_when_it_is_joined_or_released() {
    let database = Database::create();
    let mut client = database.connect();
    let sql = "CREATE SCHEMA s; CREATE TABLE s.t (id bigint)";
    client.batch_execute(sql).unwrap();
    let wire = Wire::to(&database.settings());
    for settings in [database.settings(), wire.settings()] {
        let cancel = Cancel::default();
        let snapshot = Snapshot::take(&settings, &dataset(), "s", &|_, _| true, &cancel).unwrap();
        let holder = "FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'";
        let end = format!("SELECT pg_terminate_backend(pid, 60000) {holder}");
        assert!(client.query_one(&end, &[]).unwrap().get::<_, bool>(0));

        let statement = "COPY (SELECT id FROM s.t) TO STDOUT (FORMAT binary)";
        let mut blocks =
            Blocks::open(&settings, &snapshot.adopt_sql(), statement, None, &cancel).unwrap();
        let error = blocks.next().unwrap().unwrap_err();
        assert_eq!(
            Failure::kind_of(&error),
            Some(Kind::Connection),
            "{error:#}"
        );
        assert!(
            error.to_string().contains("the snapshot is gone"),
            "{error:#}"
        );

        let error = snapshot.release().unwrap_err();
        assert_eq!(
            Failure::kind_of(&error),
            Some(Kind::Connection),
            "{error:#}"
        );
        let message = format!("{error:#}");
        assert!(
            message.contains("an administrator ended the session"),
            "{message}"
        );
    }
}
