//! Faults of disks, tables and rights: each is reported, and leaves backups and tables as they were.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use backup::encryption::Keys;
use backup::options::{Format, Mode};
use database::Cancel;
use dataset::failure::Kind;
use testkit::{Role, value, wait_until};

use crate::world::{World, message};

/// A file system of limited size, which is unmounted when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts the file system; `None` without the right to mount.
    fn mount(folder: &Path, size: &str) -> Option<Self> {
        fs::create_dir(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_the_backups_that_were_there() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT i AS id, md5(i::text) AS filler FROM generate_series(1, 20) AS i",
    );
    // An unprivileged user's run of this test ends here.
    let Some(disk) = SmallDisk::mount(&world.path("backups"), "512k") else {
        return;
    };
    let first = world.backup(Format::Avro).path;
    world.run("INSERT INTO s.t SELECT i, md5(i::text) FROM generate_series(21, 60000) AS i");
    for format in [Format::Avro, Format::Csv] {
        let mut asked = world.asked(format);
        asked.keep = Some(1);
        let said = message(world.try_backup(&asked), Kind::Output);
        assert!(
            said.contains("cannot write") && said.contains("No space left"),
            "{said}"
        );
        let left = fs::read_dir(&disk.0).unwrap().flatten();
        let mut left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        left.sort();
        let first_name = first.file_name().unwrap();
        assert_eq!(
            left,
            [".extrato.lock".as_ref(), first_name, "latest".as_ref()]
        );
        assert_eq!(world.verify(&disk.0).unwrap().path, first.clone().into());
    }
}

#[test]
fn no_room_for_the_scratch_copies_leaves_the_tables_as_they_were() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT i AS id, md5(i::text) AS filler FROM generate_series(1, 100000) AS i",
    );
    world.backup(Format::Avro);
    world.run("DELETE FROM s.t WHERE id > 10");
    let Some(disk) = SmallDisk::mount(&world.path("small"), "1m") else {
        return;
    };
    let mut client = world.database.connect();
    let data: String = value(&mut client, "SHOW data_directory");
    let owner = fs::metadata(data).unwrap();
    // The server's account must be able to reach the folder.
    for folder in [disk.0.parent().unwrap(), &disk.0] {
        chown(folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let name = world.database.settings().database().to_owned();
    for statement in [
        format!("CREATE TABLESPACE {name} LOCATION '{}'", disk.0.display()),
        format!("ALTER DATABASE {name} SET temp_tablespaces = {name}"),
    ] {
        client.batch_execute(&statement).unwrap();
    }
    let said =
        [Mode::Replace, Mode::Append].map(|mode| world.try_restore(&world.wanted(mode, "s")));
    client
        .batch_execute(&format!("DROP TABLESPACE {name}"))
        .unwrap();
    drop(disk);
    for said in said {
        let said = format!("{:#}", said.expect_err("no room"));
        for part in ["No space left", "table `t`", "the database is as it was"] {
            assert!(said.contains(part), "{said} lacks {part}");
        }
    }
    assert_eq!(value::<i64>(&mut client, "SELECT count(*) FROM s.t"), 10);
}

#[test]
fn what_becomes_of_a_table_between_listing_and_reading_is_said() {
    // For a table that was never analysed the server is asked for its size, which waits for whoever has locked the table.
    let cases = [
        ("", "DROP TABLE s.t", Some("table `t` is missing")),
        (
            "ANALYZE s.t",
            "DROP TABLE s.t",
            Some("while the run was starting"),
        ),
        (
            "ANALYZE s.t",
            "ALTER TABLE s.t RENAME TO u",
            Some("while the run was starting"),
        ),
        (
            "ANALYZE s.t",
            "DROP SCHEMA s CASCADE",
            Some("while the run was starting"),
        ),
        (
            "ANALYZE s.t",
            "ALTER TABLE s.t DROP u",
            Some("while the run was starting"),
        ),
        (
            "ANALYZE s.t",
            "ALTER TABLE s.t ADD more int DEFAULT 7",
            None,
        ),
    ];
    let mut others = Vec::new();
    for (analysed, change, expected) in cases {
        let world = World::of(
            "CREATE SCHEMA s; CREATE TABLE s.a (id int); CREATE TABLE s.t (id int, u text); INSERT INTO s.t VALUES (1)",
        );
        world.run(analysed);
        let mut other = world.database.connect();
        other
            .batch_execute("BEGIN; LOCK TABLE s.t IN ACCESS EXCLUSIVE MODE")
            .unwrap();
        let result = thread::scope(|scope| {
            let backup = scope.spawn(|| world.try_backup(&world.asked(Format::Avro)));
            wait_until(
                &world.database.settings(),
                "SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
                                WHERE NOT l.granted AND d.datname = current_database())",
            );
            other.batch_execute(&format!("{change}; COMMIT")).unwrap();
            backup.join().unwrap()
        });
        let listed = world.list().unwrap_or_default();
        match (expected, result) {
            (Some(expected), Err(error))
                if format!("{error:#}").contains(expected) && listed.is_empty() =>
            {
                assert_eq!(database::exit_code(&error), 7, "{error:#}");
            }
            // The backup has the table as it is after the change.
            (None, Ok(_)) => {
                world.restore(Mode::Create, "r");
                world.check_same("s.t", "r.t", 1);
            }
            (_, other) => others.push((
                analysed,
                change,
                other.map_err(|error| format!("{error:#}")),
            )),
        }
    }
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn a_role_that_may_not_restore_is_told_what_it_lacks() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.t (id int, span interval); INSERT INTO s.t VALUES (1, '1 day'), (2, NULL)",
    );
    world.backup(Format::Avro);
    let role = Role::create(&world.database, "");
    let database = world.database.settings().database().to_owned();
    let name = &role.name;
    world.run(&format!(
        "REVOKE TEMPORARY, CREATE ON DATABASE {database} FROM PUBLIC"
    ));
    let grant = |what: &str| world.run(&format!("GRANT {what} TO {name}"));
    let restore = |mode: Mode, into: &str| {
        backup::restore(
            &role.settings,
            &world.wanted(mode, into),
            &Cancel::default(),
        )
    };
    let refused = |mode: Mode, into: &str, expected: &str| {
        let error = restore(mode, into).expect_err("no right");
        let said = format!("{error:#}");
        assert_eq!(database::exit_code(&error), 3, "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("the database is as it was"), "{said}");
    };
    refused(Mode::Create, "r", "permission denied for database");
    refused(Mode::Replace, "s", "permission denied for schema s");
    grant("USAGE ON SCHEMA s");
    refused(Mode::Append, "s", "permission denied for table t");
    grant("SELECT, INSERT ON s.t");
    refused(Mode::Append, "s", "TEMPORARY");
    grant(&format!("TEMPORARY ON DATABASE {database}"));
    restore(Mode::Append, "s").unwrap();
    refused(Mode::Replace, "s", "permission denied for table t");
    world.run("DELETE FROM s.t WHERE id = 2");
    grant("TRUNCATE ON s.t");
    restore(Mode::Replace, "s").unwrap();
    let rows: i64 = value(&mut world.database.connect(), "SELECT count(*) FROM s.t");
    assert_eq!(rows, 2);
}

#[test]
fn rows_that_a_policy_hides_are_neither_compared_nor_replaced() {
    let world =
        World::of("CREATE SCHEMA s; CREATE TABLE s.t (id int); INSERT INTO s.t VALUES (1), (2)");
    let path = world.backup(Format::Avro).path;
    let role = Role::create(
        &world.database,
        "GRANT USAGE ON SCHEMA s TO {role}; GRANT SELECT, INSERT, TRUNCATE ON s.t TO {role};
         ALTER TABLE s.t ENABLE ROW LEVEL SECURITY; CREATE POLICY one ON s.t USING (id = 1)",
    );
    let policy = |error: anyhow::Error| {
        let said = format!("{error:#}");
        assert_eq!(database::exit_code(&error), 3, "{said}");
        assert!(
            said.contains("row-level security policy for table \"t\""),
            "{said}"
        );
    };
    let compared = backup::verify(
        &path.clone().into(),
        &Keys::default(),
        Some((&role.settings, None)),
        &Cancel::default(),
    );
    policy(compared.expect_err("hidden rows"));
    for mode in [Mode::Replace, Mode::Append] {
        let restored =
            backup::restore(&role.settings, &world.wanted(mode, "s"), &Cancel::default());
        policy(restored.expect_err("hidden rows"));
    }
    // The policy doesn't apply to the owner.
    world.restore(Mode::Replace, "s");
    let owner = world.database.settings();
    backup::verify(
        &path.clone().into(),
        &Keys::default(),
        Some((&owner, None)),
        &Cancel::default(),
    )
    .unwrap();
}

#[test]
fn a_foreign_table_is_restored_as_a_table_and_one_that_is_gone_is_an_error() {
    let world = World::of("CREATE SCHEMA s");
    let mut client = world.database.connect();
    let is_there = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'file_fdw')";
    if !value::<bool>(&mut client, is_there) {
        return;
    }
    world.run(
        "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
         CREATE FOREIGN TABLE s.f (id int, amount numeric(8,2), note text) SERVER files
             OPTIONS (program 'printf \"1,1.50,a\\n2,,\\n\"', format 'csv');
         CREATE FOREIGN TABLE s.gone (id int) SERVER files OPTIONS (filename '/nowhere/at/all')",
    );
    let of = |table: &str| {
        let mut asked = world.asked(Format::Avro);
        asked.asked = backup::options::Asked::Tables(None, vec![table.to_owned()]);
        world.try_backup(&asked)
    };
    let report = of("s.f").unwrap();
    assert_eq!(report.tables[0].rows, 2);
    assert!(
        report
            .notes
            .iter()
            .any(|note| note.contains("f is a foreign table")),
        "{:?}",
        report.notes
    );
    world.restore(Mode::Create, "r");
    world.check_same("s.f", "r.f", 2);
    assert_eq!(
        value::<String>(
            &mut client,
            "SELECT relkind::text FROM pg_class WHERE relname = 'f' AND relnamespace = 'r'::regnamespace"
        ),
        "r"
    );
    let error = of("s.gone").expect_err("no such file");
    let said = format!("{error:#}");
    assert!(said.contains("/nowhere/at/all"), "{said}");
    assert_eq!(world.list().unwrap().len(), 1);
}
