//! `[[model.check]]`: if a check fails, nothing of the run is published, whatever engine ran its models.

use std::fs;

use dataset::failure::{Failure, Kind};
use dataset::{Check, RowCount, Rule};
use transform::memory::RESERVED_BYTES;
use transform::{Engine, Format, Layout, Options};

use crate::world::World;

/// Memory for some clients and cards, but only for a part of the movements.
const LITTLE: u64 = RESERVED_BYTES + (2 << 20);

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn check(name: &str, rule: Rule) -> Check {
    Check {
        name: name.to_owned(),
        rule,
    }
}

fn no_row(sql: &str) -> Check {
    let rule = Rule::NoRow {
        sql: sql.to_owned(),
        file: "the check of the test".to_owned(),
    };
    check("select", rule)
}

fn accepted(column: &str, values: &[&str]) -> Check {
    let values = [(column.to_owned(), columns(values))];
    check("accepted", Rule::AcceptedValues(values.into()))
}

fn count(min: Option<u64>, max: Option<u64>) -> Check {
    check("count", Rule::RowCount(RowCount { min, max }))
}

/// Every way to run the model `movimento_flat`: in parts, whole, with too little memory, and in a scratch database.
fn ways(world: &World) -> Vec<(&'static str, Options)> {
    let way = |change: &dyn Fn(&mut Options)| {
        let mut options = world.options(Layout::Declared);
        options.environment = testkit::environment();
        change(&mut options);
        options
    };
    let whole = |options: &mut Options| options.dataset.models[0].stream = None;
    vec![
        ("in parts", way(&|_| {})),
        ("whole", way(&whole)),
        (
            "one file",
            way(&|options| options.layout = Layout::SingleFile),
        ),
        (
            "as Parquet",
            way(&|options| options.format = Format::Parquet),
        ),
        (
            "beyond memory",
            way(&|options| {
                options.memory_bytes = LITTLE;
                // A check that needs all rows in memory then runs in a scratch database.
                options.engine = Engine::Auto;
            }),
        ),
        (
            "in a scratch database",
            way(&|options| options.engine = Engine::Postgres),
        ),
    ]
}

fn failed(world: &World, options: &Options) -> String {
    let error = world.try_transform(options).expect_err("a check fails");
    assert_eq!(Failure::kind_of(&error), Some(Kind::Check), "{error:#}");
    format!("{error:#}")
}

/// A world of 60,000 movements of 200 clients, where two movements have no day, three share a description, and one account has
/// another type.
fn world() -> World {
    let world = World::with_rows(200, 60_000);
    world.sql(
        "UPDATE movimento SET data_movimento = NULL WHERE id IN (40000, 12);
         UPDATE movimento SET des_transacao = 'compra' WHERE id % 20000 = 7;
         UPDATE conta SET tipo = 'poupanca' WHERE id = 3; ANALYZE",
    );
    world
}

#[test]
fn each_way_tells_the_same_of_every_check_and_leaves_the_former_output() {
    let mut world = world();
    world.transform(Layout::Declared);
    let former = world.contents();
    assert_eq!(former.len(), 202, "folders, a manifest and its marker");
    let id = "id_movimento";
    world.dataset.models[0].checks = vec![
        check("days", Rule::NotNull(columns(&[id, "data_movimento"]))),
        check("texts", Rule::Unique(columns(&["des_transacao_movimento"]))),
        check("keys", Rule::Unique(columns(&[id, "numero_cartao"]))),
        accepted("tipo_conta", &["corrente"]),
        count(Some(60_001), None),
        no_row(
            "SELECT id_movimento, vlr_transacao_movimento FROM movimento_flat\n\
             WHERE id_movimento BETWEEN 5 AND 11 AND vlr_transacao_movimento > 0 ORDER BY 1",
        ),
    ];
    let expected = "5 of 6 checks failed, so nothing was published:\
        \n  model `movimento_flat`, check `select`: its SELECT gives 7 rows, such as\
        \n    id_movimento = 5, vlr_transacao_movimento = 0.05\
        \n    id_movimento = 6, vlr_transacao_movimento = 0.06\
        \n    id_movimento = 7, vlr_transacao_movimento = 0.07\
        \n    id_movimento = 8, vlr_transacao_movimento = 0.08\
        \n    id_movimento = 9, vlr_transacao_movimento = 0.09\
        \n  model `movimento_flat`, check `days`: 2 rows of 60000 have NULL in id_movimento, data_movimento, such as\
        \n    data_movimento = NULL, id_movimento = 40000\
        \n    data_movimento = NULL, id_movimento = 12\
        \n  model `movimento_flat`, check `texts`: 2 rows of 60000 have the des_transacao_movimento of another, such as\
        \n    des_transacao_movimento = compra: 3 rows\
        \n  model `movimento_flat`, check `accepted`: 300 rows of 60000 have a value in tipo_conta that is not accepted, such as\
        \n    tipo_conta = poupanca, id_movimento = 2\
        \n    tipo_conta = poupanca, id_movimento = 202\
        \n    tipo_conta = poupanca, id_movimento = 402\
        \n    tipo_conta = poupanca, id_movimento = 602\
        \n    tipo_conta = poupanca, id_movimento = 802\
        \n  model `movimento_flat`, check `count`: 60000 rows, where at least 60001 were expected";
    for (way, options) in ways(&world) {
        let told = failed(&world, &options);
        // In a single file rows are ordered by their key, in folders by their client first.
        let expected = match options.layout {
            Layout::SingleFile => {
                let (one, other) = (
                    "    data_movimento = NULL, id_movimento = 40000\n",
                    "    data_movimento = NULL, id_movimento = 12\n",
                );
                expected.replace(&format!("{one}{other}"), &format!("{other}{one}"))
            }
            _ => expected.to_owned(),
        };
        assert_eq!(told, expected, "{way}");
        assert!(
            world.contents() == former,
            "{way}: the former output is whole"
        );
    }
}

#[test]
fn checks_that_are_passed_are_in_the_report_and_in_the_manifest() {
    let mut world = World::with_rows(20, 500);
    world.dataset.models[0].checks = vec![
        check("keys", Rule::Unique(columns(&["id_movimento"]))),
        accepted("tipo_conta", &["corrente", "poupanca"]),
        count(Some(500), Some(500)),
        no_row(
            "WITH few AS (SELECT id_movimento FROM movimento_flat WHERE id_movimento < 0) SELECT * FROM few",
        ),
    ];
    for (way, mut options) in ways(&world) {
        options.out = world.out.path().join(way).into();
        let report = world.try_transform(&options).expect(way);
        let told = serde_json::to_value(&report.models[0].checks).unwrap();
        let expected = serde_json::json!([
            { "check": "select", "rule": "sql", "rows": 0 },
            { "check": "keys", "rule": "unique", "rows": 500 },
            { "check": "accepted", "rule": "accepted_values", "rows": 500 },
            { "check": "count", "rule": "row_count", "rows": 500 },
        ]);
        assert_eq!(told, expected, "{way}");
        assert_eq!(report.models.len(), 1, "{way}");
        let manifests = testkit::files_below(options.out.path().unwrap()).into_iter();
        let manifests = manifests.filter(|path| path.to_string_lossy().contains("manifest"));
        let manifests: Vec<_> = manifests.collect();
        assert_eq!(manifests.len(), 1, "{way}");
        let manifest = fs::read_to_string(options.out.path().unwrap().join(&manifests[0])).unwrap();
        let first = manifest.lines().next().unwrap();
        let first: serde_json::Value = serde_json::from_str(first).unwrap();
        assert_eq!(first["checks"], expected, "{way}");
    }
}

#[test]
fn a_failed_check_leaves_the_tables_that_results_go_into() {
    let mut world = World::with_rows(5, 50);
    let options = |world: &World| Options {
        schema: "cards".to_owned(),
        to_postgres: Some("results".to_owned()),
        ..world.options(Layout::Declared)
    };
    world.try_transform(&options(&world)).expect("published");
    world.sql("DELETE FROM movimento WHERE id > 20");
    world.dataset.models[0].checks = vec![count(Some(30), None)];
    let told = failed(&world, &options(&world));
    assert!(
        told.contains("20 rows, where at least 30 were expected"),
        "{told}"
    );
    let query = "SELECT count(*) FROM results.movimento_flat";
    let rows: i64 = world
        .database
        .connect()
        .query_one(query, &[])
        .unwrap()
        .get(0);
    assert_eq!(rows, 50);
}

#[test]
fn rows_with_a_null_in_it_share_no_key_and_cells_are_cut() {
    let mut world = World::of_tables(
        "CREATE TABLE t (id int PRIMARY KEY, a text, b int);
         INSERT INTO t VALUES (1, NULL, 1), (2, NULL, 1), (3, '', 1), (4, 'x' || chr(10), 2), (5, 'x' || chr(10), 2),
                              (6, repeat('é', 100), NULL), (7, 'a', 12), (8, 'a1', 2)",
        "[[table]]\nname = \"t\"\nkey = [\"id\"]\n[[model]]\nname = \"m\"\nfile = \"m.sql\"\norder_by = [\"id\"]\n",
        "SELECT id, a, b FROM t",
    );
    world.dataset.models[0].checks = vec![
        check("pairs", Rule::Unique(columns(&["a", "b"]))),
        check("holes", Rule::NotNull(columns(&["b"]))),
    ];
    let told = failed(&world, &world.options(Layout::Declared));
    let long = "é".repeat(60);
    let expected = format!(
        "2 of 2 checks failed, so nothing was published:\
         \n  model `m`, check `pairs`: 1 row of 8 has the a, b of another, such as\
         \n    a = x\\n, b = 2: 2 rows\
         \n  model `m`, check `holes`: 1 row of 8 has NULL in b, such as\
         \n    id = 6, a = {long}…, b = NULL"
    );
    assert_eq!(told, expected);
}

#[test]
fn what_a_check_cannot_be_is_told_before_a_row_is_read() {
    let mut world = World::with_rows(2, 4);
    for (of, kind, part) in [
        (
            accepted("vlr_transacao_movimento", &["1.005"]),
            Kind::Usage,
            "model `movimento_flat`: accepted_values of column `vlr_transacao_movimento`, which is numeric(10,2): `1.005` has more \
             than 2 digits",
        ),
        (
            no_row("SELECT 1 AS a\nFROM movimento_flat\n WHERE no_such = 1"),
            Kind::Usage,
            "the check of the test, line 3, column 8: it cannot be run",
        ),
        (
            no_row("SELECT FROM WHERE"),
            Kind::Usage,
            "the check of the test, line 1, column",
        ),
    ] {
        world.dataset.models[0].checks = vec![of];
        let (was, message) = world.refused(Layout::Declared);
        assert_eq!(was, kind, "{message}");
        assert!(message.contains(part), "{message}");
    }
}
