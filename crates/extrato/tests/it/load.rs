//! `load`: files as they arrive, with faults planted in them, and the models on the rows that came in.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::exit_codes::check;
use crate::program::{World, finish};

/// Generates files of `dataset` with faults, loads them, and compares the rejects with the planted faults.
fn load(world: &World, dataset: &str) -> serde_json::Value {
    let files = [
        "generate",
        "--dataset",
        dataset,
        "--dirty",
        "0.02",
        "--to",
        "files",
        "--format",
        "csv",
    ];
    world.done(&files);
    let report = world
        .done(&["load", "--dataset", dataset, "--from", "files", "--json"])
        .json();
    let planted = fs::read_to_string(world.path("files/planted.csv")).unwrap();
    let planted: BTreeSet<(String, i64)> = planted
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let refused = fields.last() == Some(&"true");
            refused.then(|| (fields[0].to_owned(), fields[1].parse().unwrap()))
        })
        .collect();
    assert!(planted.len() > 20, "{planted:?}");
    let rejected = format!("SELECT DISTINCT file, line FROM {dataset}.extrato_reject");
    let rejected: BTreeSet<(String, i64)> = world
        .database
        .connect()
        .query(&rejected, &[])
        .unwrap()
        .iter()
        .map(|row| {
            let file: String = row.get(0);
            (file.trim_start_matches("files/").to_owned(), row.get(1))
        })
        .collect();
    assert_eq!(rejected.len(), planted.len());
    assert_eq!(rejected, planted);
    let rows = &report["rows"];
    let count = |name: &str| rows[name].as_u64().unwrap();
    assert_eq!(
        count("read"),
        count("loaded") + count("rejected") + count("skipped")
    );
    assert_eq!(count("rejected"), planted.len() as u64);
    report
}

/// Runs all models of a dataset and compares each with Postgres.
fn models(world: &World, dataset: &str, count: usize) {
    let report = world
        .done(&["transform", "--dataset", dataset, "--json"])
        .json();
    let models = report["models"].as_array().unwrap();
    assert_eq!(models.len(), count);
    for model in models {
        assert!(model["rows"].as_u64() > Some(0), "{model}");
        let path = model["path"].as_str().unwrap();
        let verified = [
            "verify",
            path,
            "--against-database",
            "--dataset",
            dataset,
            "--json",
        ];
        let verified = world.done(&verified).json();
        assert_eq!(verified["outputs"][0]["database"]["rows"], model["rows"]);
    }
}

#[test]
fn what_was_planted_in_sales_is_what_is_rejected_and_its_five_models_are_those_of_postgres() {
    let world = World::new();
    let report = load(&world, "sales");
    assert!(
        report["rows"]["loaded"].as_u64() > Some(150_000),
        "{report}"
    );
    models(&world, "sales", 5);
}

#[test]
fn what_was_planted_in_hiring_is_what_is_rejected_and_its_two_models_are_those_of_postgres() {
    let world = World::new();
    load(&world, "hiring");
    models(&world, "hiring", 2);
}

#[test]
fn too_many_rejects_are_4_and_nothing_is_loaded_but_they_are_kept() {
    let world = World::new();
    fs::create_dir(world.path("files")).unwrap();
    for (file, text) in [
        ("departments.csv", "1,Vendas\n2,\n"),
        ("jobs.csv", "1,Analista\n"),
        ("hired_employees.csv", "1,Ana,2021-07-27T16:02:08Z,1,1\n"),
    ] {
        fs::write(world.path("files").join(file), text).unwrap();
    }
    let arguments = [
        "load",
        "--dataset",
        "hiring",
        "--from",
        "files",
        "--max-rejects",
        "0",
    ];
    check(
        &world.run(&arguments),
        4,
        &["files/departments.csv", "--max-rejects 0", "rejects"],
    );
    let rejects = fs::read_to_string(world.path("rejects/departments.csv")).unwrap();
    assert!(
        rejects.contains("required") && rejects.contains("\"files/departments.csv\",2,"),
        "{rejects}"
    );
    let schemas = "SELECT count(*) FROM pg_class WHERE relname = 'hired_employees'";
    let tables: i64 = world
        .database
        .connect()
        .query_one(schemas, &[])
        .unwrap()
        .get(0);
    assert_eq!(tables, 0);
    let loaded = world.done(&[&arguments[..6], &["1"]].concat());
    assert!(
        loaded
            .stderr
            .contains("1 of 4 rows were rejected: see rejects"),
        "{}",
        loaded.stderr
    );
    assert!(
        loaded
            .stdout
            .contains("4 rows read = 3 loaded + 1 rejected + 0 skipped"),
        "{}",
        loaded.stdout
    );
}

#[test]
fn a_folder_without_files_and_an_unknown_table_are_2() {
    let world = World::new();
    fs::create_dir(world.path("empty")).unwrap();
    check(
        &world.run(&["load", "--dataset", "hiring", "--from", "empty"]),
        2,
        &["empty"],
    );
    check(
        &world.run(&["load", "--dataset", "hiring", "--table", "x=y.csv"]),
        2,
        &["--table x=", "no such table"],
    );
    check(&world.run(&["load", "--dataset", "hiring"]), 2, &["--from"]);
}

#[test]
fn the_examples_of_the_help_run_one_after_the_other() {
    let world = World::new();
    let program = Path::new(env!("CARGO_BIN_EXE_extrato"));
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let lines = loader::cli::EXAMPLES.lines();
    let examples: Vec<&str> = lines.filter_map(|line| line.strip_prefix("    ")).collect();
    assert_eq!(examples.len(), 7);
    for example in examples {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", example])
            .current_dir(world.folder.path())
            .env_clear()
            .env("PATH", &path)
            .env("HOME", world.folder.path())
            .envs(world.database.variables());
        let finished = finish(&mut shell);
        assert_eq!(finished.code, 0, "{example}: {}", finished.stderr);
    }
}

#[test]
fn a_file_of_which_no_row_fits_is_4_and_nothing_of_it_reaches_the_terminal_raw() {
    let world = World::new();
    fs::write(
        world.path("jobs.csv"),
        "1;\u{1b}[31mAnalyst\n2;\u{7}Clerk\n",
    )
    .unwrap();
    let finished = world.run(&[
        "load",
        "--dataset",
        "hiring",
        "--table",
        "jobs=jobs.csv",
        "-q",
    ]);
    let said = [
        "nothing was loaded",
        "the file has `;` between fields",
        "declared are `,`",
        "as jobs.csv, line 1: 1;\\x1b[31mAnalyst",
    ];
    check(&finished, 4, &said);
    assert!(
        !finished.stderr.contains(['\u{1b}', '\u{7}']),
        "{:?}",
        finished.stderr
    );
}

#[test]
fn a_pipe_that_cannot_be_kept_is_5_only_if_it_has_to_be_read_twice() {
    let world = World::new();
    fs::write(world.path("jobs.csv"), "1,Analyst\n2,Clerk\n").unwrap();
    let load = |memory: &str| {
        let table = ["load", "--dataset", "hiring", "--table", "jobs=-"];
        let mut command = world.command(&[&table[..], &["--memory", memory]].concat());
        let input = fs::File::open(world.path("jobs.csv")).unwrap();
        finish(command.env("TMPDIR", "/nowhere").stdin(input))
    };
    let said = [
        "nothing was loaded",
        "- must be read twice",
        "/nowhere",
        "TMPDIR",
    ];
    check(&load("1B"), 5, &said);
    assert_eq!(load("1MiB").code, 0);
}
