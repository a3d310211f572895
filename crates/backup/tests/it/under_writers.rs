//! Backups while others write, and restores that are interrupted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use backup::options::{Format, Mode};
use database::Cancel;
use dataset::failure::Kind;
use testkit::value;

use crate::world::{World, message};

/// Sets a flag when it is dropped.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_backup_under_a_committing_writer_has_no_orphan() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.parent (id int PRIMARY KEY); CREATE TABLE s.child (id int, parent int REFERENCES s.parent)",
    );
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut client = world.database.connect();
            let mut committed = 0;
            while !done.load(Ordering::Relaxed) {
                committed += 1;
                client
                    .batch_execute(&format!(
                        "BEGIN; INSERT INTO s.parent VALUES ({committed});
                         INSERT INTO s.child SELECT i, {committed} FROM generate_series(1, 3) AS i; COMMIT"
                    ))
                    .unwrap();
            }
            committed
        });
        // Without this, the writer would go on for ever after a failure.
        let _ends = Ends(&done);
        for round in 0..8 {
            thread::sleep(Duration::from_millis(50));
            let report = world.backup(if round % 2 == 0 {
                Format::Avro
            } else {
                Format::Csv
            });
            let rows: Vec<u64> = report.tables.iter().map(|table| table.rows).collect();
            assert_eq!(rows[0], rows[1] * 3, "children and parents");
            assert!(rows[1] > 0);
            // The foreign key could be created, so no child is without its parent.
            world.restore(Mode::Create, &format!("r{round}"));
        }
        done.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 8);
    });
}

#[test]
fn restores_that_are_cancelled_or_cut_leave_the_rows_that_were_there() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, filler text);
         INSERT INTO s.t SELECT i, repeat('x', 200) FROM generate_series(1, 200000) AS i",
    );
    world.backup(Format::Avro);
    world.run("DELETE FROM s.t WHERE id > 10");
    let (mut cancelled, mut cut) = (0, 0);
    for round in 0..20_u64 {
        let cancel = Cancel::default();
        let wait = Duration::from_millis(15 * round);
        let result = thread::scope(|scope| {
            let (settings, wanted) = (world.database.settings(), world.wanted(Mode::Replace, "s"));
            let token = &cancel;
            let restore = scope.spawn(move || backup::restore(&settings, &wanted, token));
            thread::sleep(wait);
            match round % 2 {
                0 => cancel.cancel(),
                _ => world.run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND pid <> pg_backend_pid()",
                ),
            }
            restore.join().unwrap()
        });
        let mut client = world.database.connect();
        let rows: i64 = value(&mut client, "SELECT count(*) FROM s.t");
        match result {
            Err(error) => {
                assert_eq!(rows, 10, "round {round}: {error:#}");
                match round % 2 {
                    0 => {
                        assert_eq!(
                            dataset::failure::Failure::kind_of(&error),
                            Some(Kind::Interrupted),
                            "{error:#}"
                        );
                        cancelled += 1;
                    }
                    _ => cut += 1,
                }
            }
            Ok(_) => {
                assert_eq!(rows, 200_000, "round {round}");
                client
                    .batch_execute("DELETE FROM s.t WHERE id > 10")
                    .unwrap();
            }
        }
    }
    assert!(cancelled > 2 && cut > 2, "{cancelled} cancelled, {cut} cut");
}

#[test]
fn a_backup_that_is_cancelled_publishes_nothing() {
    let world = World::of(
        "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT i AS id, repeat('x', 200) AS t FROM generate_series(1, 100000) AS i",
    );
    let mut interrupted = 0;
    for round in 0..6_u64 {
        let cancel = Cancel::default();
        let result = thread::scope(|scope| {
            let (settings, asked) = (world.database.settings(), world.asked(Format::Avro));
            let token = &cancel;
            let made = scope.spawn(move || backup::backup(&settings, &asked, token));
            thread::sleep(Duration::from_millis(12 * round));
            cancel.cancel();
            made.join().unwrap()
        });
        let listed = world.list().unwrap_or_default().len() as u64;
        if result.is_err() {
            message(result, Kind::Interrupted);
            interrupted += 1;
        }
        assert_eq!(listed, round + 1 - interrupted);
    }
    assert!(interrupted > 0);
}
