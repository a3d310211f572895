//! `extrato check`: all that is wrong, at once.

use std::fs;

use crate::exit_codes;
use crate::program::{World, bare_command, finish};

/// A dataset `d` of these entries and SELECTs, over tables in the schema `public`.
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
        "d/table.sql, line 1, column 16: model `table` cannot be run: relation \"sales\" does not exist in schema `public`",
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
    let described = world.done(&[&CHECK[..], &["--json"]].concat()).json();
    let reads = serde_json::json!([
        { "table": "client", "columns": ["id", "name"] },
        { "table": "sale", "columns": ["client_id"] },
    ]);
    assert_eq!(described[0]["engine"], "polars");
    assert_eq!(described[0]["columns"][0]["type"], "text");
    let mut sorted = described[0]["reads"].as_array().unwrap().clone();
    sorted.sort_by_key(|read| read["table"].to_string());
    // `id` of either table may be meant where the SELECT runs whole.
    assert_eq!(sorted[0], reads[0]);
    assert_eq!(sorted[1]["table"], "sale");
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
