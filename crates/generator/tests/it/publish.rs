//! What happens to the target schema: everything or nothing, and never to anything that others own.

use std::thread;
use std::time::{Duration, Instant};

use database::Cancel;
use dataset::failure::{Failure, Kind};
use generator::{Mode, Options, generate, recorded};
use testkit::Database;

use crate::{count, digests, generated, objects, options, value};

fn failing(database: &Database, options: &Options, cancel: &Cancel) -> anyhow::Error {
    generate(&database.settings(), options, cancel).expect_err("it fails")
}

#[test]
fn a_schema_that_holds_anything_is_refused_and_left_unchanged() {
    let database = Database::create();
    let mut client = database.connect();
    for (schema, object) in [
        ("with_table", "TABLE with_table.mine (id integer)"),
        ("with_view", "VIEW with_view.mine AS SELECT 1 AS one"),
        ("with_type", "TYPE with_type.mine AS ENUM ('a')"),
        ("with_sequence", "SEQUENCE with_sequence.mine"),
    ] {
        client
            .batch_execute(&format!("CREATE SCHEMA {schema}; CREATE {object}"))
            .expect("made");
        let before = objects(&mut client);
        let mut options = options(10, Mode::Fresh);
        options.schema = schema.to_owned();
        let error = failing(&database, &options, &Cancel::default());
        assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
        for expected in [schema, "mine", "--replace", "--append", "--schema"] {
            assert!(
                error.to_string().contains(expected),
                "{error} lacks {expected}"
            );
        }
        assert_eq!(objects(&mut client), before);
    }
}

#[test]
fn an_empty_schema_is_filled_and_nothing_of_the_loading_is_left() {
    let database = Database::create();
    let mut client = database.connect();
    // The schema that a killed run would have left.
    client
        .batch_execute("CREATE SCHEMA cards; CREATE SCHEMA extrato_loading_cards; CREATE TABLE extrato_loading_cards.x ();
             COMMENT ON SCHEMA extrato_loading_cards IS 'extrato generate is building here'")
        .expect("made");
    generated(&database, &options(20, Mode::Fresh));
    assert_eq!(count(&mut client, "cards.associado"), 20);
    assert_eq!(
        count(&mut client, "pg_namespace WHERE nspname ~ '^extrato'"),
        0
    );
    let generation = recorded(&mut client, "cards")
        .expect("readable")
        .expect("recorded");
    assert_eq!(
        (generation.dataset.as_str(), generation.version),
        ("cards", generator::VERSION)
    );
    assert_eq!(
        (generation.recipe.seed, generation.highest["associado"]),
        (generator::DEFAULT_SEED, 20)
    );
    assert_eq!(recorded(&mut client, "elsewhere").expect("readable"), None);
}

#[test]
fn a_schema_of_the_loading_name_that_is_not_ours_is_left_alone() {
    let database = Database::create();
    let mut client = database.connect();
    client
        .batch_execute(
            "CREATE SCHEMA extrato_loading_cards; CREATE TABLE extrato_loading_cards.mine ()",
        )
        .expect("made");
    let before = objects(&mut client);
    for mode in [Mode::Fresh, Mode::Replace] {
        let error = failing(&database, &options(10, mode), &Cancel::default());
        assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
        assert!(
            error.to_string().contains("extrato_loading_cards"),
            "{error:#}"
        );
        assert_eq!(objects(&mut client), before);
    }
}

#[test]
fn the_statistics_are_there() {
    let database = Database::create();
    let mut client = database.connect();
    let report = generated(&database, &options(100, Mode::Fresh));
    let estimate: f32 = value(
        &mut client,
        "SELECT reltuples FROM pg_class WHERE oid = 'cards.movimento'::regclass",
    );
    assert_eq!(estimate as u64, report.tables[3].rows);
}

#[test]
fn replacing_drops_the_datasets_own_tables_and_keeps_all_else() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(50, Mode::Fresh));
    client
        .batch_execute(
            "CREATE TABLE cards.mine (id integer); INSERT INTO cards.mine VALUES (7);
             CREATE TYPE cards.my_type AS ENUM ('a'); CREATE SCHEMA other; CREATE TABLE other.conta (id integer)",
        )
        .expect("made");
    generated(&database, &options(60, Mode::Replace));
    assert_eq!(count(&mut client, "cards.associado"), 60);
    assert_eq!(value::<i32>(&mut client, "SELECT id FROM cards.mine"), 7);
    assert_eq!(count(&mut client, "other.conta"), 0);
    assert_eq!(count(&mut client, "pg_type WHERE typname = 'my_type'"), 1);
    assert_eq!(
        count(&mut client, "pg_type WHERE typname = 'tipo_conta'"),
        1
    );
}

#[test]
fn what_others_depend_on_is_not_replaced() {
    let database = Database::create();
    let mut client = database.connect();
    generated(&database, &options(50, Mode::Fresh));
    client
        .batch_execute("CREATE VIEW public.richest AS SELECT id_cartao FROM cards.movimento")
        .expect("made");
    let (before, objects_before) = (digests(&mut client, "cards"), objects(&mut client));
    let error = failing(&database, &options(60, Mode::Replace), &Cancel::default());
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
    assert!(error.to_string().contains("richest"), "{error:#}");
    assert_eq!(before[0].1, 50);
    assert_eq!(digests(&mut client, "cards"), before);
    assert_eq!(objects(&mut client), objects_before);
}

#[test]
fn a_failure_midway_leaves_nothing_behind() {
    let database = Database::create();
    let mut client = database.connect();
    let mut options = options(20, Mode::Fresh);
    options
        .dataset
        .constraints_sql
        .push_str("ALTER TABLE movimento ADD CHECK (vlr_transacao > 1000000);");
    let before = objects(&mut client);
    let error = failing(&database, &options, &Cancel::default());
    assert!(
        format!("{error:#}").contains("extrato_loading_cards"),
        "{error:#}"
    );
    assert_eq!(objects(&mut client), before);

    // Now the failure comes in a worker, while rows are streamed.
    options
        .dataset
        .schema_sql
        .push_str("ALTER TABLE movimento ADD CHECK (id < 1000);");
    options.workers = Some(4);
    let error = failing(&database, &options, &Cancel::default());
    assert!(format!("{error:#}").contains("movimento"), "{error:#}");
    assert_eq!(objects(&mut client), before);
}

const COPYING: &str =
    "pg_stat_progress_copy WHERE tuples_processed > 20000 AND datname = current_database()";

/// The error of a run that meets `interfere` while rows come in.
fn interfering(database: &Database, cancel: &Cancel, interfere: impl FnOnce()) -> anyhow::Error {
    let mut client = database.connect();
    thread::scope(|scope| {
        let run = scope.spawn(|| failing(database, &options(20_000, Mode::Fresh), cancel));
        let deadline = Instant::now() + Duration::from_secs(60);
        while count(&mut client, COPYING) == 0 {
            assert!(
                Instant::now() < deadline && !run.is_finished(),
                "no COPY was seen"
            );
            thread::sleep(Duration::from_millis(1));
        }
        interfere();
        run.join().expect("no panic")
    })
}

#[test]
fn connections_that_are_lost_midway_leave_nothing_behind() {
    let database = Database::create();
    let mut client = database.connect();
    let before = objects(&mut client);
    let error = interfering(&database, &Cancel::default(), || {
        let ended = count(
            &mut database.connect(),
            "(SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND (query ~ 'COPY' OR state = 'idle in transaction') AND pid <> pg_backend_pid()) x",
        );
        // The connections ended are the control connection and two workers.
        assert_eq!(ended, 3);
    });
    assert_eq!(
        database::exit_code(&error),
        Kind::Connection.exit_code(),
        "{error:#}"
    );
    assert_eq!(objects(&mut client), before);
}

#[test]
fn a_cancelled_run_leaves_nothing_behind() {
    let database = Database::create();
    let mut client = database.connect();
    let before = objects(&mut client);
    let cancel = Cancel::default();
    let error = interfering(&database, &cancel, || cancel.cancel());
    assert_eq!(
        Failure::kind_of(&error),
        Some(Kind::Interrupted),
        "{error:#}"
    );
    assert_eq!(objects(&mut client), before);

    let error = failing(&database, &options(20, Mode::Fresh), &cancel);
    assert_eq!(
        Failure::kind_of(&error),
        Some(Kind::Interrupted),
        "{error:#}"
    );
    assert_eq!(objects(&mut client), before);
}

#[test]
fn of_two_runs_at_once_on_one_schema_the_second_is_refused() {
    let database = Database::create();
    let mut client = database.connect();
    let lock = "SELECT pg_advisory_lock(hashtextextended('extrato generate cards', 0))";
    client.batch_execute(lock).expect("locked");
    for mode in [Mode::Fresh, Mode::Replace, Mode::Append] {
        let error = failing(&database, &options(10, mode), &Cancel::default());
        assert_eq!(Failure::kind_of(&error), Some(Kind::Refused), "{error:#}");
        assert!(
            error
                .to_string()
                .contains("another generate is running on schema cards"),
            "{error}"
        );
    }
    let mut elsewhere = options(10, Mode::Fresh);
    elsewhere.schema = "Elsewhere \"x\"".to_owned();
    generated(&database, &elsewhere);
    assert_eq!(count(&mut client, "\"Elsewhere \"\"x\"\"\".associado"), 10);
}

#[test]
fn a_missing_right_names_the_grant() {
    let database = Database::create();
    let mut client = database.connect();
    let role = format!("role_{}", database.settings().database());
    client
        .batch_execute(&format!(
            "CREATE ROLE {role}; CREATE SCHEMA cards; GRANT USAGE ON SCHEMA cards TO {role}"
        ))
        .expect("made");
    let name: String = value(&mut client, "SELECT current_database()::text");
    let login: String = value(&mut client, "SELECT current_user::text");
    // The tests' login becomes the poor role at once, but in this database alone.
    let set = format!("ALTER ROLE \"{login}\" IN DATABASE \"{name}\" SET role = {role}");
    client.batch_execute(&set).expect("set");
    let error = failing(&database, &options(10, Mode::Fresh), &Cancel::default());
    assert_eq!(
        Failure::kind_of(&error),
        Some(Kind::Connection),
        "{error:#}"
    );
    assert!(
        error.to_string().contains(&format!(
            "GRANT CREATE ON DATABASE \"{name}\" TO \"{role}\""
        )),
        "{error}"
    );

    client
        .batch_execute(&format!("GRANT CREATE ON DATABASE \"{name}\" TO {role}"))
        .expect("granted");
    let error = failing(&database, &options(10, Mode::Fresh), &Cancel::default());
    assert!(
        error
            .to_string()
            .contains("GRANT CREATE, USAGE ON SCHEMA \"cards\""),
        "{error}"
    );

    client
        .batch_execute(&format!("GRANT CREATE ON SCHEMA cards TO {role}"))
        .expect("granted");
    generated(&database, &options(10, Mode::Fresh));
    assert_eq!(count(&mut client, "cards.associado"), 10);
    client
        .batch_execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"))
        .expect("dropped");
}

#[test]
fn options_that_make_no_sense_are_usage_errors() {
    let database = Database::create();
    let good = options(10, Mode::Fresh);
    let mut other_dataset = good.clone();
    other_dataset.dataset.name = "mine".to_owned();
    let mut other_tables = good.clone();
    other_tables.dataset.name = "sales".to_owned();
    for bad in [
        Options {
            size: 0,
            ..good.clone()
        },
        Options {
            size: u32::MAX,
            ..good.clone()
        },
        Options {
            workers: Some(0),
            ..good.clone()
        },
        Options {
            schema: "s".repeat(48),
            ..good.clone()
        },
        Options {
            schema: String::new(),
            ..good.clone()
        },
        Options {
            schema: "pg_mine".to_owned(),
            ..good.clone()
        },
        Options {
            schema: "extrato_loading_x".to_owned(),
            ..good.clone()
        },
        other_dataset,
        other_tables,
    ] {
        let error = failing(&database, &bad, &Cancel::default());
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
    }
    generated(
        &database,
        &Options {
            schema: "s".repeat(47),
            ..good
        },
    );
}
