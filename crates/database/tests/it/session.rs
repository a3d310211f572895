//! What a role's own settings change, and what a pooler's next client finds.

use database::snapshot::Snapshot;
use database::{Cancel, Settings};
use dataset::Dataset;
use testkit::{Database, Pooler, Role};

const TABLE: &str = "CREATE SCHEMA s; CREATE TABLE s.t (id int, price money, day date, span interval, ratio float8, bytes bytea,
         moment timestamptz);
    INSERT INTO s.t VALUES (1, 1234.5::numeric, '2024-02-03', '1 year 2 mons -3 days 04:05:06', 0.1::float4::float8, '\\x00ff',
         '2024-02-03 04:05:06+00')";

fn dataset() -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    let described = "name = \"s\"\n[[table]]\nname = \"t\"\nkey = [\"id\"]\n\
        cast_to_text = [\"price\", \"day\", \"span\", \"ratio\", \"bytes\", \"moment\"]\n";
    std::fs::write(folder.path().join("dataset.toml"), described).unwrap();
    Dataset::open(folder.path().to_str().unwrap()).unwrap()
}

/// The bytes of the table as a role reads it over this many connections.
fn read(settings: &Settings, connections: usize) -> Vec<u8> {
    let cancel = Cancel::default();
    let snapshot = Snapshot::take(settings, &dataset(), "s", &|_, _| true, &cancel).unwrap();
    let columns = ["id", "price", "day", "span", "ratio", "bytes", "moment"];
    let statements = snapshot.copy_statements(&snapshot.tables()[0], &columns, 1, 1);
    let statement = statements[0].replace("(FORMAT binary)", "(FORMAT csv)");
    let reader = snapshot.reader(connections, "--max-connections");
    let blocks: Vec<Vec<u8>> = reader
        .open(&statement, &cancel)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    snapshot.release().unwrap();
    blocks.concat()
}

#[test]
fn text_is_the_same_whatever_a_role_or_the_server_has_set() {
    let database = Database::create();
    database.connect().batch_execute(TABLE).unwrap();
    let name = database.settings().database().to_owned();
    let set = format!(
        "GRANT USAGE ON SCHEMA s TO {{role}}; GRANT SELECT ON s.t TO {{role}};
         ALTER DATABASE {name} SET lc_monetary = 'en_US.UTF-8'; ALTER DATABASE {name} SET DateStyle = 'German';
         ALTER ROLE {{role}} SET lc_monetary = 'pt_BR.UTF-8'; ALTER ROLE {{role}} SET DateStyle = 'SQL, DMY';
         ALTER ROLE {{role}} SET IntervalStyle = 'sql_standard'; ALTER ROLE {{role}} SET extra_float_digits = -5;
         ALTER ROLE {{role}} SET bytea_output = 'escape'; ALTER ROLE {{role}} SET TimeZone = 'America/Sao_Paulo';
         ALTER ROLE {{role}} SET default_transaction_isolation = 'serializable'"
    );
    let role = Role::create(&database, &set);
    let expected = "1,\"$1,234.50\",2024-02-03,1 year 2 mons -3 days +04:05:06,0.10000000149011612,\\x00ff,\
         2024-02-03 04:05:06+00\n";
    for settings in [&database.settings(), &role.settings] {
        for connections in [1, 2] {
            let text = String::from_utf8(read(settings, connections)).unwrap();
            assert_eq!(text, expected, "{settings}, {connections} connections");
        }
    }
}

#[test]
fn a_snapshot_leaves_nothing_in_the_session_that_a_pooler_lends() {
    let database = Database::create();
    database.connect().batch_execute(TABLE).unwrap();
    let pooler = Pooler::of_one(&database.settings());
    let before = pooler.held();
    read(&pooler.settings(), 1);
    assert_eq!(pooler.held(), before);
    let two = Pooler::before(
        &database.settings(),
        "pool_mode = transaction\ndefault_pool_size = 2",
    );
    assert_eq!(read(&two.settings(), 2), read(&database.settings(), 1));
    assert_eq!(two.held(), before);
}

#[test]
fn a_pool_without_room_for_a_reader_is_refused_with_the_option_that_helps() {
    let database = Database::create();
    database.connect().batch_execute(TABLE).unwrap();
    let pooler = Pooler::of_one(&database.settings());
    let cancel = Cancel::default();
    let snapshot =
        Snapshot::take(&pooler.settings(), &dataset(), "s", &|_, _| true, &cancel).unwrap();
    let reader = snapshot.reader(2, "--max-connections");
    let mut blocks = reader.open("COPY s.t TO STDOUT", &cancel).unwrap();
    let error = format!("{:#}", blocks.next().unwrap().unwrap_err());
    assert!(error.contains("--max-connections 1"), "{error}");
    assert!(error.contains("uses 2 connections"), "{error}");
}
