//! Rows for tables that are already there: they replace the tables' rows, are added to them, or are refused.

use backup::options::{Format, Mode, Triggers};
use dataset::failure::Kind;
use testkit::value;

use crate::world::{World, message, sorted_rows};

const TABLES: &str = "
    CREATE SCHEMA s; SET search_path = s;
    CREATE TABLE parent (id serial PRIMARY KEY, t text, span interval);
    CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent, twice int GENERATED ALWAYS AS (id * 2) STORED);
    ALTER TABLE parent ADD best int REFERENCES child;
    INSERT INTO parent (t, span) VALUES ('a', '1 day'), ('b', NULL), ('', '-2 mons'); INSERT INTO child VALUES (1, 1), (2, 3);
    UPDATE parent SET best = 2 WHERE id = 1;
    CREATE VIEW seen AS SELECT * FROM parent";

const PARENT: [&str; 3] = ["(1,a,\"1 day\",2)", "(2,b,,)", "(3,\"\",\"-2 mons\",)"];

fn rows(world: &World, table: &str) -> Vec<String> {
    sorted_rows(&mut world.database.connect(), table)
}

#[test]
fn rows_are_replaced_and_all_that_hangs_on_the_tables_stays() {
    for format in [Format::Avro, Format::Csv] {
        let world = World::of(TABLES);
        world.backup(format);
        world.run("UPDATE s.parent SET best = NULL, t = 'changed'; DELETE FROM s.child; INSERT INTO s.parent (t) VALUES ('new');
                   SELECT setval('s.parent_id_seq', 1)");
        let report = world.restore(Mode::Replace, "s");
        assert_eq!(report.tables.iter().map(|table| table.rows).sum::<u64>(), 5);
        assert_eq!(rows(&world, "s.parent"), PARENT);
        assert_eq!(rows(&world, "s.seen"), PARENT);
        assert_eq!(rows(&world, "s.child"), ["(1,1,2)", "(2,3,4)"]);
        let mut client = world.database.connect();
        assert_eq!(
            value::<i64>(
                &mut client,
                "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"
            ),
            2
        );
        assert_eq!(
            value::<i32>(
                &mut client,
                "INSERT INTO s.parent (t) VALUES ('next') RETURNING id"
            ),
            4
        );
        assert!(
            client
                .batch_execute("INSERT INTO s.child VALUES (9, 99)")
                .is_err()
        );
    }
}

#[test]
fn rows_are_added_and_keys_that_collide_refuse_all() {
    let world = World::of(TABLES);
    world.backup(Format::Avro);
    let said = message(
        world.try_restore(&world.wanted(Mode::Create, "s")),
        Kind::Refused,
    );
    assert!(
        said.contains("already has child, parent") && said.contains("--mode replace"),
        "{said}"
    );
    let error = world
        .try_restore(&world.wanted(Mode::Append, "s"))
        .expect_err("collides");
    assert_eq!(database::exit_code(&error), 4, "{error:#}");
    assert_eq!(rows(&world, "s.parent"), PARENT);
    world.run(
        "UPDATE s.parent SET best = NULL; DELETE FROM s.child; DELETE FROM s.parent WHERE id = 3;
               INSERT INTO s.parent VALUES (50, 'kept')",
    );
    let mut wanted = world.wanted(Mode::Append, "s");
    wanted.tables = vec!["child".to_owned()];
    let error = world.try_restore(&wanted).expect_err("an orphan");
    assert_eq!(database::exit_code(&error), 4, "{error:#}");
    assert_eq!(rows(&world, "s.child").len(), 0);
    world.run("INSERT INTO s.parent VALUES (3, 'there')");
    let report = world.try_restore(&wanted).unwrap();
    assert_eq!(report.tables[0].rows, 2);
    assert_eq!(rows(&world, "s.child"), ["(1,1,2)", "(2,3,4)"]);
}

#[test]
fn a_schema_that_drifted_is_refused_by_column() {
    let changes = [
        (
            "ALTER TABLE s.child RENAME parent TO other",
            "has no column `parent`",
        ),
        (
            "ALTER TABLE s.child ALTER parent TYPE bigint",
            "column `parent` has type bigint",
        ),
        (
            "ALTER TABLE s.child ADD more text; UPDATE s.child SET more = ''; ALTER TABLE s.child ALTER more SET NOT NULL",
            "new column `more`",
        ),
        (
            "ALTER TABLE s.child DROP parent; ALTER TABLE s.child ADD parent int GENERATED ALWAYS AS (1) STORED",
            "is now computed",
        ),
        ("DROP TABLE s.child CASCADE", "has no child"),
        (
            "DROP TABLE s.child CASCADE; CREATE VIEW s.child AS SELECT 1 AS id, 1 AS parent, 2 AS twice",
            "is not a table",
        ),
    ];
    for (change, expected) in changes {
        let world = World::of(TABLES);
        world.backup(Format::Avro);
        world.run("INSERT INTO s.parent VALUES (70, 'stays')");
        world.run(change);
        for mode in [Mode::Replace, Mode::Append] {
            let said = message(world.try_restore(&world.wanted(mode, "s")), Kind::Mismatch);
            assert!(said.contains(expected), "{change}: {said}");
            assert!(said.contains("the database is as it was"), "{said}");
        }
        assert_eq!(rows(&world, "s.parent").len(), 4);
    }
}

#[test]
fn references_from_outside_are_dropped_and_made_again_only_when_told() {
    let world = World::of(TABLES);
    world.run("CREATE TABLE s.outside (id int, parent int CONSTRAINT to_parent REFERENCES s.parent); INSERT INTO s.outside VALUES (1, 3)");
    let mut asked = world.asked(Format::Avro);
    asked.asked = backup::options::Asked::Tables(
        Some("s".to_owned()),
        vec!["parent".to_owned(), "child".to_owned()],
    );
    world.try_backup(&asked).unwrap();
    let mut wanted = world.wanted(Mode::Replace, "s");
    let said = message(world.try_restore(&wanted), Kind::Refused);
    assert!(
        said.contains("to_parent of s.outside") || said.contains("to_parent of outside"),
        "{said}"
    );
    wanted.drop_references = true;
    world.run("UPDATE s.parent SET t = 'changed'");
    let report = world.try_restore(&wanted).unwrap();
    assert!(
        report.notes.iter().any(|note| note.contains("to_parent")),
        "{:?}",
        report.notes
    );
    assert_eq!(rows(&world, "s.parent"), PARENT);
    world.run("DELETE FROM s.outside; INSERT INTO s.parent VALUES (80); INSERT INTO s.outside VALUES (2, 80)");
    // If the key were created again it would not hold, so nothing is replaced.
    let error = world.try_restore(&wanted).expect_err("refers to nothing");
    assert_eq!(database::exit_code(&error), 4, "{error:#}");
    assert_eq!(rows(&world, "s.parent").len(), 4);
    assert!(
        world
            .database
            .connect()
            .batch_execute("INSERT INTO s.outside VALUES (3, 999)")
            .is_err()
    );
}

#[test]
fn triggers_fire_or_do_not_as_told() {
    let world = World::of(TABLES);
    world.backup(Format::Avro);
    world.run(
        "CREATE TABLE s.log (t text); CREATE FUNCTION s.note() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO s.log VALUES (NEW.t); NEW.t = upper(NEW.t); RETURN NEW; END $$;
         CREATE TRIGGER noted BEFORE INSERT ON s.parent FOR EACH ROW EXECUTE FUNCTION s.note()",
    );
    let mut wanted = world.wanted(Mode::Replace, "s");
    let said = message(world.try_restore(&wanted), Kind::Refused);
    assert!(
        said.contains("trigger noted of") && said.contains("--triggers"),
        "{said}"
    );
    wanted.triggers = Some(Triggers::Fire);
    // The trigger changes the values of the rows.
    let said = message(world.try_restore(&wanted), Kind::Check);
    assert!(
        said.contains("`parent` would not have the contents"),
        "{said}"
    );
    assert_eq!(
        (rows(&world, "s.log").len(), rows(&world, "s.parent").len()),
        (0, 3)
    );
    wanted.triggers = Some(Triggers::Skip);
    world.try_restore(&wanted).unwrap();
    assert_eq!(rows(&world, "s.parent"), PARENT);
    world.run("INSERT INTO s.parent (t) VALUES ('x')");
    assert_eq!(rows(&world, "s.log"), ["(x)"]);
}
