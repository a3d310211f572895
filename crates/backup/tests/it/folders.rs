//! The folder of backups: what is found, kept, deleted and verified.

use std::fs;

use backup::encryption::Keys;
use backup::options::{Asked, Format, Mode};
use database::Cancel;
use dataset::failure::Kind;

use crate::world::{World, message};

const TABLES: &str = "
    CREATE SCHEMA s; CREATE TABLE s.a (id int PRIMARY KEY, t text); CREATE TABLE s.b (id int, n numeric(8,2));
    INSERT INTO s.a SELECT i, 'text ' || i FROM generate_series(1, 100) AS i; INSERT INTO s.b VALUES (1, 1.5), (2, NULL)";

#[test]
fn old_backups_are_deleted_and_nothing_else() {
    let world = World::of(TABLES);
    let mut asked = world.asked(Format::Avro);
    asked.keep = Some(2);
    let first = world.try_backup(&asked).unwrap().path;
    let other = world.path("backups").join("20200101T000000Z");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("mine.txt"), "not a backup").unwrap();
    let second = world.try_backup(&asked).unwrap().path;
    // The folder holds more than a backup.
    fs::write(second.join("note.txt"), "mine").unwrap();
    let third = world.try_backup(&asked).unwrap();
    assert_eq!(
        third.deleted,
        [first.file_name().unwrap().to_str().unwrap()]
    );
    assert!(!first.exists() && second.exists() && third.path.exists());
    // A backup of one table doesn't replace one of several.
    let mut one = asked.clone();
    (one.keep, one.asked) = (Some(1), Asked::Tables(None, vec!["s.a".to_owned()]));
    let of_one = world.try_backup(&one).unwrap();
    assert!(of_one.deleted.is_empty() && third.path.exists());
    fs::remove_dir_all(of_one.path).unwrap();
    let fourth = world.try_backup(&asked).unwrap();
    assert!(fourth.deleted.is_empty());
    assert_eq!(fs::read_dir(&second).unwrap().count(), 1);
    assert!(other.join("mine.txt").exists());
    let listed = world.list().unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!((listed[1].is_latest, listed[0].is_latest), (true, false));
    assert_eq!((listed[1].tables, listed[1].rows), (2, Some(102)));
    assert_eq!(
        fs::read_link(world.path("backups").join("latest")).unwrap(),
        fourth.path.file_name().unwrap()
    );
}

#[test]
fn one_flipped_byte_in_any_file_is_found_and_keeps_a_restore_from_happening() {
    for format in [Format::Avro, Format::Csv] {
        let world = World::of(TABLES);
        let path = world.backup(format).path;
        assert_eq!(world.verify(&path).unwrap().tables.len(), 2);
        assert_eq!(
            world.verify(&world.path("backups")).unwrap().name,
            path.file_name().unwrap().to_str().unwrap()
        );
        let mut tried = 0;
        for entry in fs::read_dir(&path).unwrap().flatten() {
            let file = entry.path();
            let whole = fs::read(&file).unwrap();
            for at in [0, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
                let mut damaged = whole.clone();
                damaged[at] ^= 1;
                fs::write(&file, &damaged).unwrap();
                let said = world.verify(&path).err();
                assert!(said.is_some(), "byte {at} of {}", file.display());
                assert!(world.try_restore(&world.wanted(Mode::Create, "r")).is_err());
                tried += 1;
            }
            fs::write(&file, &whole[..whole.len() - 1]).unwrap();
            assert!(world.verify(&path).is_err(), "cut {}", file.display());
            fs::remove_file(&file).unwrap();
            assert!(world.verify(&path).is_err(), "without {}", file.display());
            fs::write(&file, &whole).unwrap();
        }
        assert_eq!(tried, 5 * 4);
        fs::write(path.join("more.avro"), "").unwrap();
        let said = message(world.verify(&path), Kind::Check);
        assert!(
            said.contains("more.avro does not belong to the backup"),
            "{said}"
        );
        fs::remove_file(path.join("more.avro")).unwrap();
        world.verify(&path).unwrap();
        world.restore(Mode::Create, "r");
    }
}

#[test]
fn a_backup_is_compared_with_the_tables() {
    let world = World::of(TABLES);
    let path = world.backup(Format::Avro).path;
    let settings = world.database.settings();
    let compare = || {
        let database = Some((&settings, None));
        backup::verify(
            &path.clone().into(),
            &Keys::default(),
            database,
            &Cancel::default(),
        )
    };
    assert_eq!(compare().unwrap().database.as_deref(), Some("s"));
    // The same rows in another order are the same contents.
    world.run("CREATE TEMP TABLE x AS TABLE s.a; TRUNCATE s.a; INSERT INTO s.a SELECT * FROM x ORDER BY id DESC");
    compare().unwrap();
    // Rows that have exchanged values are different contents.
    world.run(
        "UPDATE s.a SET t = CASE id WHEN 1 THEN 'text 2' ELSE 'text 1' END WHERE id IN (1, 2)",
    );
    let said = message(compare(), Kind::Check);
    assert!(said.contains("a has other values"), "{said}");
    world.run("DELETE FROM s.b");
    let said = message(compare(), Kind::Check);
    assert!(said.contains("b has 0 rows, but 2 in the backup"), "{said}");
}

#[test]
fn the_checksum_of_contents_is_what_a_select_gives() {
    let world = World::of(TABLES);
    world.run(
        "INSERT INTO s.a VALUES (101, NULL), (-1, 'a text of more than twelve bytes'), (102, '')",
    );
    for format in [Format::Avro, Format::Csv] {
        let path = world.backup(format).path;
        let manifest = fs::read_to_string(path.join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        let mut client = world.database.connect();
        let (rows, sum): (i64, String) = {
            let row = client
                .query_one(
                    "SELECT count(*), sum(hash_array_extended(ARRAY[int8send(hash_array_extended(
                         ARRAY[int4send(id), textsend(t)], 0))], 0))::text FROM s.a",
                    &[],
                )
                .unwrap();
            (row.get(0), row.get(1))
        };
        assert_eq!(manifest["tables"][0]["table"], "a");
        assert_eq!(manifest["tables"][0]["content"]["rows"], rows);
        assert_eq!(manifest["tables"][0]["content"]["sum"], sum);
        assert_eq!(rows, 103);
    }
}
