//! Through PgBouncer, which lends a session of the server for one transaction; and with few connections.

use std::thread;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use generator::{Mode, Options, generate};
use testkit::{Database, Pooler, Role};

use crate::{count, options};

fn with_workers(workers: Option<usize>, mode: Mode) -> Options {
    Options {
        workers,
        ..options(300, mode)
    }
}

#[test]
fn after_every_run_another_client_of_the_pooler_finds_its_session_as_it_was() {
    let database = Database::create();
    let pooler = Pooler::of_one(&database.settings());
    let settings = pooler.settings();
    let before = pooler.held();
    for mode in [Mode::Fresh, Mode::Append, Mode::Replace] {
        let options = with_workers(Some(1), mode);
        generate(&settings, &options, &Cancel::default()).expect("generated");
        assert_eq!(pooler.held(), before, "{mode:?}");
        let recorded =
            generator::recorded(&mut settings.connect(&Cancel::default()).unwrap(), "cards");
        assert!(recorded.expect("readable").is_some());
        assert_eq!(pooler.held(), before, "{mode:?}");
    }
    assert_eq!(count(&mut database.connect(), "cards.associado"), 300);

    // The schema is filled; a row is refused; the run is cancelled.
    let refused = with_workers(Some(1), Mode::Fresh);
    let mut broken = with_workers(Some(1), Mode::Replace);
    let check = "ALTER TABLE movimento ADD CHECK (id < 100);";
    broken.dataset.schema_sql.push_str(check);
    let cancelled = Cancel::default();
    cancelled.cancel();
    for (options, cancel, kind) in [
        (refused, Cancel::default(), Kind::Refused),
        (broken, Cancel::default(), Kind::Refused),
        (
            with_workers(Some(1), Mode::Replace),
            cancelled,
            Kind::Interrupted,
        ),
    ] {
        let error = generate(&settings, &options, &cancel).expect_err("fails");
        assert_eq!(database::exit_code(&error), kind.exit_code(), "{error:#}");
        assert_eq!(pooler.held(), before, "{kind:?}");
    }
    assert_eq!(count(&mut database.connect(), "cards.associado"), 300);
}

#[test]
fn several_workers_share_a_pool_that_is_large_enough() {
    let database = Database::create();
    let pooler = Pooler::before(
        &database.settings(),
        "pool_mode = transaction\ndefault_pool_size = 4",
    );
    let options = with_workers(Some(3), Mode::Fresh);
    generate(&pooler.settings(), &options, &Cancel::default()).expect("generated");
    assert_eq!(count(&mut database.connect(), "cards.associado"), 300);
}

#[test]
fn a_pool_that_is_too_small_is_refused_with_the_way_out_and_nothing_stays() {
    let database = Database::create();
    let pooler = Pooler::of_one(&database.settings());
    let before = pooler.held();
    let options = with_workers(Some(2), Mode::Fresh);
    let error = generate(&pooler.settings(), &options, &Cancel::default()).expect_err("no room");
    assert_eq!(
        Failure::kind_of(&error),
        Some(Kind::Connection),
        "{error:#}"
    );
    let message = format!("{error:#}");
    assert!(message.contains("uses 3 connections"), "{message}");
    assert!(message.contains("--workers 1"), "{message}");
    assert_eq!(pooler.held(), before);
    let schemas = "pg_namespace WHERE nspname ~ 'cards'";
    assert_eq!(count(&mut database.connect(), schemas), 0);
}

#[test]
fn a_pooler_that_lends_for_statements_is_refused_by_name() {
    let database = Database::create();
    let pooler = Pooler::before(&database.settings(), "pool_mode = statement");
    let options = with_workers(Some(1), Mode::Fresh);
    let error = generate(&pooler.settings(), &options, &Cancel::default()).expect_err("refused");
    // The pooler closes the connection right after its message, which may then get lost.
    let kind = Failure::kind_of(&error);
    assert!(
        matches!(kind, Some(Kind::Usage | Kind::Connection)),
        "{error:#}"
    );
    assert!(
        error.to_string().contains("pool_mode = transaction"),
        "{error:#}"
    );
}

#[test]
fn two_runs_at_once_take_turns_on_one_connection() {
    let database = Database::create();
    let pooler = Pooler::of_one(&database.settings());
    let before = pooler.held();
    thread::scope(|scope| {
        for schema in ["one", "other"] {
            let settings = pooler.settings();
            scope.spawn(move || {
                let options = Options {
                    schema: schema.to_owned(),
                    ..with_workers(Some(1), Mode::Fresh)
                };
                generate(&settings, &options, &Cancel::default()).expect("generated");
            });
        }
    });
    let mut client = database.connect();
    for schema in ["one", "other"] {
        assert_eq!(count(&mut client, &format!("{schema}.associado")), 300);
    }
    assert_eq!(pooler.held(), before);
}

#[test]
fn one_connection_is_enough_where_the_role_has_no_other() {
    let database = Database::create();
    let role = Role::create(
        &database,
        &format!(
            "ALTER ROLE {{role}} CONNECTION LIMIT 1; GRANT CREATE ON DATABASE {} TO {{role}}",
            database.settings().database()
        ),
    );
    for (workers, mode) in [(None, Mode::Fresh), (Some(1), Mode::Replace)] {
        let options = with_workers(workers, mode);
        generate(&role.settings, &options, &Cancel::default()).expect("generated");
    }
    let options = with_workers(Some(2), Mode::Replace);
    let error = generate(&role.settings, &options, &Cancel::default()).expect_err("too many");
    assert!(error.to_string().contains("--workers 1"), "{error:#}");
    assert_eq!(count(&mut database.connect(), "cards.associado"), 300);
}
