//! Results written back into Postgres: the same rows and types, all tables at once or none, and nothing that belongs to others is
//! touched.

use std::thread;

use database::Cancel;
use dataset::failure::{Failure, Kind};
use testkit::{Database, Role};
use transform::{Layout, Options, Report};

use crate::dataset_of_ones_own::world_of_all_types;
use crate::world::World;

fn options(world: &World, layout: Layout) -> Options {
    Options {
        schema: "cards".to_owned(),
        to_postgres: Some("results".to_owned()),
        ..world.options(layout)
    }
}

fn write_back(world: &World, layout: Layout) -> Report {
    world
        .try_transform(&options(world, layout))
        .expect("the run succeeds")
}

fn refused(world: &World) -> (Option<Kind>, String) {
    let error = world
        .try_transform(&options(world, Layout::Declared))
        .expect_err("the run fails");
    assert_eq!(world.published().len(), 0, "after {error:#}");
    (Failure::kind_of(&error), format!("{error:#}"))
}

fn count(database: &Database, from: &str) -> i64 {
    let query = format!("SELECT count(*) FROM {from}");
    database.connect().query_one(&query, &[]).unwrap().get(0)
}

/// The names of the tables in the schema `results`.
fn tables(world: &World) -> Vec<String> {
    let query = "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace('results') ORDER BY 1";
    let rows = world.database.connect().query(query, &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn every_type_goes_back_as_it_came() {
    let world = world_of_all_types();
    let report = write_back(&world, Layout::Declared);
    assert_eq!(report.models[0].table.as_deref(), Some("results.tudo"));
    assert_eq!(count(&world.database, "results.tudo"), 4);
    let equal =
        "results.tudo AS r JOIN cards.\"Tudo, e mais\" AS t ON r.id = t.id WHERE r::text = t::text";
    assert_eq!(count(&world.database, equal), 4);
    let types = "SELECT string_agg(format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute
                 WHERE attrelid = 'results.tudo'::regclass AND attnum > 0";
    let types: String = world
        .database
        .connect()
        .query_one(types, &[])
        .unwrap()
        .get(0);
    assert_eq!(
        types,
        "bigint, boolean, smallint, integer, real, double precision, numeric(38,10), numeric(5,0), numeric(12,3), \
         text, text, text, text, text, date, time without time zone, timestamp without time zone, \
         timestamp with time zone, uuid, bytea, json, jsonb, text"
    );
    assert_eq!(tables(&world), ["contagem", "tudo"]);
}

#[test]
fn a_table_has_the_columns_of_files_and_folders_also_of_a_run_that_memory_cannot_hold() {
    let world = World::with_rows(50, 40_000);
    let same = |rows: i64, ids: &str| {
        assert_eq!(count(&world.database, "results.movimento_flat"), rows);
        let model = &world.dataset.models[0].sql;
        let columns = format!(
            "nome_associado, sobrenome_associado, idade_associado, vlr_transacao_movimento, des_transacao_movimento,
             data_movimento, numero_cartao, nome_impresso_cartao, data_criacao_cartao, tipo_conta::text, data_criacao_conta{ids}"
        );
        world.sql(&format!(
            "CREATE TEMP VIEW model AS {model}; CREATE TEMP TABLE differing AS
            (SELECT {columns} FROM model EXCEPT ALL TABLE results.movimento_flat) UNION ALL
            (TABLE results.movimento_flat EXCEPT ALL SELECT {columns} FROM model);
            DO $$ BEGIN ASSERT (SELECT count(*) FROM differing) = 0; END $$"
        ));
    };
    for memory_bytes in [1 << 30, transform::memory::RESERVED_BYTES + (2 << 20)] {
        for (layout, ids) in [
            (Layout::Declared, ", id_associado"),
            (Layout::SingleFile, ""),
        ] {
            let options = Options {
                memory_bytes,
                ..options(&world, layout)
            };
            world.try_transform(&options).expect("the run succeeds");
            same(40_000, ids);
        }
    }
}

#[test]
fn former_tables_are_replaced_and_pass_on_who_may_read_them() {
    let world = World::with_rows(2, 10);
    write_back(&world, Layout::SingleFile);
    let reader = format!("leitor_{}", std::process::id());
    world.sql(&format!(
        "CREATE ROLE {reader}; GRANT SELECT ON results.movimento_flat TO {reader}, PUBLIC"
    ));
    world.sql("DELETE FROM movimento WHERE id > 7");
    write_back(&world, Layout::SingleFile);
    assert_eq!(count(&world.database, "results.movimento_flat"), 7);
    let may = format!(
        "SELECT has_table_privilege('{reader}', 'results.movimento_flat', 'SELECT')
                       AND NOT has_table_privilege('{reader}', 'results.movimento_flat', 'INSERT')"
    );
    assert!(
        world
            .database
            .connect()
            .query_one(&may, &[])
            .unwrap()
            .get::<_, bool>(0)
    );
    world.sql(&format!("DROP OWNED BY {reader}; DROP ROLE {reader}"));
}

#[test]
fn a_snapshot_older_than_the_new_tables_finds_them_filled() {
    let world = World::with_rows(2, 10);
    write_back(&world, Layout::SingleFile);
    let mut session = world.database.connect();
    session
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        .unwrap();
    write_back(&world, Layout::SingleFile);
    let rows: i64 = session
        .query_one("SELECT count(*) FROM results.movimento_flat", &[])
        .unwrap()
        .get(0);
    assert_eq!(rows, 10);
}

#[test]
fn who_reads_a_former_table_is_waited_for_and_a_run_that_is_ended_meanwhile_leaves_nothing() {
    let world = World::with_rows(2, 10);
    write_back(&world, Layout::SingleFile);
    let former = world.contents();
    world.sql("DELETE FROM movimento WHERE id > 7");
    let mut reader = world.database.connect();
    let read = "BEGIN; SELECT FROM results.movimento_flat LIMIT 1";
    let waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'results.movimento_flat'::regclass)";
    reader.batch_execute(read).unwrap();
    thread::scope(|scope| {
        let run = scope.spawn(|| world.try_transform(&options(&world, Layout::SingleFile)));
        world.wait_until(waiting);
        world.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_locks
                   WHERE NOT granted AND relation = 'results.movimento_flat'::regclass",
        );
        let error = run.join().unwrap().expect_err("the session was ended");
        assert_eq!(database::exit_code(&error), 3, "{error:#}");
    });
    assert_eq!(tables(&world), ["movimento_flat"]);
    assert_eq!(count(&world.database, "results.movimento_flat"), 10);
    assert!(world.contents() == former, "files were changed");
    thread::scope(|scope| {
        let run = scope.spawn(|| write_back(&world, Layout::SingleFile));
        world.wait_until(waiting);
        reader.batch_execute("COMMIT").unwrap();
        run.join().unwrap();
    });
    assert_eq!(count(&world.database, "results.movimento_flat"), 7);
}

#[test]
fn if_one_model_fails_the_tables_of_all_stay_as_they_were() {
    let mut world = world_of_all_types();
    write_back(&world, Layout::Declared);
    let former = world.contents();
    world.sql("DELETE FROM \"Tudo, e mais\" WHERE id = 2");
    world.dataset.models[1].columns[1].1 = dataset::ColumnType::Text;
    let error = world
        .try_transform(&options(&world, Layout::Declared))
        .unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Mismatch));
    assert_eq!(count(&world.database, "results.tudo"), 4);
    assert_eq!(tables(&world), ["contagem", "tudo"]);
    assert!(world.contents() == former, "files were changed");
}

#[test]
fn what_extrato_did_not_make_is_not_replaced() {
    for made in [
        "TABLE results.movimento_flat (id int)",
        "VIEW results.movimento_flat AS SELECT 1",
    ] {
        let world = World::with_rows(1, 3);
        world.sql(&format!("CREATE SCHEMA results; CREATE {made}"));
        let (kind, message) = refused(&world);
        assert_eq!(kind, Some(Kind::Usage));
        assert!(
            message
                .contains("results.movimento_flat is not a table that an earlier transform wrote"),
            "{message}"
        );
        assert_eq!(tables(&world), ["movimento_flat"]);
    }
    // The table `tudo` is made while the run is under way: its connection waits for the first model's former table.
    let world = world_of_all_types();
    write_back(&world, Layout::SingleFile);
    world.sql("DROP TABLE results.tudo");
    let mut reader = world.database.connect();
    reader
        .batch_execute("BEGIN; SELECT FROM results.contagem LIMIT 1")
        .unwrap();
    thread::scope(|scope| {
        let run = scope.spawn(|| world.try_transform(&options(&world, Layout::SingleFile)));
        world.wait_until(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'results.contagem'::regclass)",
        );
        world.sql("CREATE TABLE results.tudo AS SELECT 'years of work'");
        reader.batch_execute("COMMIT").unwrap();
        let error = run.join().unwrap().expect_err("it is somebody else's");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
    });
    assert_eq!(count(&world.database, "results.tudo"), 1);
    // Something that depends on a former table is not dropped with it.
    let world = World::with_rows(1, 3);
    write_back(&world, Layout::SingleFile);
    world.sql("CREATE VIEW v AS TABLE results.movimento_flat; DELETE FROM movimento");
    let error = world
        .try_transform(&options(&world, Layout::SingleFile))
        .unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused));
    assert!(error.to_string().contains("view cards.v"), "{error:#}");
    assert_eq!(count(&world.database, "cards.v"), 3);
}

#[test]
fn schemas_that_are_not_for_results_are_refused_before_anything_is_read() {
    let world = World::with_rows(1, 3);
    let long = "s".repeat(64);
    for schema in [
        "cards",
        "pg_catalog",
        "information_schema",
        "",
        long.as_str(),
    ] {
        let options = Options {
            to_postgres: Some(schema.to_owned()),
            ..options(&world, Layout::Declared)
        };
        let error = world.try_transform(&options).unwrap_err();
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
        assert!(
            error
                .to_string()
                .contains(&format!("--to-postgres {schema}")),
            "{error:#}"
        );
    }
}

#[test]
fn missing_rights_and_another_run_are_named() {
    let world = World::with_rows(1, 3);
    let role = Role::create(
        &world.database,
        "GRANT USAGE ON SCHEMA cards TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA cards TO {role};
         CREATE SCHEMA results",
    );
    let run = || {
        let options = options(&world, Layout::Declared);
        let error =
            transform::run(&role.settings, &options, &Cancel::default()).expect_err("refused");
        (Failure::kind_of(&error), format!("{error:#}"))
    };
    let (kind, message) = run();
    assert_eq!(kind, Some(Kind::Connection));
    assert!(
        message.contains("GRANT CREATE, USAGE ON SCHEMA \"results\" TO"),
        "{message}"
    );
    world.sql("DROP SCHEMA results");
    let (kind, message) = run();
    assert_eq!(kind, Some(Kind::Connection));
    assert!(message.contains("GRANT CREATE ON DATABASE"), "{message}");
    write_back(&world, Layout::Declared);
    world.sql(&format!(
        "GRANT CREATE, USAGE ON SCHEMA results TO {}",
        role.name
    ));
    let (kind, message) = run();
    assert_eq!(kind, Some(Kind::Connection));
    assert!(
        message.contains("results.movimento_flat belongs to role"),
        "{message}"
    );

    let mut other = world.database.connect();
    let lock = "SELECT pg_advisory_lock(hashtextextended('extrato transform results', 0))";
    other.batch_execute(lock).unwrap();
    let error = world
        .try_transform(&options(&world, Layout::Declared))
        .unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused));
    assert!(error.to_string().contains("another transform"), "{error:#}");
}

#[test]
fn columns_that_no_table_can_have_are_refused_before_anything_is_read() {
    for name in ["ctid", "xmin", "tableoid"] {
        let mut world = World::of_cards();
        let model = &mut world.dataset.models[0];
        model.columns[0].0 = name.to_owned();
        let renamed = format!(" AS {name},");
        model.sql = model.sql.replace(" AS nome_associado,", &renamed);
        // There is no server at that address.
        let settings = database::Settings::from_url("postgres://nobody@127.0.0.1:1/none").unwrap();
        let options = options(&world, Layout::Declared);
        let error = transform::run(&settings, &options, &Cancel::default()).unwrap_err();
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
        let message = format!("{error:#}");
        assert!(
            message.contains(&format!("`{name}`")) && message.contains("`movimento_flat`"),
            "{message}"
        );
    }
}

#[test]
fn columns_that_differ_in_case_or_hold_delimiters_go_back_as_they_are_named() {
    let world = World::of_tables(
        "CREATE TABLE t (id integer PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, NULL)",
        r#"
        [[table]]
        name = "t"
        key = ["id"]
        [[model]]
        name = "m"
        file = "m.sql"
        [model.columns]
        id = "integer"
        Id = "integer"
        'a,"b' = "text"
        éééééééééééééééééééééééééééééé123 = "text"
        "#
        .replace(
            "éééééééééééééééééééééééééééééé123",
            "'éééééééééééééééééééééééééééééé123'",
        )
        .as_str(),
        r#"SELECT id, id AS "Id", v AS "a,""b", v AS "éééééééééééééééééééééééééééééé123" FROM t"#,
    );
    assert_eq!(write_back(&world, Layout::SingleFile).models[0].rows, 2);
    let equal = r#"results.m AS r JOIN cards.t ON r.id = t.id AND r."Id" = t.id
                   WHERE r."a,""b" IS NOT DISTINCT FROM v AND r."éééééééééééééééééééééééééééééé123" IS NOT DISTINCT FROM v"#;
    assert_eq!(count(&world.database, equal), 2);
    assert_eq!(world.verified(), [2]);
}
