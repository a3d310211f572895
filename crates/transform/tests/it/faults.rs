//! Faults of the server, or on the way to it, while tables are read. Each gives a clear error and never a short file, and the
//! former output stays as it was.

use std::process::Command;
use std::thread;

use database::{Cancel, Settings};
use dataset::failure::{Failure, Kind};
use testkit::{Database, Role, Server, Wire};
use transform::{Layout, Report};

use crate::world::World;

/// Sessions that read a part of the largest table, and the session that holds locks and snapshot.
const READS_MOVEMENTS: &str = "state = 'active' AND query LIKE 'COPY%movimento%'";
const HOLDS_THE_SNAPSHOT: &str = "state = 'idle in transaction' AND pid <> pg_backend_pid()
    AND query NOT LIKE 'COPY%'";
/// A session of a run that waits for a lock.
const WAITS_FOR_A_LOCK: &str = "wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE \"%'";

const FROM_FIRST_TABLE: &str = "FROM \"cards\".\"associado\"";
const FROM_LAST_TABLE: &str = "FROM \"cards\".\"movimento\"";
/// A part of the answer to one COPY: it has begun, and far more is to come than any buffer holds.
const SOME_BYTES: usize = 100_000;

/// Enough rows for two connections to read movements at once. An output was made of them before they changed.
fn with_a_former_output(database: Database) -> World {
    let world = World::of_cards_in(database);
    world.fill(100, 60_000);
    world.transform(Layout::SingleFile);
    world.sql("UPDATE associado SET nome = 'NOVO'");
    world
}

/// Runs against `server` while `fault` happens. The run must fail and leave the former output.
fn failure(world: &World, server: &Settings, fault: impl FnOnce()) -> (Kind, String) {
    let former = world.contents();
    assert_eq!(former.len(), 2, "a file and its manifest");
    let error = run_during(world, server, fault).expect_err("the run fails");
    assert!(world.contents() == former, "after {error:#}");
    let message = format!("{error:#}");
    let kind = Failure::kind_of(&error).unwrap_or_else(|| panic!("`{message}` has no kind"));
    (kind, message)
}

fn run_during(
    world: &World,
    server: &Settings,
    meanwhile: impl FnOnce(),
) -> anyhow::Result<Report> {
    let options = world.options(Layout::SingleFile);
    let cancel = Cancel::default();
    thread::scope(|scope| {
        let run = scope.spawn(|| transform::run(server, &options, &cancel));
        let _guard = StopIfPanicking(&cancel);
        meanwhile();
        run.join().expect("no panic")
    })
}

/// Stops the run if the test fails, which would otherwise wait for it forever.
struct StopIfPanicking<'a>(&'a Cancel);

impl Drop for StopIfPanicking<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.cancel();
        }
    }
}

/// Calls `function` for one session of the run; after `pg_terminate_backend`, waits until it is gone.
fn end(world: &World, function: &str, whom: &str) {
    let mut client = world.database.connect();
    let ours = format!("datname = current_database() AND pid <> pg_backend_pid() AND {whom}");
    let call = format!("SELECT pid, {function}(pid) FROM pg_stat_activity WHERE {ours} LIMIT 1");
    let row = client.query_one(&call, &[]).expect("there is one");
    let pid: i32 = row.get(0);
    if function == "pg_terminate_backend" {
        world.wait_until(&format!(
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = {pid})"
        ));
    }
}

fn check((kind, message): (Kind, String), expected: Kind, parts: &[&str]) {
    assert_eq!(kind, expected, "{message}");
    for part in parts {
        assert!(message.contains(part), "{message} lacks {part}");
    }
}

#[test]
fn a_partition_that_an_administrator_ends_in_the_middle_ends_the_run() {
    let world = with_a_former_output(Database::create());
    let wire = Wire::to(&world.database.settings());
    wire.hold_after(FROM_LAST_TABLE, SOME_BYTES);
    let failed = failure(&world, &wire.settings(), || {
        wire.while_held(2, || {
            end(&world, "pg_terminate_backend", READS_MOVEMENTS);
        });
    });
    check(
        failed,
        Kind::Connection,
        &["`movimento`", "was lost", "run again"],
    );
}

#[test]
fn a_statement_that_an_administrator_cancels_in_the_middle_ends_the_run() {
    let world = with_a_former_output(Database::create());
    let wire = Wire::to(&world.database.settings());
    wire.hold_after(FROM_LAST_TABLE, SOME_BYTES);
    let failed = failure(&world, &wire.settings(), || {
        wire.while_held(2, || {
            end(&world, "pg_cancel_backend", READS_MOVEMENTS);
        });
    });
    check(
        failed,
        Kind::Connection,
        &["`movimento`", "cancelled", "administrator", "run again"],
    );
}

#[test]
fn the_connection_that_holds_the_snapshot_must_last_as_long_as_the_reading() {
    let world = with_a_former_output(Database::create());
    // If the session is lost while an early table is read, no other one can join the snapshot. If it is lost at the last table,
    // that is noticed at the end, since the locks are gone too.
    for (table, parts, expected) in [
        (FROM_FIRST_TABLE, 1, "the snapshot is gone"),
        (
            FROM_LAST_TABLE,
            2,
            "the connection that held the snapshot was lost",
        ),
    ] {
        let wire = Wire::to(&world.database.settings());
        wire.hold_after(table, 0);
        let failed = failure(&world, &wire.settings(), || {
            wire.while_held(parts, || {
                end(&world, "pg_terminate_backend", HOLDS_THE_SNAPSHOT);
            });
        });
        check(failed, Kind::Connection, &[expected, "run again"]);
    }
}

#[test]
fn a_run_that_is_ended_while_it_waits_for_a_lock_says_so() {
    let world = with_a_former_output(Database::create());
    let settings = world.database.settings();
    for (function, expected) in [
        ("pg_cancel_backend", "cancelled"),
        // The administrator ended it, as the server's last words say, if the client sees them.
        ("pg_terminate_backend", "ended"),
    ] {
        let wire = Wire::to(&settings);
        wire.hold_before("LOCK TABLE");
        let mut blocker = world.database.connect();
        let failed = failure(&world, &wire.settings(), || {
            wire.while_held(1, || {
                blocker
                    .batch_execute("BEGIN; LOCK TABLE cards.movimento")
                    .unwrap();
            });
            wait_for(&world, WAITS_FOR_A_LOCK);
            end(&world, function, WAITS_FOR_A_LOCK);
        });
        let parts = ["locking the tables", expected, "run again"];
        check(failed, Kind::Connection, &parts);
    }
}

#[test]
fn a_run_that_loses_a_deadlock_says_so() {
    let world = with_a_former_output(Database::create());
    let name = world.database.settings().database().to_owned();
    world.sql(&format!(
        "ALTER DATABASE {name} SET deadlock_timeout = '1ms'"
    ));
    let wire = Wire::to(&world.database.settings());
    wire.hold_before("LOCK TABLE");
    let mut other = world.database.connect();
    let mut third = world.database.connect();
    let failed = failure(&world, &wire.settings(), || {
        wire.while_held(1, || {
            // The other session never looks for a deadlock, so ours finds it, and is ended for it.
            other
                .batch_execute("SET deadlock_timeout = '1h'; BEGIN; LOCK TABLE cards.movimento")
                .unwrap();
            third
                .batch_execute("BEGIN; LOCK TABLE cards.conta")
                .unwrap();
        });
        // Our session has `associado` and waits for `conta`; the other one then waits for `associado`.
        wait_for(&world, WAITS_FOR_A_LOCK);
        thread::spawn(move || other.batch_execute("LOCK TABLE cards.associado; ROLLBACK"));
        wait_for(
            &world,
            "wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE cards.associado%'",
        );
        third.batch_execute("COMMIT").unwrap();
    });
    let parts = ["locking the tables", "deadlock", "run again"];
    check(failed, Kind::Connection, &parts);
}

/// Waits until there is such a session.
fn wait_for(world: &World, whom: &str) {
    world.wait_until(&format!(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND {whom})"
    ));
}

#[test]
fn a_server_that_is_restarted_ends_the_run_whatever_it_reads_and_the_next_one_succeeds() {
    let server = Server::start();
    let world = with_a_former_output(Database::create_on(&server.settings()));
    for (moment, sessions) in [
        ("LOCK TABLE", 1),
        (FROM_FIRST_TABLE, 1),
        (FROM_LAST_TABLE, 2),
    ] {
        let wire = Wire::to(&world.database.settings());
        match moment {
            "LOCK TABLE" => wire.hold_before(moment),
            table => wire.hold_after(table, 0),
        }
        let failed = failure(&world, &wire.settings(), || {
            wire.while_held(sessions, || {
                server.stop();
                server.start_again();
            });
        });
        check(failed, Kind::Connection, &["run again"]);
    }
    let former = world.contents();
    world.transform(Layout::SingleFile);
    assert_eq!(world.single_file().matches("NOVO,").count(), 60_000);
    assert!(world.contents() != former);
}

#[test]
fn a_server_that_stays_down_is_named() {
    let server = Server::start();
    let world = with_a_former_output(Database::create_on(&server.settings()));
    let settings = world.database.settings();
    let wire = Wire::to(&settings);
    wire.hold_after(FROM_FIRST_TABLE, 0);
    let failed = failure(&world, &wire.settings(), || {
        wire.while_held(1, || server.stop());
    });
    check(failed, Kind::Connection, &[&wire.settings().to_string()]);
    let failed = failure(&world, &settings, || {});
    check(
        failed,
        Kind::Connection,
        &["cannot connect to", &settings.to_string()],
    );
    server.start_again();
}

#[test]
fn a_server_that_crashes_ends_the_run() {
    let server = Server::start();
    let world = with_a_former_output(Database::create_on(&server.settings()));
    let wire = Wire::to(&world.database.settings());
    wire.hold_after(FROM_LAST_TABLE, SOME_BYTES);
    let query = format!("SELECT pid FROM pg_stat_activity WHERE {READS_MOVEMENTS} LIMIT 1");
    let failed = failure(&world, &wire.settings(), || {
        wire.while_held(2, || {
            let mut client = world.database.connect();
            let pid: i32 = client.query_one(&query, &[]).unwrap().get(0);
            // The kernel does the same when memory runs out. The server then ends all sessions and recovers.
            let killed = Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .status();
            assert!(killed.unwrap().success());
            while client.simple_query("SELECT 1").is_ok() {}
        });
    });
    check(failed, Kind::Connection, &["`movimento`", "run again"]);
}

#[test]
fn a_connection_that_breaks_after_any_byte_never_gives_a_short_file() {
    let world = with_a_former_output(Database::create());
    // There is one reader for each table.
    world.sql("CREATE VIEW v AS SELECT * FROM movimento; ALTER TABLE movimento RENAME TO m; ALTER VIEW v RENAME TO movimento");
    let wire = Wire::to(&world.database.settings());
    for (request, least_bytes) in [
        ("LOCK TABLE", 500),
        (FROM_FIRST_TABLE, 1_000),
        (FROM_LAST_TABLE, 3_000_000),
    ] {
        wire.cut_after(request, u64::MAX);
        run_during(&world, &wire.settings(), || {}).expect("nothing breaks");
        let all = wire.answered_bytes();
        assert!(all > least_bytes, "{all}");
        // The cuts are spread evenly over the answer, and more are near its end: at the end of the data, of the COPY and of the
        // transaction.
        let evenly = (0..15).map(|part| all * part / 15);
        let last = (1..60).step_by(4).map(|before| all - before);
        for bytes in evenly.chain(last) {
            wire.cut_after(request, bytes);
            let (kind, message) = failure(&world, &wire.settings(), || {});
            let case = format!("{bytes} of {all} bytes after {request}: {message}");
            assert_eq!(kind, Kind::Connection, "{case}");
            assert!(message.contains("lost"), "{case}");
        }
    }
}

#[test]
fn a_server_without_a_connection_left_says_which_option_helps() {
    let world = with_a_former_output(Database::create());
    let limited = Role::create(
        &world.database,
        "ALTER ROLE {role} CONNECTION LIMIT 1; GRANT USAGE ON SCHEMA cards TO {role};
         GRANT SELECT ON ALL TABLES IN SCHEMA cards TO {role}",
    );
    let failed = failure(&world, &limited.settings, || {});
    check(
        failed,
        Kind::Connection,
        &["too many connections", "--max-connections"],
    );
    let mut options = world.options(Layout::SingleFile);
    options.max_connections = 1;
    let report = transform::run(&limited.settings, &options, &Cancel::default()).unwrap();
    assert_eq!(report.models[0].rows, 60_000);
}
