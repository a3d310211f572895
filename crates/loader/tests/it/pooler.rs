//! Loads through PgBouncer, which lends a session of the server for one transaction; also with a single connection.

use std::thread;

use database::{Cancel, lock, transaction};
use dataset::failure::{Failure, Kind};
use loader::{OnDuplicate, Options, load};
use testkit::Pooler;

use crate::memory;
use crate::world::{HIRING, World};

fn hiring(employees: u32) -> World {
    let world = World::new(&HIRING);
    world.file("departments.csv", "1,A\n2,B\n");
    world.file("jobs.csv", "1,A\n2,B\n");
    let employees: String = (1..=employees)
        .map(|id| format!("{id},Name,2021-01-01T00:00:00Z,1,{}\n", id % 100 % 50))
        .collect();
    world.file("hired_employees.csv", employees);
    world
}

#[test]
fn keys_that_are_staged_across_commits_leave_nothing_in_the_session() {
    let direct = memory::world();
    let expected = direct.load(&direct.options());
    let world = memory::world();
    let pooler = Pooler::of_one(&world.database.settings());
    let before = pooler.held();
    let options = Options {
        memory_bytes: 64 << 10,
        commit_every: Some(3_000),
        ..world.options()
    };
    let report = load(&pooler.settings(), &options, &Cancel::default()).expect("loaded");
    assert_eq!(report.rows, expected.rows);
    assert_eq!(pooler.held(), before);
    assert_eq!(
        world.count("sales.order_line"),
        direct.count("sales.order_line")
    );
}

#[test]
fn rows_that_replace_others_and_runs_that_fail_leave_nothing_in_the_session() {
    let world = hiring(2_000);
    let pooler = Pooler::of_one(&world.database.settings());
    let settings = pooler.settings();
    let before = pooler.held();
    let loaded = |options: &Options, cancel: &Cancel| load(&settings, options, cancel);
    loaded(&world.options(), &Cancel::default()).expect("loaded");
    assert_eq!(pooler.held(), before);
    let update = Options {
        on_duplicate: OnDuplicate::Update,
        force: true,
        ..world.options()
    };
    let report = loaded(&update, &Cancel::default()).expect("loaded");
    assert!(report.rows.updated > 0);
    assert_eq!(pooler.held(), before);

    let limited = Options {
        max_rejects: Some("0".parse().expect("a limit")),
        truncate: true,
        ..world.options()
    };
    let cancelled = Cancel::default();
    cancelled.cancel();
    for (options, cancel, kind) in [
        (world.options(), Cancel::default(), Kind::Refused),
        (limited, Cancel::default(), Kind::Refused),
        (update, cancelled, Kind::Interrupted),
    ] {
        let error = loaded(&options, &cancel).expect_err("fails");
        assert_eq!(Failure::kind_of(&error), Some(kind), "{error:#}");
        assert_eq!(pooler.held(), before, "{error:#}");
    }
    assert_eq!(world.count("hiring.departments"), 2);
}

#[test]
fn a_run_that_was_killed_lets_the_next_one_in() {
    let world = hiring(100);
    let pooler = Pooler::of_one(&world.database.settings());
    let before = pooler.held();
    let mut killed = pooler
        .settings()
        .connect(&Cancel::default())
        .expect("a connection");
    transaction::begin(&mut killed).expect("begun");
    lock::lock(&mut *killed, "load", "hiring").expect("locked");
    drop(killed);
    load(&pooler.settings(), &world.options(), &Cancel::default()).expect("loaded");
    assert_eq!(pooler.held(), before);
}

#[test]
fn statements_that_another_program_left_prepared_are_not_in_the_way() {
    let world = hiring(100);
    let pooler = Pooler::of_one(&world.database.settings());
    let left: Vec<_> = (0..5_000)
        .map(|number| format!("PREPARE s{number} AS SELECT 1"))
        .collect();
    let mut other = pooler
        .settings()
        .connect(&Cancel::default())
        .expect("a connection");
    other.batch_execute(&left.join(";")).expect("prepared");
    load(&pooler.settings(), &world.options(), &Cancel::default()).expect("loaded");
    assert!(pooler.held().iter().all(|held| !held.contains("prepared")));
}

#[test]
fn two_loads_at_once_take_turns_on_one_connection() {
    let world = hiring(3_000);
    let pooler = Pooler::of_one(&world.database.settings());
    let before = pooler.held();
    thread::scope(|scope| {
        for schema in ["one", "other"] {
            let (settings, options) = (pooler.settings(), world.options());
            let options = Options {
                schema: schema.to_owned(),
                rejects: world.rejects().join(schema).into(),
                commit_every: Some(100),
                ..options
            };
            scope.spawn(move || load(&settings, &options, &Cancel::default()).expect("loaded"));
        }
    });
    assert_eq!(
        world.count("one.hired_employees"),
        world.count("other.hired_employees")
    );
    assert_eq!(pooler.held(), before);
}

#[test]
fn a_load_that_another_came_into_between_two_commits_ends() {
    let world = hiring(100);
    world.load(&world.options());
    let sql = "CREATE FUNCTION hiring.another() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   INSERT INTO hiring.extrato_load VALUES (999, 'jobs', 'f', 1, 'x', 1, 1, 0, 0, true); RETURN NULL;
               END $$;
               CREATE TRIGGER another AFTER INSERT ON hiring.jobs EXECUTE FUNCTION hiring.another()";
    world.connect().batch_execute(sql).expect("a trigger");
    let options = Options {
        commit_every: Some(50),
        truncate: true,
        ..world.options()
    };
    world.refused(
        &options,
        Kind::Refused,
        "another load into schema hiring came between",
    );
}

#[test]
fn one_connection_is_enough_where_the_role_has_no_other() {
    let world = hiring(100);
    let database = world.database.settings().database().to_owned();
    let role = world.role(&format!(
        "ALTER ROLE {{role}} CONNECTION LIMIT 1; GRANT CREATE ON DATABASE {database} TO {{role}}"
    ));
    let options = Options {
        commit_every: Some(10),
        ..world.options()
    };
    load(&role.settings, &options, &Cancel::default()).expect("loaded");
    assert_eq!(world.count("hiring.departments"), 2);
}
