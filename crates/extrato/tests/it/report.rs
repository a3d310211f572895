//! `extrato report`: the page holds what Postgres gives, cell by cell, whatever a cell may hold.

use std::fs;
use std::path::Path;
use std::process::Command;

use dataset::Dataset;
use serde_json::Value;

use crate::exit_codes;
use crate::program::{World, finish};

/// The data of a page, taken out of its file.
fn shown(path: &Path) -> Value {
    let html = fs::read_to_string(path).unwrap();
    let (_, data) = html
        .split_once("<script type=\"application/json\" id=\"report\">")
        .unwrap();
    let (data, _) = data.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

fn rows(model: &Value) -> Vec<Vec<Option<String>>> {
    serde_json::from_value(model["rows"].clone()).unwrap()
}

/// The rows of a model as Postgres gives them, each value as text, in no particular order.
fn of_postgres(
    world: &World,
    dataset: &str,
    sql: &str,
    columns: usize,
) -> Vec<Vec<Option<String>>> {
    let mut client = world.database.connect();
    let path = format!("SET search_path = {dataset}");
    client.batch_execute(&path).unwrap();
    let names: Vec<String> = (0..columns).map(|at| format!("c{at}")).collect();
    let texts: Vec<String> = names.iter().map(|of| format!("{of}::text")).collect();
    let query = format!(
        "SELECT {} FROM ({sql}) AS m ({})",
        texts.join(", "),
        names.join(", ")
    );
    let found = client.query(&query, &[]).unwrap();
    let rows = found.iter().map(|row| (0..columns).map(|at| row.get(at)));
    let mut rows: Vec<Vec<_>> = rows.map(Iterator::collect).collect();
    rows.sort();
    rows
}

#[test]
fn every_cell_of_every_model_is_what_postgres_gives() {
    for (dataset, models) in [("cards", 5), ("sales", 5), ("hiring", 2)] {
        let world = World::new();
        world.done(&["generate", "--dataset", dataset, "--scale", "0.05"]);
        let arguments = ["report", "--dataset", dataset, "--out", "r.html", "--json"];
        let written = world.done(&arguments).json();
        let shown = shown(&world.path("r.html"));
        assert_eq!(
            shown["models"].as_array().unwrap().len(),
            models,
            "{dataset}"
        );
        assert_eq!(shown["snapshot"], written["snapshot"]);
        let mut described = Dataset::open(dataset).unwrap();
        described.with_those_for_reports();
        for (at, model) in described.models.iter().enumerate() {
            let of_page = &shown["models"][at];
            assert_eq!(of_page["name"], model.name.as_str());
            assert_ne!(of_page["about"], "", "{}", model.name);
            if of_page["is_cut"] == true {
                assert_eq!(model.name, "movimento_flat");
                continue;
            }
            let columns = of_page["columns"].as_array().unwrap().len();
            let mut found = rows(of_page);
            // Postgres writes a blank where ISO 8601 and our files have a T.
            for (column, told) in of_page["columns"].as_array().unwrap().iter().enumerate() {
                let values = found.iter_mut().filter_map(|row| row[column].as_mut());
                if told["type"] == "timestamp" {
                    values.for_each(|value| value.replace_range(10..11, " "));
                }
            }
            found.sort();
            // A page leaves out hidden columns, as files do, so only models without any are compared.
            if model.hidden.is_empty() {
                let expected = of_postgres(&world, dataset, &model.sql, columns);
                assert_eq!(found.len(), expected.len(), "{}", model.name);
                assert!(found == expected, "{}", model.name);
            }
            assert_eq!(of_page["total"].as_u64(), Some(found.len() as u64));
        }
    }
}

#[test]
fn whatever_a_cell_holds_stays_a_cell_and_the_page_asks_no_server() {
    let world = World::new();
    let make = "CREATE SCHEMA d; CREATE TABLE d.t (id int PRIMARY KEY, v text); INSERT INTO d.t VALUES \
                (1, '</script><script>alert(1)</script>'), (2, NULL), (3, ''), (4, E'\\u2028<!--\\n\"'), (5, '{{script}}')";
    world.database.connect().batch_execute(make).unwrap();
    fs::create_dir(world.path("d")).unwrap();
    let description =
        "name = \"d\"\n[[model]]\nname = \"m\"\nfile = \"m.sql\"\norder_by = [\"id\"]\n";
    fs::write(world.path("d/dataset.toml"), description).unwrap();
    fs::write(world.path("d/m.sql"), "SELECT id, v FROM t").unwrap();
    world.done(&["report", "--dataset", "d", "--out", "r.html"]);
    let found = rows(&shown(&world.path("r.html"))["models"][0]);
    let values: Vec<Option<&str>> = found.iter().map(|row| row[1].as_deref()).collect();
    let expected = [
        Some("</script><script>alert(1)</script>"),
        None,
        Some(""),
        Some("\u{2028}<!--\n\""),
        Some("{{script}}"),
    ];
    assert_eq!(values, expected);
    let html = fs::read_to_string(world.path("r.html")).unwrap();
    assert_eq!(html.matches("<script").count(), 3, "its own and its data");
    assert!(html.contains("default-src 'none'; script-src 'sha256-"));
    for outside in [" src=\"", "@import", "url(http", "<iframe", "fetch("] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn a_model_of_many_rows_is_cut_and_the_page_says_so() {
    let world = World::new();
    let make = "CREATE SCHEMA d; CREATE TABLE d.t AS SELECT g AS id, g % 7 AS v FROM generate_series(1, 120000) AS g";
    world.database.connect().batch_execute(make).unwrap();
    fs::create_dir(world.path("d")).unwrap();
    let chart = "[model.chart]\nkind = \"bar\"\nx = \"v\"\n";
    let model = |name: &str| {
        format!("[[model]]\nname = \"{name}\"\nfile = \"{name}.sql\"\norder_by = [\"id\"]\n{chart}")
    };
    let description = format!("name = \"d\"\n{}{}", model("most"), model("more"));
    fs::write(world.path("d/dataset.toml"), description).unwrap();
    fs::write(
        world.path("d/most.sql"),
        "SELECT id, v FROM t WHERE id <= 100000",
    )
    .unwrap();
    fs::write(world.path("d/more.sql"), "SELECT id, v FROM t").unwrap();
    let written = world
        .done(&["report", "--dataset", "d", "--out", "r.html"])
        .stdout;
    let line = "more: the first 1,000 of 120,000 rows, without a chart";
    assert!(written.contains(line), "{written}");
    let shown = shown(&world.path("r.html"));
    let told: Vec<_> = shown["models"].as_array().unwrap().iter().collect();
    assert_eq!(rows(told[0]).len(), 100_000);
    assert_eq!(
        (&told[0]["is_cut"], &told[1]["is_cut"]),
        (&false.into(), &true.into())
    );
    assert_eq!(
        (rows(told[1]).len(), &told[1]["total"]),
        (1_000, &120_000.into())
    );
}

#[test]
fn a_chart_of_columns_that_are_not_there_is_refused_and_no_file_is_left() {
    let world = World::new();
    world
        .database
        .connect()
        .batch_execute("CREATE SCHEMA d; CREATE TABLE d.t (id int PRIMARY KEY, v text)")
        .unwrap();
    fs::create_dir(world.path("d")).unwrap();
    fs::write(world.path("d/m.sql"), "SELECT id, v FROM t").unwrap();
    let described = |chart: &str| {
        let text = format!(
            "name = \"d\"\n[[model]]\nname = \"m\"\nfile = \"m.sql\"\n[model.chart]\n{chart}\n"
        );
        fs::write(world.path("d/dataset.toml"), text).unwrap();
        let finished = world.run(&["report", "--dataset", "d", "--out", "r.html"]);
        assert!(!world.path("r.html").exists());
        finished
    };
    let finished = described("kind = \"bar\"\nx = \"w\"\ny = [\"v\"]");
    let parts = ["`chart.x` names `w`", "`chart.y` names `v`, which is text"];
    exit_codes::check(&finished, 2, &parts);
    let finished = described("kind = \"pie\"\nx = \"v\"");
    exit_codes::check(&finished, 2, &["`bar`, `stacked`, `line`"]);
}

#[test]
fn models_for_reports_run_elsewhere_only_by_name() {
    let world = World::new();
    world.done(&["generate", "--associates", "50"]);
    let report = world.done(&["transform", "--out", "out", "--json"]).json();
    assert_eq!(report["models"].as_array().unwrap().len(), 1);
    let arguments = ["transform", "--out", "out", "--model", "busiest_clients"];
    world.done(&arguments);
    let rows = fs::read_to_string(world.path("out/busiest_clients.csv")).unwrap();
    assert_eq!(rows.lines().count(), 21);
    world.done(&["verify", "out", "--against-database"]);
}

#[test]
#[ignore = "needs EXTRATO_TEST_NODE_MODULES, with playwright-core and axe-core, and EXTRATO_TEST_CHROMIUM: the gate has both"]
fn a_browser_shows_sorts_and_filters_without_an_error_and_its_numbers_are_postgress() {
    let world = World::new();
    let mut browser = Command::new("node");
    browser
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser.mjs"))
        .current_dir(world.folder.path());
    for dataset in ["cards", "sales", "hiring"] {
        world.done(&["generate", "--dataset", dataset, "--scale", "0.2"]);
        let page = format!("{dataset}.html");
        world.done(&["report", "--dataset", dataset, "--out", &page]);
        let mut described = Dataset::open(dataset).unwrap();
        described.with_those_for_reports();
        let mut models = serde_json::Map::new();
        for model in described
            .models
            .iter()
            .filter(|model| model.hidden.is_empty())
        {
            let rows = of_postgres(&world, dataset, &model.sql, model.columns.len());
            models.insert(model.name.clone(), serde_json::json!(rows));
        }
        let expected = world.path(&format!("{dataset}.json"));
        fs::write(expected, Value::from(models).to_string()).unwrap();
        browser.arg(dataset);
    }
    let read = finish(&mut browser);
    assert_eq!(read.code, 0, "{}{}", read.stdout, read.stderr);
    assert_eq!(read.stdout.lines().count(), 3, "{}", read.stdout);
}
