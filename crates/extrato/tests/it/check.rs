//! `extrato check` tells everything that is wrong at once.

use std::fs;

use crate::exit_codes;
use crate::program::{World, bare_command, finish};

/// A dataset `d` with these entries and SELECTs, over tables in the schema `public`.
fn described(entries: &str, selects: &[(&str, &str)]) -> World {
    let world = World::new();
    let tables = "CREATE TABLE client (id int PRIMARY KEY, name text); CREATE TABLE sale (id int PRIMARY KEY, client_id int)";
    world.database.connect().batch_execute(tables).unwrap();
    fs::create_dir(world.path("d")).unwrap();
    let mut text = format!("name = \"d\"\nschema = \"public\"\n{entries}");
    for (name, sql) in selects {
        text += &format!("[[model]]\nname = \"{name}\"\nfile = \"{name}.sql\"\n");
        fs::write(world.path(&format!("d/{name}.sql")), sql).unwrap();
    }
    fs::write(world.path("d/dataset.toml"), text).unwrap();
    world
}

const CHECK: [&str; 3] = ["check", "--dataset", "d"];

#[test]
fn tables_and_models_that_do_not_fit_the_database_are_told_together() {
    let entries = "[[table]]\nname = \"gone\"\nkey = [\"id\"]\n[[table]]\nname = \"client\"\ncast_to_text = [\"nam\"]\n";
    let world = described(
        entries,
        &[
            ("good", "SELECT s.id FROM sale AS s"),
            ("column", "SELECT s.id,\n  s.client FROM sale AS s"),
            ("table", "SELECT id FROM sales"),
            ("parsed", "SELECT id FRM sale"),
        ],
    );
    let finished = world.run(&CHECK);
    let parts = [
        "5 problems:",
        "table `gone` is missing in schema `public`",
        "column `nam` is missing in table `client`",
        "d/column.sql, line 2, column 3",
        "d/table.sql, line 1, column 16: model `table` cannot be run: `sales` does not exist in schema `public`; did you mean `sale`?",
        "d/parsed.sql, line 1, column",
    ];
    exit_codes::check(&finished, 7, &parts);
    assert_eq!(
        finished.stdout.matches("  refused  ").count(),
        3,
        "{}",
        finished.stdout
    );
    assert!(
        finished.stdout.contains("run by   Polars"),
        "{}",
        finished.stdout
    );
    assert_eq!(
        fs::read_dir(world.path("d")).unwrap().count(),
        5,
        "nothing is written"
    );
}

#[test]
fn what_fits_is_described_with_the_columns_that_are_read_there() {
    let world = described(
        "",
        &[(
            "m",
            "SELECT c.name FROM sale AS s JOIN client AS c ON c.id = s.client_id",
        )],
    );
    let described = world.done(&[&CHECK[..], &["--json"]].concat()).json()["models"].take();
    let reads = serde_json::json!([
        { "table": "client", "columns": ["id", "name"] },
        { "table": "sale", "columns": ["client_id"] },
    ]);
    assert_eq!(described[0]["engine"], "polars");
    assert_eq!(described[0]["columns"][0]["type"], "text");
    let mut sorted = described[0]["reads"].as_array().unwrap().clone();
    sorted.sort_by_key(|read| read["table"].to_string());
    // If the SELECT runs whole, `id` may mean that of either table.
    assert_eq!(sorted[0], reads[0]);
    assert_eq!(sorted[1]["table"], "sale");
}

/// What each model is said to be run by, or refused for, where an engine is asked for.
fn told(finished: &crate::program::Finished) -> Vec<(String, String)> {
    let models = finished.json()["models"].take();
    let models = models.as_array().unwrap().iter().map(|model| {
        let refused = model["refused"].as_str().unwrap_or_default();
        (
            model["engine"].as_str().unwrap().to_owned(),
            refused.to_owned(),
        )
    });
    models.collect()
}

#[test]
fn a_model_that_the_asked_engine_may_not_run_is_refused() {
    let models = [
        ("good", "SELECT id, name FROM client"),
        (
            "mean",
            "SELECT avg(id::numeric)::numeric(10,2) AS mean FROM sale",
        ),
        ("own", "SELECT id, pg_typeof(id)::text AS kind FROM sale"),
    ];
    let world = described("", &models);
    let check = |engine: &str| world.run(&[&CHECK[..], &["--json", "--engine", engine]].concat());
    let spark = check("spark");
    exit_codes::check(
        &spark,
        2,
        &["d/mean.sql, line 1, column", "d/own.sql, line 1, column"],
    );
    let told_of = told(&spark);
    assert!(
        told_of
            .iter()
            .any(|(engine, refused)| engine == "spark" && refused.is_empty()),
        "{told_of:?}"
    );
    assert_eq!(
        told_of
            .iter()
            .filter(|(_, refused)| !refused.is_empty())
            .count(),
        2,
        "{told_of:?}"
    );
    exit_codes::check(&check("polars"), 2, &["d/own.sql, line 1, column"]);
    let named = "\n[[model]]\nname = \"named\"\nfile = \"good.sql\"\npartition_by = [\"id\"]\nfile_name = \"{id}.csv\"\n";
    let text = fs::read_to_string(world.path("d/dataset.toml")).unwrap();
    fs::write(world.path("d/dataset.toml"), text.clone() + named).unwrap();
    let said = "the files of model `named` have names: leave out --file-name and file_name";
    exit_codes::check(&check("spark"), 2, &["3 problems", said]);
    fs::write(world.path("d/dataset.toml"), text).unwrap();
    let auto = check("auto");
    assert_eq!(auto.code, 0, "{}", auto.stderr);
    let engines: Vec<_> = told(&auto).into_iter().map(|(engine, _)| engine).collect();
    assert_eq!(engines, ["polars", "polars", "postgres"]);
}

#[test]
fn all_models_that_are_built_in_may_run_on_spark() {
    let folder = tempfile::tempdir().unwrap();
    let spark = finish(&mut bare_command(
        folder.path(),
        &["check", "--engine", "spark", "--json"],
    ));
    assert_eq!(spark.code, 0, "{}", spark.stderr);
    let told = told(&spark);
    assert!(told.len() >= 10, "{told:?}");
    assert!(
        told.iter()
            .all(|(engine, refused)| engine == "spark" && refused.is_empty()),
        "{told:?}"
    );
}

#[test]
fn without_a_database_what_needs_none_is_checked() {
    let world = described(
        "",
        &[
            ("m", "SELECT id FROM sale WHERE note"),
            ("n", "SELECT id FRM sale"),
        ],
    );
    let offline = finish(&mut bare_command(world.folder.path(), &CHECK));
    assert_eq!(offline.code, 0, "{}", offline.stderr);
    assert!(
        offline.stdout.contains("d/n.sql, line 1, column"),
        "{}",
        offline.stdout
    );
    assert!(
        !offline.stdout.contains("is not a table"),
        "{}",
        offline.stdout
    );
    let twice = fs::read_to_string(world.path("d/dataset.toml")).unwrap() + "order_by = 1\n";
    fs::write(world.path("d/dataset.toml"), twice).unwrap();
    let finished = finish(&mut bare_command(world.folder.path(), &CHECK));
    exit_codes::check(&finished, 2, &["line 9, column 12"]);
}

#[test]
fn checks_that_cannot_be_are_told_without_a_row() {
    let model = |check: &str| {
        let world = described("", &[("m", "SELECT id, client_id FROM sale")]);
        let path = world.path("d/dataset.toml");
        let text = fs::read_to_string(&path).unwrap();
        let columns = "[model.columns]\nid = \"integer\"\nclient_id = \"integer\"\n";
        fs::write(&path, format!("{text}{columns}[[model.check]]\n{check}\n")).unwrap();
        world
    };
    for (check, code, part) in [
        (
            "not_null = [\"client\"]",
            2,
            "line 4, model `m`: the check `not_null: client` names `client`, which is not one of its columns; did you mean \
             `client_id`?",
        ),
        (
            "row_count = {}",
            2,
            "the check `row_count` has neither min nor max",
        ),
        (
            "row_count = { min = 2, max = 1 }",
            2,
            "has a min of 2 above its max of 1",
        ),
        ("unique = []", 2, "the check `unique: ` names no column"),
        (
            "name = \"empty\"",
            2,
            "a check is one of not_null, unique, accepted_values, row_count, sql and file",
        ),
        (
            "file = \"none.sql\"",
            2,
            "check: its file none.sql is missing",
        ),
        (
            "accepted_values = { id = [\"x\"] }",
            2,
            "accepted_values of column `id`, which is integer: `x` is not an integer",
        ),
        ("colour = 1", 2, "unknown field `colour`"),
    ] {
        let world = model(check);
        let offline = finish(&mut bare_command(world.folder.path(), &CHECK));
        exit_codes::check(&offline, code, &[part]);
        exit_codes::check(&world.run(&CHECK), code, &[part]);
    }
    let select = model("sql = \"\"\"SELECT id\n FROM m WHERE client = 1\"\"\"");
    let part = "the check `SELECT id FROM m WHERE client = 1` of model `m`, line 2, column";
    exit_codes::check(&select.run(&CHECK), 2, &[part]);
    let good = model("unique = [\"id\"]").done(&[&CHECK[..], &["--json"]].concat());
    assert_eq!(good.json()["models"][0]["checks"][0], "unique: id");
}

#[test]
fn a_failed_check_ends_with_8_and_one_that_was_passed_is_in_the_summary() {
    let world = described("", &[("m", "SELECT id, name FROM client")]);
    let path = world.path("d/dataset.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        format!("{text}[[model.check]]\nnot_null = [\"name\"]\n"),
    )
    .unwrap();
    let rows = "INSERT INTO client VALUES (1, 'Ana'), (2, NULL)";
    world.database.connect().batch_execute(rows).unwrap();
    let run = ["transform", "--dataset", "d", "--out", "out"];
    let part = "model `m`, check `not_null: name`: 1 row of 2 has NULL in name, such as\n    id = 2, name = NULL";
    exit_codes::check(
        &world.run(&run),
        8,
        &["1 of 1 checks failed, so nothing was published", part],
    );
    assert!(!world.path("out/m.csv").exists());
    let rows = "UPDATE client SET name = 'Rui' WHERE id = 2";
    world.database.connect().batch_execute(rows).unwrap();
    let finished = world.done(&run);
    assert!(
        finished.stdout.contains("  1 check passed"),
        "{}",
        finished.stdout
    );
}
