//! How rows are stored, over how many connections, and connections that are lost.

use std::thread;
use std::time::{Duration, Instant};

use database::Cancel;
use generator::{Mode, Options, Storage, generate, recorded};
use testkit::Database;

use crate::{count, digests, generated, options, value};

#[test]
fn unlogged_tables_are_so_with_their_record_and_hold_the_same_rows() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(300, Mode::Fresh));
    let expected = digests(&mut client, "cards");
    let mut unlogged = options(300, Mode::Replace);
    unlogged.storage.unlogged = true;
    generated(&database, &unlogged);
    assert_eq!(expected[0].1, 300);
    assert_eq!(digests(&mut client, "cards"), expected);
    let tables =
        "pg_class WHERE relnamespace = 'cards'::regnamespace AND relkind = 'r' AND relpersistence";
    assert_eq!(count(&mut client, &format!("{tables} = 'u'")), 5);
    assert_eq!(count(&mut client, &format!("{tables} = 'p'")), 0);
    generated(&database, &options(20, Mode::Append));
    assert_eq!(count(&mut client, "cards.associado"), 320);
}

#[test]
fn frozen_tables_need_no_vacuum_and_hold_the_same_rows() {
    let database = Database::create();
    let mut client = database.connect();
    let mut frozen = options(1_000, Mode::Fresh);
    (frozen.schema, frozen.storage.freeze) = ("frozen".to_owned(), true);
    generated(&database, &frozen);
    generated(&database, &options(1_000, Mode::Fresh));
    let expected = digests(&mut client, "cards");
    assert_eq!(expected[0].1, 1_000);
    assert_eq!(digests(&mut client, "frozen"), expected);
    let visible = |client: &mut database::Connection, schema: &str| {
        let query = format!(
            "SELECT relpages - relallvisible FROM pg_class WHERE oid = '{schema}.movimento'::regclass"
        );
        value::<i32>(client, &query)
    };
    assert_eq!(visible(&mut client, "frozen"), 0);
    assert!(visible(&mut client, "cards") > 100);
}

#[test]
fn a_server_with_few_connections_left_is_asked_for_few() {
    let database = Database::create();
    let mut client = database.connect();
    let name = database.settings().database().to_owned();
    // This connection and the run's own are taken, so one is left.
    client
        .batch_execute(&format!("ALTER DATABASE {name} CONNECTION LIMIT 3"))
        .expect("limited");
    let any = Options {
        workers: None,
        ..options(10, Mode::Fresh)
    };
    assert_eq!(generated(&database, &any).workers, 1);
    let asked = Options {
        workers: Some(3),
        ..options(10, Mode::Replace)
    };
    assert_eq!(generated(&database, &asked).workers, 3);
}

#[test]
fn a_connection_that_is_lost_while_rows_come_in_is_made_anew() {
    let database = Database::create();
    let mut client = database.connect();
    generated(
        &database,
        &Options {
            schema: "whole".to_owned(),
            ..options(8_000, Mode::Fresh)
        },
    );
    let expected = digests(&mut client, "whole");
    for freeze in [false, true] {
        let mut options = options(8_000, Mode::Replace);
        options.storage = Storage {
            freeze,
            ..Storage::default()
        };
        thread::scope(|scope| {
            let run = scope.spawn(|| generated(&database, &options));
            let deadline = Instant::now() + Duration::from_secs(60);
            let ended = "(SELECT pg_terminate_backend(pid) FROM pg_stat_progress_copy
                WHERE tuples_processed > 20000 AND datname = current_database() LIMIT 1) x";
            while count(&mut client, ended) == 0 {
                assert!(
                    Instant::now() < deadline && !run.is_finished(),
                    "no COPY was seen"
                );
                thread::sleep(Duration::from_millis(1));
            }
            let report = run.join().expect("no panic");
            let rows: Vec<_> = report
                .tables
                .iter()
                .map(|table| table.rows as i64)
                .collect();
            let expected_rows: Vec<_> = expected.iter().map(|table| table.1).collect();
            assert_eq!(rows, expected_rows);
        });
        assert_eq!(digests(&mut client, "cards"), expected);
    }
}

#[test]
fn a_database_of_another_encoding_takes_what_fits_it() {
    let database = Database::create();
    let mut client = database.connect();
    let name = format!("{}_latin1", database.settings().database());
    client
        .batch_execute(&format!(
            "CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
        ))
        .expect("made");
    let latin = database.settings().with_database(&name);
    let report =
        generate(&latin, &options(100, Mode::Fresh), &Cancel::default()).expect("generated");
    let mut other = latin.connect(&Cancel::default()).expect("connected");
    assert_eq!(
        count(&mut other, "cards.movimento") as u64,
        report.tables[3].rows
    );
    let recorded = recorded(&mut other, "cards")
        .expect("readable")
        .expect("recorded");
    assert_eq!(recorded.recipe, generator::Recipe::default());
    drop(other);
    client
        .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .expect("dropped");
}

#[test]
fn a_connection_that_is_lost_while_it_waits_for_the_others_is_made_anew() {
    let database = Database::create();
    let mut client = database.connect();
    // There are more workers than parts of the small tables, so most have nothing to do at the end.
    let options = Options {
        workers: Some(8),
        ..options(3_000, Mode::Fresh)
    };
    thread::scope(|scope| {
        let run = scope.spawn(|| generated(&database, &options));
        let idle = "(SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'idle' AND query ~ '^COPY' LIMIT 1) x";
        let deadline = Instant::now() + Duration::from_secs(60);
        while !run.is_finished() && count(&mut client, idle) == 0 {
            assert!(Instant::now() < deadline);
        }
        assert_eq!(run.join().expect("no panic").tables[0].rows, 3_000);
    });
}
