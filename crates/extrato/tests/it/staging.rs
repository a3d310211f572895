//! Bounded memory, tables that are kept, and files with types.

use std::fs;

use wait4::Wait4;

use crate::exit_codes::check;
use crate::program::{World, bare_command, data_files, finish};

#[test]
fn a_gigabyte_of_tables_passes_through_half_of_it_and_gives_the_same_bytes() {
    let world = World::new();
    world.done(&["generate", "--associates", "120000", "--unlogged"]);
    let size: i64 = world
        .database
        .connect()
        .query_one(
            "SELECT sum(pg_table_size(oid))::bigint FROM pg_class WHERE relnamespace = 'cards'::regnamespace AND relkind = 'r'",
            &[],
        )
        .unwrap()
        .get(0);
    assert!(size > 1_000_000_000, "{size} bytes");
    // The file's line in the manifest: rows, bytes and checksum.
    let file = |out: &str| {
        let manifest = world.path(out).join("movimento_flat.csv.manifest.jsonl");
        let text = fs::read_to_string(manifest).unwrap();
        text.lines().nth(1).unwrap().to_owned()
    };
    let arguments = [
        "transform",
        "--single-file",
        "-q",
        "--memory",
        "512MB",
        "--out",
        "staged",
    ];
    let child = world.command(&arguments).spawn().unwrap();
    let ended = child.wait4().unwrap();
    assert!(ended.status.success());
    let most = ended.rusage.maxrss;
    assert!(most < 512_000_000, "{most} bytes");
    fs::remove_file(world.path("staged/movimento_flat.csv")).unwrap();
    world.done(&[
        "transform",
        "--single-file",
        "--memory",
        "8GB",
        "--out",
        "in-memory",
    ]);
    assert_eq!(file("staged"), file("in-memory"));
}

#[test]
fn what_is_kept_is_used_again_without_a_database() {
    let world = World::new();
    world.done(&["generate", "--associates", "200"]);
    world.done(&["transform", "--stage", "--single-file"]);
    assert!(
        world
            .path("data/lake/raw/cards/movimento/part-0-0.parquet")
            .is_file()
    );
    let former = data_files(&world.path("data/out"));
    let verified = world
        .done(&["verify", "data/lake/raw/cards", "--json"])
        .json();
    assert!(
        verified["outputs"][0]["rows"].as_u64() > Some(10_000),
        "{verified}"
    );
    // There is neither a connection nor an embedded server.
    let report = finish(&mut bare_command(
        world.folder.path(),
        &[
            "transform",
            "--from-stage",
            "--single-file",
            "--out",
            "again",
            "--json",
        ],
    ));
    assert_eq!(report.code, 0, "{}", report.stderr);
    assert_eq!(data_files(&world.path("again")), former);
    assert_eq!(former.len(), 1);
    let rows = &report.json()["tables"][0]["rows"];
    assert_eq!(rows, 200);

    world.done(&["transform", "--stage=elsewhere"]);
    let arguments = ["transform", "--from-stage=elsewhere", "--out", "folders"];
    world.done(&arguments);
    assert_eq!(
        data_files(&world.path("folders")),
        data_files(&world.path("data/out/"))
            .into_iter()
            .filter(|(path, _)| path.starts_with("movimento_flat"))
            .collect()
    );
}

#[test]
fn arguments_that_make_no_sense_are_2() {
    let world = World::new();
    for (arguments, named) in [
        (&["--memory", "10MB"][..], "at least"),
        (&["--memory", "much"], "--memory"),
        (&["--format", "xls"], "parquet"),
        (&["--stage", "--from-stage"], "--from-stage"),
        (&["--from-stage", "--schema", "x"], "--schema"),
        (&["--from-stage"], "extrato transform --stage"),
    ] {
        check(
            &world.run(&[&["transform"], arguments].concat()),
            2,
            &[named],
        );
    }
}

#[test]
fn parquet_and_csv_lie_side_by_side_as_single_files_and_replace_each_other_as_folders() {
    let world = World::new();
    world.done(&["generate", "--associates", "50"]);
    for format in ["csv", "parquet"] {
        world.done(&["transform", "--single-file", "--format", format]);
        world.done(&["transform", "--format", format]);
    }
    let names: Vec<String> = data_files(&world.path("data/out"))
        .into_keys()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    for file in ["movimento_flat.csv", "movimento_flat.parquet"] {
        assert!(names.iter().any(|name| name == file), "{names:?}");
    }
    let folders: Vec<_> = names.iter().filter(|name| name.contains('=')).collect();
    assert!(!folders.is_empty());
    assert!(
        folders.iter().all(|name| name.ends_with("/part-0.parquet")),
        "{folders:?}"
    );
    world.done(&["verify"]);
}
