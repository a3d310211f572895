//! Runs through PgBouncer, which lends a session of the server for one transaction; with few connections and few privileges.

use database::{Cancel, Settings};
use dataset::failure::{Failure, Kind};
use testkit::{Pooler, Role};
use transform::check::verify::{Source, verify_against_database};
use transform::{Layout, Options};

use crate::world::World;

/// Writes the output and the tables over a number of connections, and compares the output with the database.
fn transform_and_verify(world: &World, settings: &Settings, options: &Options) -> u64 {
    let cancel = Cancel::default();
    let report = transform::run(settings, options, &cancel).expect("written");
    let source = Source {
        dataset: world.dataset.clone(),
        schema: "cards".to_owned(),
    };
    let verified =
        verify_against_database(&options.out, settings, &source, &cancel).expect("equal");
    assert_eq!(
        verified[0].database.as_ref().unwrap().rows,
        report.models[0].rows
    );
    report.models[0].rows
}

#[test]
fn after_every_run_another_client_of_the_pooler_finds_its_session_as_it_was() {
    let world = World::with_rows(10, 30_000);
    let pooler = Pooler::of_one(&world.database.settings());
    let before = pooler.held();
    let mut options = world.options(Layout::SingleFile);
    options.max_connections = 1;
    options.to_postgres = Some("results".to_owned());
    for _ in 0..2 {
        let rows = transform_and_verify(&world, &pooler.settings(), &options);
        assert_eq!(rows, 30_000);
        assert_eq!(pooler.held(), before);
    }

    // A value is refused while the tables are read; the run is cancelled; there is no room for a reader.
    world.sql("UPDATE movimento SET data_movimento = 'infinity' WHERE id = 7");
    let cancelled = Cancel::default();
    cancelled.cancel();
    let mut several = options.clone();
    several.max_connections = 2;
    for (options, cancel, kind) in [
        (&options, Cancel::default(), Kind::Refused),
        (&options, cancelled, Kind::Interrupted),
        (&several, Cancel::default(), Kind::Connection),
    ] {
        let error = transform::run(&pooler.settings(), options, &cancel).expect_err("fails");
        assert_eq!(Failure::kind_of(&error), Some(kind), "{error:#}");
        if kind == Kind::Connection {
            assert!(
                format!("{error:#}").contains("--max-connections 1"),
                "{error:#}"
            );
        }
        assert_eq!(pooler.held(), before, "{error:#}");
    }
}

#[test]
fn readers_join_the_snapshot_through_a_pool_that_has_room_for_them() {
    let world = World::with_rows(10, 30_000);
    let pooler = Pooler::before(
        &world.database.settings(),
        "pool_mode = transaction\ndefault_pool_size = 3",
    );
    let options = world.options(Layout::Declared);
    assert_eq!(
        transform_and_verify(&world, &pooler.settings(), &options),
        30_000
    );
}

#[test]
fn as_many_connections_as_the_option_says_are_enough_and_the_columns_of_the_model_too() {
    let world = World::with_rows(10, 30_000);
    let name = world.database.settings().database().to_owned();
    // The role can read neither emails nor who owns an account.
    let role = Role::create(
        &world.database,
        &format!(
            "GRANT USAGE ON SCHEMA cards TO {{role}}; GRANT CREATE ON DATABASE {name} TO {{role}};
             GRANT SELECT ON cards.movimento, cards.cartao TO {{role}};
             GRANT SELECT (id, nome, sobrenome, idade) ON cards.associado TO {{role}};
             GRANT SELECT (id, tipo, data_criacao) ON cards.conta TO {{role}}"
        ),
    );
    for connections in 1..=3 {
        let limit = format!("ALTER ROLE {} CONNECTION LIMIT {connections}", role.name);
        world.sql(&limit);
        let mut options = world.options(Layout::SingleFile);
        options.max_connections = connections;
        options.to_postgres = Some("results".to_owned());
        let rows = transform_and_verify(&world, &role.settings, &options);
        assert_eq!(rows, 30_000, "{connections}");
    }

    world.sql(&format!(
        "REVOKE SELECT (idade) ON associado FROM {}",
        role.name
    ));
    let options = world.options(Layout::SingleFile);
    let error = transform::run(&role.settings, &options, &Cancel::default()).expect_err("a right");
    assert_eq!(
        Failure::kind_of(&error),
        Some(Kind::Connection),
        "{error:#}"
    );
    assert!(
        error.to_string().contains("`idade` of table `associado`"),
        "{error:#}"
    );
}
