//! Values that cannot be carried are refused with their table and column, and nothing is published.

use backup::options::{Asked, Format};
use dataset::failure::Kind;

use crate::world::{World, message};

#[test]
fn values_that_avro_does_not_carry_are_refused_by_column() {
    let cases = [
        ("numeric(5,2)", "'NaN'", "NaN"),
        ("date", "'infinity'", "an infinite date"),
        ("timestamp", "'-infinity'", "an infinite timestamp"),
        ("timestamptz", "'infinity'", "an infinite timestamp"),
        ("timestamp", "'294276-12-31 23:59:59'", "a timestamp beyond"),
        ("time", "'24:00'", "24:00"),
        ("int[]", "'{{1},{2}}'", "an array of several dimensions"),
        ("int[]", "'[0:0]={1}'", "an array that does not begin at 1"),
        ("time[]", "'{24:00}'", "24:00"),
    ];
    let world = World::of("CREATE SCHEMA s");
    for (kind, value, expected) in cases {
        world.run(&format!(
            "DROP TABLE IF EXISTS s.t; CREATE TABLE s.t (id int, x {kind}); INSERT INTO s.t VALUES (1, NULL), (2, {value})"
        ));
        let said = message(world.try_backup(&world.asked(Format::Avro)), Kind::Refused);
        assert!(said.contains("column `x` of table s.t"), "{kind}: {said}");
        assert!(said.contains(expected), "{kind} {value}: {said}");
        assert!(said.contains("--format csv"), "{said}");
        assert!(said.contains("in row 2 of t-0001.avro"), "{said}");
    }
    let left: Vec<_> = std::fs::read_dir(world.path("backups"))
        .unwrap()
        .flatten()
        .collect();
    assert!(
        left.iter()
            .all(|entry| entry.file_name() == ".extrato.lock"),
        "{left:?}"
    );
}

#[test]
fn a_value_that_is_refused_is_found_by_the_key_of_its_row() {
    for (key, row, expected) in [
        ("a int PRIMARY KEY", "-7", "a = -7"),
        (
            "a text, b bigint, c smallint, PRIMARY KEY (b, a, c)",
            r"E'it''s\n', 9223372036854775807, 3",
            r"b = 9223372036854775807, a = 'it's\n', c = 3",
        ),
        (
            "a uuid PRIMARY KEY",
            "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
            "a = a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
    ] {
        let world = World::of(&format!(
            "CREATE SCHEMA s; CREATE TABLE s.t ({key}, n numeric(5,2)); INSERT INTO s.t VALUES ({row}, 'NaN')"
        ));
        let said = message(world.try_backup(&world.asked(Format::Avro)), Kind::Refused);
        let expected = format!("holds NaN, which Avro cannot hold, in the row with {expected}:");
        assert!(said.contains(&expected), "{said}");
    }
}

#[test]
fn what_names_objects_of_the_database_is_refused_in_both_formats() {
    for (kind, format) in [
        ("regclass", Format::Avro),
        ("regclass", Format::Csv),
        ("regtype[]", Format::Csv),
        ("s.pair", Format::Avro),
    ] {
        let world = World::of(&format!(
            "CREATE SCHEMA s; CREATE TYPE s.pair AS (a int, b regproc); CREATE TABLE s.t (id int, r {kind})"
        ));
        let said = message(world.try_backup(&world.asked(format)), Kind::Mismatch);
        assert!(
            said.contains("column `r` of table s.t has type"),
            "{kind}: {said}"
        );
    }
}

#[test]
fn tables_that_are_not_there_or_of_several_schemas_are_refused() {
    let world = World::of("CREATE SCHEMA s; CREATE TABLE s.known (id int)");
    let mut asked = world.asked(Format::Avro);
    asked.asked = Asked::Tables(None, vec!["s.unknown".to_owned()]);
    let said = message(world.try_backup(&asked), Kind::Mismatch);
    assert!(
        said.contains("`unknown`") && said.contains("known"),
        "{said}"
    );
    asked.asked = Asked::Tables(None, vec!["s.known".to_owned(), "r.other".to_owned()]);
    let said = message(world.try_backup(&asked), Kind::Usage);
    assert!(said.contains("several schemas"), "{said}");
}

#[test]
fn hidden_rows_and_missing_rights_are_refused() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.t (id int); INSERT INTO s.t VALUES (1), (2);
         ALTER TABLE s.t ENABLE ROW LEVEL SECURITY; CREATE POLICY one ON s.t USING (id = 1)",
    );
    let role = testkit::Role::create(&world.database, "GRANT USAGE ON SCHEMA s TO {role}");
    let asked = world.asked(Format::Avro);
    let back_up = || backup::backup(&role.settings, &asked, &database::Cancel::default());
    let said = message(back_up(), Kind::Connection);
    assert!(said.contains("GRANT SELECT"), "{said}");
    world.run(&format!("GRANT SELECT ON s.t TO {}", role.name));
    let said = message(back_up(), Kind::Connection);
    assert!(said.contains("row-level security"), "{said}");
    // The table's owner sees all rows, and is told what is not in the backup.
    let report = world.backup(Format::Avro);
    assert_eq!(report.tables[0].rows, 2);
    assert!(
        report.notes.iter().any(|note| note.contains("policy one")),
        "{:?}",
        report.notes
    );
}
