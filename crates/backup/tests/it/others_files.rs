//! Single Avro files, not part of a backup of this program, restored into tables that are there.

use std::fs;
use std::path::PathBuf;

use backup::options::{Format, Mode, RestoreOptions};
use dataset::failure::Kind;

use crate::world::{World, message, sorted_rows};

/// The only file of a backup of `s.t`.
fn file(world: &World) -> PathBuf {
    let path = world.backup(Format::Avro).path;
    path.join("t-0001.avro")
}

fn into(world: &World, file: PathBuf, mode: Mode) -> RestoreOptions {
    let mut wanted = world.wanted(mode, "r");
    (wanted.from, wanted.tables) = (file.into(), vec!["t".to_owned()]);
    wanted
}

#[test]
fn a_file_alone_goes_into_a_table_that_fits() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.t (id int, n numeric(10,2), \"né\" text[]); INSERT INTO s.t VALUES (1, 1.25, '{a}'), (2, NULL, NULL);
         CREATE SCHEMA r; CREATE TABLE r.t (more text DEFAULT 'x', \"né\" text[], id bigint NOT NULL, n numeric(12,4))",
    );
    let wanted = into(&world, file(&world), Mode::Append);
    let report = world.try_restore(&wanted).unwrap();
    assert_eq!((report.tables[0].rows, report.is_proved), (2, false));
    let mut client = world.database.connect();
    assert_eq!(
        sorted_rows(&mut client, "r.t"),
        ["(x,,2,)", "(x,{a},1,1.2500)"]
    );
    let said = message(
        world.try_restore(&into(
            &world,
            wanted.from.path().unwrap().to_owned(),
            Mode::Create,
        )),
        Kind::Usage,
    );
    assert!(said.contains("--mode append or replace"), "{said}");
}

#[test]
fn a_file_that_does_not_fit_is_refused_by_field() {
    let tables = [
        (
            "id int, n numeric(10,1), t text",
            Kind::Refused,
            "row 1, column `n`",
        ),
        (
            "id smallint, n numeric(10,2), t text",
            Kind::Refused,
            "column `id`: 70000 is out of range",
        ),
        (
            "id text, n numeric(10,2), t text",
            Kind::Mismatch,
            "field `id` is an int",
        ),
        (
            "id int, n numeric(10,2)",
            Kind::Mismatch,
            "field `t` is not a column",
        ),
        (
            "id int, n numeric(10,2), t text, u text NOT NULL",
            Kind::Mismatch,
            "no field for the column `u`",
        ),
    ];
    for (columns, kind, expected) in tables {
        let world = World::of(&format!(
            "CREATE SCHEMA s; CREATE TABLE s.t (id int, n numeric(10,2), t text); INSERT INTO s.t VALUES (70000, 1.25, '');
             CREATE SCHEMA r; CREATE TABLE r.t ({columns})"
        ));
        let said = message(
            world.try_restore(&into(&world, file(&world), Mode::Append)),
            kind,
        );
        assert!(said.contains(expected), "{columns}: {said}");
    }
}

#[test]
fn damaged_files_are_refused_and_nothing_panics() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.t (id int, n numeric(10,2), a int[], t text);
         INSERT INTO s.t SELECT i, i, ARRAY[i, NULL], 'text' FROM generate_series(1, 30) AS i;
         CREATE SCHEMA r; CREATE TABLE r.t (LIKE s.t)",
    );
    let mut asked = world.asked(Format::Avro);
    // Without compression any byte may be damaged without being noticed at once.
    asked.codec = backup::Codec::Null;
    let path = world.try_backup(&asked).unwrap().path.join("t-0001.avro");
    let whole = fs::read(&path).unwrap();
    let damaged = world.path("damaged.avro");
    let mut refused = 0;
    for at in (0..whole.len()).step_by(29) {
        for bytes in [
            whole[..at].to_vec(),
            [&whole[..at], &[whole[at] ^ 0x55], &whole[at + 1..]].concat(),
        ] {
            fs::write(&damaged, bytes).unwrap();
            refused += u32::from(
                world
                    .try_restore(&into(&world, damaged.clone(), Mode::Replace))
                    .is_err(),
            );
        }
    }
    // Every cut is refused except those at the end of a block, and so are most changed bytes.
    assert!(
        refused > whole.len() as u32 / 29,
        "{refused} of {}",
        whole.len() * 2 / 29
    );
    world
        .try_restore(&into(&world, path, Mode::Replace))
        .unwrap();
    world.check_same("s.t", "r.t", 30);
}
