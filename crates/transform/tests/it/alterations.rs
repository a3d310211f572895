//! Alterations by another session while a run begins, reads, waits or has just been noticed.

use std::thread;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use testkit::Wire;
use transform::{Layout, Report};

use crate::world::{EXPECTED_COLUMNS, World};

const WAITS_FOR_THE_RUN: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%cards.movimento%')";

/// How many bytes of the answer to a COPY are more than the server sends before it runs the COPY and has the table's lock.
const PREPARED_BYTES: usize = 100;
const MATERIALISED: &str = "ALTER TABLE movimento RENAME TO todos;
    CREATE MATERIALIZED VIEW movimento AS SELECT * FROM todos";

/// Runs while another session executes `statement`, just before the run sends `request`.
fn run_into(world: &World, request: &str, statement: &str) -> anyhow::Result<u64> {
    let wire = Wire::to(&world.database.settings());
    wire.hold_before(request);
    let options = world.options(Layout::SingleFile);
    let report = thread::scope(|scope| {
        let settings = wire.settings();
        let run = scope.spawn(move || transform::run(&settings, &options, &Cancel::default()));
        wire.while_held(1, || world.sql(statement));
        run.join().expect("no panic")
    });
    report.map(|report| report.models[0].rows)
}

/// The result of a run, and that of another session's `statement`, which waits for the run while `wire` holds the run.
fn run_beside(
    world: &World,
    wire: &Wire,
    statement: &str,
) -> (anyhow::Result<Report>, Result<(), postgres::Error>) {
    let options = world.options(Layout::SingleFile);
    let settings = wire.settings();
    thread::scope(|scope| {
        let run = scope.spawn(|| transform::run(&settings, &options, &Cancel::default()));
        let other = wire.while_held(1, || {
            let mut client = world.database.connect();
            let other = scope.spawn(move || client.batch_execute(statement));
            world.wait_until(WAITS_FOR_THE_RUN);
            other
        });
        let report = run.join().expect("no panic");
        (report, other.join().expect("no panic"))
    })
}

#[test]
fn whatever_would_change_a_table_that_is_read_waits_until_it_has_been() {
    for statement in [
        "TRUNCATE cards.movimento",
        "ALTER TABLE cards.movimento ADD nova integer",
        "ALTER TABLE cards.movimento ALTER id_cartao TYPE bigint",
        "ALTER TABLE cards.movimento DROP des_transacao",
        "DROP TABLE cards.movimento",
        "VACUUM FULL cards.movimento",
    ] {
        let world = World::with_rows(10, 3_000);
        let expected = world.expected(EXPECTED_COLUMNS, "ORDER BY id_movimento");
        let wire = Wire::to(&world.database.settings());
        wire.hold_after("FROM \"cards\".\"movimento\"", PREPARED_BYTES);
        let (report, other) = run_beside(&world, &wire, statement);
        assert_eq!(
            report.expect(statement).models[0].rows,
            3_000,
            "{statement}"
        );
        other.expect(statement);
        assert_eq!(world.single_file(), expected, "{statement}");
    }
}

#[test]
fn what_waits_to_change_a_table_before_it_is_read_ends_the_run_and_not_in_a_deadlock() {
    for (statement, is_view) in [
        ("TRUNCATE cards.movimento", false),
        ("ALTER TABLE cards.movimento ADD nova integer", false),
        ("REFRESH MATERIALIZED VIEW cards.movimento", true),
    ] {
        let world = World::with_rows(10, 3_000);
        if is_view {
            world.sql(MATERIALISED);
        }
        let wire = Wire::to(&world.database.settings());
        wire.hold_before("FROM \"cards\".\"associado\"");
        let (report, other) = run_beside(&world, &wire, statement);
        let error = report.expect_err(statement);
        let message = format!("{error:#}");
        assert_eq!(
            Failure::kind_of(&error),
            Some(Kind::Connection),
            "{message}"
        );
        for part in ["`movimento`", "another session", "run again"] {
            assert!(message.contains(part), "{message} lacks {part}");
        }
        assert!(world.published().is_empty(), "{statement}");
        other.expect(statement);
    }
}

#[test]
fn a_table_that_is_altered_between_check_and_lock_is_noticed() {
    for statement in [
        "ALTER TABLE movimento ALTER vlr_transacao TYPE numeric(12,3)",
        "ALTER TABLE movimento ALTER des_transacao TYPE bytea USING des_transacao::bytea",
        "ALTER TABLE movimento DROP des_transacao",
        "ALTER TABLE movimento RENAME des_transacao TO descricao",
        "DROP TABLE movimento",
        "ALTER TABLE movimento SET SCHEMA public",
    ] {
        let world = World::with_rows(10, 3_000);
        let error = run_into(&world, "LOCK TABLE", statement).expect_err(statement);
        let message = format!("{error:#}");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Mismatch), "{message}");
        assert!(message.contains("movimento"), "{statement}: {message}");
        assert!(message.contains("altered"), "{statement}: {message}");
        assert!(message.contains("run again"), "{statement}: {message}");
        assert!(world.published().is_empty(), "{statement}");
    }
}

#[test]
fn what_changes_nothing_that_is_read_may_come_between_check_and_lock() {
    for (statement, rows) in [
        ("ALTER TABLE movimento ADD nova integer DEFAULT 7", 3_000),
        (
            "ALTER TABLE movimento ADD nova float DEFAULT random()",
            3_000,
        ),
        (
            "CREATE INDEX ON movimento (id_cartao); CLUSTER movimento USING movimento_pkey",
            3_000,
        ),
        // The run might just as well have begun after this.
        ("TRUNCATE movimento", 0),
    ] {
        let world = World::with_rows(10, 3_000);
        let read = run_into(&world, "LOCK TABLE", statement).expect(statement);
        assert_eq!(read, rows, "{statement}");
        assert_eq!(
            world.single_file().lines().count() as u64,
            1 + rows,
            "{statement}"
        );
    }
}

#[test]
fn a_materialised_view_that_is_refreshed_before_it_is_locked_is_noticed() {
    let world = World::with_rows(10, 3_000);
    world.sql(MATERIALISED);
    let refresh = "REFRESH MATERIALIZED VIEW movimento";
    let error = run_into(&world, "LIMIT 0", refresh).expect_err("rewritten");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Mismatch));
    assert!(error.to_string().contains("`movimento`"), "{error:#}");
    assert!(world.published().is_empty());
    assert_eq!(run_into(&world, "REPEATABLE READ", refresh).unwrap(), 3_000);
}
