//! One snapshot for all tables and partitions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use transform::Layout;

use crate::world::World;

#[test]
fn a_writer_that_commits_parents_with_children_never_shows_half() {
    let world = World::with_rows(100, 60_000);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut client = world.database.connect();
            client.batch_execute("SET search_path = cards").unwrap();
            let mut id = 1_000_000;
            while !stop.load(Ordering::Relaxed) {
                id += 1;
                client
                    .batch_execute(&format!(
                        "BEGIN; INSERT INTO associado VALUES ({id}, 'a', 'b', 1, 'c'); INSERT INTO conta VALUES ({id}, 'salario', now(), {id});
                         INSERT INTO cartao VALUES ({id}, {id}, 'A', now(), {id}, {id});
                         INSERT INTO movimento SELECT {id} * 100 + i, 1.00, 'x', now(), {id} FROM generate_series(1, 5) AS i; COMMIT"
                    ))
                    .unwrap();
            }
            id - 1_000_000
        });
        let mut options = world.options(Layout::SingleFile);
        options.max_connections = 3;
        for _ in 0..10 {
            let report = world.try_transform(&options).unwrap();
            let reconciliation = report.models[0].reconciliation.as_ref().unwrap();
            assert!(reconciliation.read.rows >= 60_000);
            assert_eq!(reconciliation.left_out.rows, 0, "an orphan");
            assert_eq!(
                (reconciliation.read.rows - 60_000) % 5,
                0,
                "a part of a transaction"
            );
        }
        stop.store(true, Ordering::Relaxed);
        assert!(writer.join().unwrap() > 10, "the writer wrote meanwhile");
    });
}

#[test]
fn a_truncate_waits_for_the_run() {
    let world = World::with_rows(10, 60_000);
    let cancel = Cancel::default();
    let snapshot = database::snapshot::Snapshot::take(
        &world.database.settings(),
        &world.dataset,
        "cards",
        &|_, _| true,
        &cancel,
    )
    .unwrap();
    let mut client = world.database.connect();
    let error = client
        .batch_execute("SET lock_timeout = '100ms'; TRUNCATE cards.movimento")
        .unwrap_err();
    assert_eq!(
        error.code().map(|code| code.code()),
        Some("55P03"),
        "{error}"
    );
    snapshot.release().unwrap();
    client.batch_execute("TRUNCATE cards.movimento").unwrap();
}

#[test]
fn a_cancelled_run_publishes_nothing_and_says_so() {
    let world = World::with_rows(10, 60_000);
    let cancel = Cancel::default();
    cancel.cancel();
    let error = transform::run(
        &world.database.settings(),
        &world.options(Layout::Declared),
        &cancel,
    )
    .unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Interrupted));
    assert!(world.published().is_empty());
}
