//! The programs of examples/, which use the crates as libraries, run as their comments say.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Finished, World, data_files, finish};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");
const SAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../data/samples/own-dataset"
);

/// The example, connected to the database of `world` or to none.
fn example(name: &str, arguments: &[&str], world: &World, is_connected: bool) -> Finished {
    let mut command = Command::new(built(name));
    command
        .args(arguments)
        .current_dir(world.folder.path())
        .env_clear();
    if is_connected {
        command.envs(world.database.variables());
    }
    finish(&mut command)
}

/// Where Cargo puts it: beside the folder of this test.
fn built(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let example = this.ancestors().nth(2).unwrap().join("examples").join(name);
    let source = Path::new(PACKAGE).join(format!("examples/{name}.rs"));
    let changed = |path: &Path| fs::metadata(path).and_then(|of| of.modified()).ok();
    assert!(
        changed(&example) >= changed(&source),
        "{} is not built, or is older than its source, as `--test it` builds no examples: run \
         `cargo test --release --package extrato` with no `--test`, or first `cargo build --release --package extrato --examples`",
        example.display()
    );
    example
}

#[test]
fn the_rows_of_a_table_are_written_into_a_folder_per_client() {
    let world = World::new();
    world
        .database
        .connect()
        .batch_execute(
            "CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer, total numeric(8,2));
             INSERT INTO orders VALUES (1, 7, 10.50), (2, 8, 3.00), (3, 7, 0.25)",
        )
        .unwrap();
    let arguments = ["orders", "customer_id", "out"];
    let finished = example("files_per_client", &arguments, &world, true);
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (
            0,
            "3 rows in 2 files in out/orders\n3 rows read, 0 left out\n"
        ),
        "{}",
        finished.stderr
    );
    let files = data_files(&world.path("out/orders"));
    let files: Vec<_> = files
        .iter()
        .map(|(path, bytes)| (path.to_str().unwrap(), str::from_utf8(bytes).unwrap()))
        .collect();
    assert_eq!(
        files,
        [
            (
                "customer_id=7/part-0.csv",
                "id,customer_id,total\n1,7,10.50\n3,7,0.25\n"
            ),
            (
                "customer_id=8/part-0.csv",
                "id,customer_id,total\n2,8,3.00\n"
            ),
        ]
    );
}

#[test]
fn files_are_loaded_and_each_rejected_row_is_told_with_its_line_and_why() {
    let world = World::new();
    let files = format!("{SAMPLE}/files");
    let finished = example("load_csv", &[SAMPLE, &files], &world, true);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(
        finished.stdout.contains("loan: 7 of 10 rows loaded\n"),
        "{}",
        finished.stdout
    );
    let mut told: Vec<_> = finished
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix(&files))
        .collect();
    told.sort_unstable();
    let expected = [
        ("/loans-2024.csv:6: ", "30/02/2024"),
        ("/loans-2025.csv:4: ", "reader"),
        ("/loans-2025.csv:5: ", "120"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:?}");
    for (line, (place, why)) in told.iter().zip(expected) {
        assert!(line.starts_with(place) && line.contains(why), "{line}");
    }

    let query = "SELECT count(*) FROM library.loan";
    let loaded = world.database.connect().query_one(query, &[]).unwrap();
    assert_eq!(loaded.get::<_, i64>(0), 7);
}

#[test]
fn a_failure_of_an_example_is_one_line_and_ends_with_the_code_of_its_kind() {
    let world = World::new();
    for (arguments, is_connected, code, said) in [
        (&["nowhere"][..], true, 2, "give the folder of a dataset"),
        (&[SAMPLE, "files"], false, 2, "set DATABASE_URL"),
        (&[SAMPLE, "files"], true, 2, "files"),
    ] {
        let finished = example("load_csv", arguments, &world, is_connected);
        assert_eq!(finished.code, code, "{}", finished.stderr);
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    }
}
