//! The sample of a user's own dataset, run as its README says, without a line of Rust about it.

use std::fs;
use std::path::Path;

use crate::exit_codes::check;
use crate::program::{World, bare_command, finish};

const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../data/samples/own-dataset"
);

fn loaded() -> World {
    let world = World::new();
    let files = format!("{SAMPLE}/files");
    let report = world
        .done(&[
            "load",
            "--dataset",
            SAMPLE,
            "--from",
            &files,
            "--max-rejects",
            "3",
            "--json",
        ])
        .json();
    let rows = ["read", "loaded", "rejected"].map(|count| report["rows"][count].as_u64());
    assert_eq!(rows, [Some(18), Some(15), Some(3)]);
    world
}

#[test]
fn its_files_are_loaded_and_the_three_bad_loans_recorded() {
    let world = loaded();
    let rejects = fs::read_to_string(world.path("rejects/loan.csv")).unwrap();
    assert_eq!(rejects.lines().count(), 4, "{rejects}");
    for (line, column, rule) in [
        (6, "lent_at", "type"),
        (4, "reader_id", "reference"),
        (5, "days", "range"),
    ] {
        let found = rejects.lines().any(|reject| {
            reject.contains(&format!("\",{line},"))
                && reject.contains(&format!("\"{column}\",\"{rule}\""))
        });
        assert!(found, "{line} {column} {rule}: {rejects}");
    }
    let names = world
        .database
        .connect()
        .query("SELECT name FROM library.reader ORDER BY id", &[])
        .unwrap();
    let names: Vec<String> = names.iter().map(|row| row.get(0)).collect();
    assert_eq!(names, ["Ana Conceição", "João Brandão", "Zoë Quinn"]);
}

#[test]
fn its_models_give_what_postgres_gives_in_every_format() {
    let world = loaded();
    for format in ["csv", "parquet"] {
        let report = world
            .done(&[
                "transform",
                "--dataset",
                SAMPLE,
                "--format",
                format,
                "--out",
                format,
                "--json",
            ])
            .json();
        let rows: Vec<_> = (0..2)
            .map(|model| report["models"][model]["rows"].as_u64())
            .collect();
        assert_eq!(rows, [Some(7), Some(5)]);
        assert_eq!(report["models"][0]["files"], 2);
        let verified = world
            .done(&[
                "verify",
                format,
                "--dataset",
                SAMPLE,
                "--against-database",
                "--json",
            ])
            .json();
        let verified = verified["outputs"].as_array().unwrap();
        assert_eq!(verified.len(), 2);
        let compared: u64 = verified
            .iter()
            .map(|output| output["database"]["rows"].as_u64().unwrap())
            .sum();
        assert_eq!(compared, 12);
    }
}

#[test]
fn files_are_named_by_their_client_where_there_are_several_and_others_stay_single() {
    let world = loaded();
    let name = ["--file-name", "{reader_id}.csv", "--out", "named"];
    let run = |model: &[&str]| {
        world.run(&[&["transform", "--dataset", SAMPLE], &name[..], model].concat())
    };
    assert_eq!(run(&[]).code, 0);
    for file in ["loans_by_reader/1.csv", "popular_books.csv"] {
        assert!(world.path("named").join(file).is_file(), "{file}");
    }
    world.done(&["verify", "named", "--dataset", SAMPLE, "--against-database"]);
    let alone = ["--model", "popular_books"];
    check(
        &run(&alone),
        2,
        &["--file-name {reader_id}.csv: model `popular_books` is not partitioned"],
    );
}

#[test]
fn one_model_reads_what_it_needs_and_is_shown_with_null_and_numbers_to_the_right() {
    let world = loaded();
    let arguments = [
        "transform",
        "--dataset",
        SAMPLE,
        "--model",
        "popular_books",
        "--show",
    ];
    let finished = world.done(&arguments);
    for line in [
        "popular_books: 5 rows",
        "| isbn          | title                                            | loans |  fees | last_lent  |",
        "| 9788535902778 | Memórias póstumas de Brás Cubas                  |     3 |  0.85 | 2025-01-15 |",
        "| 9788535911664 | A hora da estrela                                |     1 |  NULL | 2024-12-31 |",
    ] {
        assert!(
            finished.stdout.lines().any(|found| found == line),
            "{}",
            finished.stdout
        );
    }
    let quiet = world.done(&[&arguments[..], &["-q"]].concat());
    assert!(
        finished.stdout.starts_with(quiet.stdout.trim_end()),
        "{}",
        quiet.stdout
    );
    assert_eq!(
        quiet.stdout.lines().count(),
        8,
        "a title, a header, a line and five rows"
    );
    assert_eq!(quiet.stderr, "");
    let report = world.done(&[&arguments[..], &["--json"]].concat()).json();
    assert_eq!(report["models"].as_array().unwrap().len(), 1);
    let read: Vec<_> = report["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| &table["table"])
        .collect();
    assert_eq!(read, ["book", "loan"]);
    let preview = &report["models"][0]["preview"];
    assert_eq!(preview["rows"].as_array().unwrap().len(), 5);
    assert_eq!(preview["rows"][2][3], serde_json::Value::Null);
    assert_eq!(
        preview["columns"][3],
        serde_json::json!(["fees", "numeric(38,2)"])
    );
}

#[test]
fn no_more_than_the_first_rows_of_an_output_are_shown_in_its_order() {
    let world = loaded();
    let more =
        "INSERT INTO library.loan SELECT i, '9788535902778', 1 + i % 2, '2030-01-01', 1, 0.01
                FROM generate_series(100, 199) AS i";
    world.database.connect().batch_execute(more).unwrap();
    for format in ["csv", "parquet"] {
        let finished = world.done(&[
            "transform",
            "--dataset",
            SAMPLE,
            "--model",
            "loans_by_reader",
            "--show",
            "--format",
            format,
        ]);
        let mut lines = finished.stdout.lines();
        assert_eq!(
            lines.next(),
            Some("loans_by_reader: the first 20 of 107 rows")
        );
        let rows: Vec<&str> = lines
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .collect();
        assert_eq!(rows.len(), 20);
        assert!(rows.iter().all(|row| row.contains("Ana")), "{rows:?}");
    }
}

#[test]
fn its_models_are_listed_without_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let listed = finish(&mut bare_command(
        folder.path(),
        &["check", "--dataset", SAMPLE, "--json"],
    ))
    .json();
    let names: Vec<_> = listed["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| &model["model"])
        .collect();
    assert_eq!(names, ["loans_by_reader", "popular_books"]);
    let sql = listed["models"][1]["file"].as_str().unwrap();
    assert!(Path::new(sql).is_file(), "{sql}");
    let reads = serde_json::json!([
        { "table": "book", "columns": ["isbn", "title"] },
        { "table": "loan", "columns": ["isbn", "lent_at", "fee"] },
    ]);
    assert_eq!(listed["models"][1]["reads"], reads);
    assert_eq!(
        listed["models"][0]["partition_by"],
        serde_json::json!(["reader_id"])
    );
    let all = finish(&mut bare_command(folder.path(), &["check"]));
    for name in [
        "movimento_flat, dataset cards",
        "hires_by_quarter, dataset hiring",
        "folders  by id_associado",
    ] {
        assert!(all.stdout.contains(name), "{}", all.stdout);
    }
    assert!(!folder.path().join(".local").exists(), "no server was made");
}

#[test]
fn its_models_are_checked_over_the_tables_that_a_url_names() {
    let world = loaded();
    let url = format!("postgresql:///{}", world.database.settings().database());
    let models = |more: &[&str]| {
        let mut arguments = vec!["check", "--dataset", "copy"];
        arguments.extend(more);
        world.run(&arguments)
    };
    with_sql(
        &world,
        "SELECT isbn, title, 1::bigint AS loans, 1.00 AS fees, born AS last_lent FROM book",
    );
    let file = "copy/models/popular_books.sql, line 1, column ";
    let offline = || {
        let arguments = ["check", "--dataset", "copy"];
        finish(&mut bare_command(world.folder.path(), &arguments))
    };
    // A SELECT that Polars cannot run may run in Postgres, which says so if it is asked.
    let told = offline();
    assert_eq!(told.code, 0);
    let why = format!("run by   a scratch database of the embedded Postgres: {file}");
    assert!(
        told.stdout.contains(&why) && told.stdout.contains("`born`"),
        "{}",
        told.stdout
    );
    check(
        &models(&["--url", &url]),
        2,
        &[file, "column \"born\" does not exist"],
    );
    // All models are told, before the first that cannot be run ends the run.
    let told = models(&["--url", &url]).stdout;
    let refused = format!("refused  {file}");
    assert!(
        told.contains(&refused) && told.contains("run by   Polars"),
        "{told}"
    );
    // Without schema.sql only the database knows the columns.
    fs::remove_file(world.path("copy/schema.sql")).unwrap();
    let told = offline();
    assert!(
        told.code == 0 && !told.stdout.contains(&why),
        "{}",
        told.stdout
    );
    check(
        &models(&["--url", &url]),
        2,
        &[file, "column \"born\" does not exist"],
    );

    with_sql(
        &world,
        "SELECT isbn, title, length(to_char(1, '9'))::bigint AS loans, 1.00 AS fees, DATE '2024-01-01' AS last_lent FROM book",
    );
    for told in [models(&[]), models(&["--url", &url])] {
        assert_eq!(told.code, 0, "{}", told.stderr);
        assert!(
            told.stdout.contains(&why) && told.stdout.contains("`to_char(1, '9')`"),
            "{}",
            told.stdout
        );
    }
    with_sql(
        &world,
        "SELECT isbn, title, 1 AS loans, 1.00 AS fees, DATE '2024-01-01' AS last_lent FROM book",
    );
    assert_eq!(models(&["--url", &url]).code, 0);
}

/// The sample with another model in place of `popular_books`.
fn with_sql(world: &World, sql: &str) {
    let copy = world.path("copy");
    fs::create_dir_all(copy.join("models")).unwrap();
    for file in [
        "dataset.toml",
        "schema.sql",
        "constraints.sql",
        "models/loans_by_reader.sql",
    ] {
        fs::copy(Path::new(SAMPLE).join(file), copy.join(file)).unwrap();
    }
    fs::write(copy.join("models/popular_books.sql"), sql).unwrap();
}

#[test]
fn sql_that_cannot_run_is_named_with_file_and_line_and_without_the_engines_plan() {
    let world = loaded();
    let file = "copy/models/popular_books.sql";
    for (sql, code, parts) in [
        (
            "SELECT isbn\nFROM book\nWHER x",
            2,
            [&format!("{file}, line 3, column "), "popular_books"],
        ),
        (
            "SELECT isbn,\n       missing\nFROM book",
            2,
            [&format!("{file}, line 2, column 8: "), "missing"],
        ),
        (
            "SELECT isbn FROM nowhere",
            7,
            [&format!("{file}, line 1, column 18: "), "nowhere"],
        ),
        (
            "SELECT isbn, title FROM book",
            7,
            ["dataset.toml, model `popular_books`", file],
        ),
        (
            "SELECT isbn, title, title AS loans, price AS fees, price AS last_lent FROM book",
            7,
            [
                "dataset.toml, model `popular_books`: column `loans` is declared bigint",
                file,
            ],
        ),
    ] {
        with_sql(&world, sql);
        let finished = world.run(&["transform", "--dataset", "copy", "--model", "popular_books"]);
        check(&finished, code, &parts);
        assert!(
            !finished.stderr.contains("Resolved plan"),
            "{}",
            finished.stderr
        );
        assert!(!world.path("data/out/popular_books.csv").exists());
    }
    let unknown = ["transform", "--dataset", SAMPLE, "--model", "x"];
    check(
        &world.run(&unknown),
        2,
        &["no model `x`", "loans_by_reader, popular_books"],
    );
}

#[test]
fn a_kept_stage_has_all_tables_whichever_model_runs() {
    let world = loaded();
    world.done(&[
        "transform",
        "--dataset",
        SAMPLE,
        "--model",
        "popular_books",
        "--stage",
    ]);
    let mut command = bare_command(
        world.folder.path(),
        &[
            "transform",
            "--dataset",
            SAMPLE,
            "--model",
            "loans_by_reader",
            "--from-stage",
            "--json",
        ],
    );
    let report = finish(&mut command).json();
    assert_eq!(report["models"][0]["rows"], 7);
    assert_eq!(report["models"].as_array().unwrap().len(), 1);
}
