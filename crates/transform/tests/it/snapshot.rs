//! All tables and partitions are read in one snapshot.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use transform::{Layout, Report};

use crate::world::World;

/// Writes an associate with account, card and five movements of 1.00; moves an amount from one movement to another; and deletes an
/// associate with everything of theirs.
const WRITE: &str = "
    BEGIN;
    INSERT INTO associado VALUES ($id, 'a', 'b', 1, 'c'); INSERT INTO conta VALUES ($id, 'salario', now(), $id);
    INSERT INTO cartao VALUES ($id, $id, 'A', now(), $id, $id);
    INSERT INTO movimento SELECT $id * 100 + i, 1.00, 'x', now(), $id FROM generate_series(1, 5) AS i;
    UPDATE movimento SET vlr_transacao = vlr_transacao - 3.00 WHERE id = 1 + $id % 1000;
    UPDATE movimento SET vlr_transacao = vlr_transacao + 3.00 WHERE id = 120000 - $id % 1000;
    DELETE FROM movimento WHERE id_cartao = $id - 10; DELETE FROM cartao WHERE id = $id - 10;
    DELETE FROM conta WHERE id = $id - 10; DELETE FROM associado WHERE id = $id - 10;
    COMMIT";

#[test]
fn twenty_runs_beside_a_writer_that_commits_parents_with_children_never_show_half() {
    // These are enough blocks for eight parts.
    let world = World::with_rows(100, 120_000);
    world.sql("CREATE INDEX ON movimento (id_cartao)");
    let before = read(&world.transform(Layout::SingleFile));
    assert_eq!(before.0, 120_000);
    let (stop, written) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = world.database.connect();
            client.batch_execute("SET search_path = cards").unwrap();
            while !stop.load(Ordering::Relaxed) {
                let id = 1_000_001 + written.load(Ordering::Relaxed);
                client
                    .batch_execute(&WRITE.replace("$id", &id.to_string()))
                    .unwrap();
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
        let _stop = Stop(&stop);
        for (run, parts) in (0..20).zip([1, 2, 8].into_iter().cycle()) {
            let mut options = world.options(Layout::SingleFile);
            options.max_connections = parts;
            let report = world.try_transform(&options).unwrap();
            let (rows, cents) = read(&report);
            let case = format!("run {run} over {parts} parts: {rows} rows");
            let reconciliation = report.models[0].reconciliation.as_ref().unwrap();
            assert_eq!(reconciliation.left_out.rows, 0, "an orphan in {case}");
            assert_eq!(
                (rows - before.0) % 5,
                0,
                "a part of a transaction in {case}"
            );
            assert_eq!(
                cents - before.1,
                100 * (rows - before.0),
                "half a move in {case}"
            );
        }
        assert!(
            written.load(Ordering::Relaxed) > 20,
            "the writer wrote meanwhile"
        );
    });
}

/// How many movements a run read, and their sum in cents.
fn read(report: &Report) -> (i128, i128) {
    let read = &report.models[0].reconciliation.as_ref().unwrap().read;
    let cents = read.sums["vlr_transacao"].to_string().replace('.', "");
    (read.rows.into(), cents.parse().unwrap())
}

/// Stops the writer, even if the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
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
