//! Tables that a role may read in part, and tables that cannot be read yet.

use database::snapshot::Snapshot;
use database::{Cancel, Settings};
use dataset::Dataset;
use dataset::failure::{Failure, Kind};
use testkit::{Database, Role};

const TABLE: &str =
    "CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, \"a b\" text, secret text);
    INSERT INTO s.t SELECT i, repeat('x', 500), 'hush' FROM generate_series(1, 20000) AS i";

fn dataset() -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let described = "name = \"s\"\n[[table]]\nname = \"t\"\nkey = [\"id\"]\n";
    std::fs::write(folder.path().join("dataset.toml"), described).unwrap();
    Dataset::open(folder.path().to_str().unwrap()).unwrap()
}

fn take(settings: &Settings, columns: &[&str]) -> anyhow::Result<Snapshot> {
    let wanted = |_: &str, column: &str| columns.contains(&column);
    Snapshot::take(settings, &dataset(), "s", &wanted, &Cancel::default())
}

#[test]
fn a_role_reads_the_columns_that_it_was_granted_as_one_part_and_the_table_stays_locked() {
    let database = Database::create();
    database.connect().batch_execute(TABLE).unwrap();
    let grants = "GRANT USAGE ON SCHEMA s TO {role}; GRANT SELECT (id, \"a b\") ON s.t TO {role}";
    let role = Role::create(&database, grants);
    for connections in [1, 3] {
        let snapshot = take(&role.settings, &["a b"]).unwrap();
        let table = &snapshot.tables()[0];
        assert!(table.pages > 500);
        let statements = snapshot.copy_statements(table, &["a b"], 4, 16);
        assert_eq!(statements.len(), 1);
        let statement = statements[0].replace("(FORMAT binary)", "");
        let blocks = snapshot
            .reader(connections, "--max-connections")
            .open(&statement, &Cancel::default())
            .unwrap();
        let bytes: usize = blocks.map(|block| block.unwrap().len()).sum();
        assert_eq!(bytes, 20_000 * 501);
        let truncate = "SET lock_timeout = '50ms'; TRUNCATE s.t";
        let error = database.connect().batch_execute(truncate).unwrap_err();
        assert_eq!(
            error.code().map(postgres::error::SqlState::code),
            Some("55P03")
        );
        snapshot.release().unwrap();
    }
}

#[test]
fn a_column_that_was_not_granted_is_named_with_the_grant_that_helps() {
    let database = Database::create();
    database.connect().batch_execute(TABLE).unwrap();
    let grants = "GRANT USAGE ON SCHEMA s TO {role}; GRANT SELECT (id) ON s.t TO {role}";
    let role = Role::create(&database, grants);
    let error = take(&role.settings, &["id", "secret"]).err().unwrap();
    assert_eq!(
        Failure::kind_of(&error),
        Some(Kind::Connection),
        "{error:#}"
    );
    let message = error.to_string();
    assert!(message.contains("`secret` of table `t`"), "{message}");
    let grant = format!(
        "GRANT SELECT (\"secret\") ON \"s\".\"t\" TO \"{}\"",
        role.name
    );
    assert!(message.contains(&grant), "{message}");
}

#[test]
fn a_materialised_view_without_data_is_named_with_what_fills_it() {
    let database = Database::create();
    let sql = "CREATE SCHEMA s; CREATE MATERIALIZED VIEW s.t AS SELECT 1 AS id WITH NO DATA";
    let mut client = database.connect();
    client.batch_execute(sql).unwrap();
    let error = take(&database.settings(), &["id"]).err().unwrap();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Mismatch), "{error:#}");
    assert!(
        error.to_string().contains("REFRESH MATERIALIZED VIEW"),
        "{error:#}"
    );

    // Also behind a view, where only reading shows it.
    let behind = "ALTER MATERIALIZED VIEW s.t RENAME TO m; CREATE VIEW s.t AS SELECT * FROM s.m";
    client.batch_execute(behind).unwrap();
    let snapshot = take(&database.settings(), &["id"]).unwrap();
    let reader = snapshot.reader(1, "--max-connections");
    let mut blocks = reader
        .open("COPY (SELECT id FROM s.t) TO STDOUT", &Cancel::default())
        .unwrap();
    let error = blocks.next().unwrap().unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Mismatch), "{error:#}");
    assert!(
        error.to_string().contains("REFRESH MATERIALIZED VIEW"),
        "{error:#}"
    );
}

#[test]
fn one_connection_reads_all_where_the_role_has_no_other() {
    let database = Database::create();
    database.connect().batch_execute(TABLE).unwrap();
    let grants = "ALTER ROLE {role} CONNECTION LIMIT 1; GRANT USAGE ON SCHEMA s TO {role}; GRANT SELECT ON s.t TO {role}";
    let role = Role::create(&database, grants);
    let snapshot = take(&role.settings, &["id"]).unwrap();
    let statement = "COPY (SELECT id FROM s.t) TO STDOUT";
    let reader = snapshot.reader(1, "--max-connections");
    for _ in 0..3 {
        let blocks = reader.open(statement, &Cancel::default()).unwrap();
        let rows: Vec<u8> = blocks.flat_map(Result::unwrap).collect();
        assert_eq!(rows.iter().filter(|byte| **byte == b'\n').count(), 20_000);
    }
    let two = snapshot.reader(2, "--max-connections");
    let mut blocks = two.open(statement, &Cancel::default()).unwrap();
    let error = format!("{:#}", blocks.next().unwrap().unwrap_err());
    assert!(error.contains("--max-connections 1"), "{error}");
    snapshot.release().unwrap();
}

#[test]
fn a_schema_that_was_not_granted_is_named() {
    let database = Database::create();
    database.connect().batch_execute(TABLE).unwrap();
    let role = Role::create(&database, "GRANT SELECT ON s.t TO {role}");
    let error = take(&role.settings, &["id"]).err().unwrap();
    let message = format!("{error:#}");
    assert!(
        message.contains("permission denied for schema s"),
        "{message}"
    );
    assert_eq!(database::exit_code(&error), Kind::Connection.exit_code());
}
