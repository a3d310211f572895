//! Files that are named after clients: their paths and contents, and the names that are refused.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use clap::Parser;
use database::Environment;
use dataset::failure::{Failure, Kind};
use transform::cli::TransformArgs;
use transform::memory::RESERVED_BYTES;
use transform::{Format, Layout, Options};

use crate::hostile_values::hostile_world;
use crate::world::World;

fn named(columns: &[&str], name: &str) -> Layout {
    Layout::FileName {
        partition_by: columns.iter().map(|name| (*name).to_owned()).collect(),
        name: name.parse().unwrap(),
    }
}

/// The files in the model's folder, relative to it.
fn files(world: &World, model: &str) -> BTreeSet<String> {
    let files = testkit::files_below(&world.out.path().join(model));
    let name = |path: PathBuf| path.to_string_lossy().into_owned();
    files
        .into_iter()
        .map(name)
        .filter(|name| name != "_SUCCESS" && name != "_manifest.jsonl")
        .collect()
}

#[test]
fn each_client_has_a_file_with_what_would_be_in_its_folder() {
    let world = World::with_rows(30, 3000);
    assert_eq!(world.transform(Layout::Declared).models[0].files, 30);
    let folder = world.out.path().join("movimento_flat");
    let in_folders: Vec<Vec<u8>> = (1..=30)
        .map(|id| fs::read(folder.join(format!("id_associado={id}/part-0.csv"))).unwrap())
        .collect();
    for memory_bytes in [1 << 30, RESERVED_BYTES + (1 << 20)] {
        let options = Options {
            memory_bytes,
            ..world.options(named(&[], "{id_associado}.csv"))
        };
        // The output with named files replaces the one with folders.
        let report = world.try_transform(&options).unwrap();
        assert_eq!((report.models[0].rows, report.models[0].files), (3000, 30));
        assert_eq!(files(&world, "movimento_flat").len(), 30);
        for (id, expected) in (1..).zip(&in_folders) {
            let file = fs::read(folder.join(format!("{id}.csv"))).unwrap();
            assert!(file == *expected, "client {id}");
        }
        assert!(folder.join("_SUCCESS").is_file());
        let manifest = fs::read_to_string(folder.join("_manifest.jsonl")).unwrap();
        assert_eq!(manifest.lines().count(), 31);
        assert!(
            manifest
                .contains(r#""partition_by":["id_associado"],"file_name":"{id_associado}.csv""#)
        );
        assert_eq!(world.verified(), [3000]);
    }
    fs::rename(folder.join("7.csv"), folder.join("77.csv")).unwrap();
    assert!(world.difference().contains("77.csv is not in the manifest"));
    fs::rename(folder.join("77.csv"), folder.join("7.csv")).unwrap();
    world.sql("DELETE FROM movimento WHERE id_cartao = 7");
    assert!(
        world
            .difference()
            .contains("7.csv, row 1: the database has no such row")
    );
    // The output with folders replaces the one with named files.
    assert_eq!(world.transform(Layout::Declared).models[0].files, 29);
    assert!(!folder.join("8.csv").exists());
}

#[test]
fn hostile_values_name_files_that_stay_below_the_folder() {
    let world = hostile_world();
    let layout = named(
        &["nome_associado", "id_associado"],
        "{model}/{nome_associado}/{model}-{id_associado}.csv",
    );
    let report = world.transform(named(
        &["nome_associado", "id_associado"],
        "{nome_associado}-{id_associado}.csv",
    ));
    let rows = report.models[0].rows;
    assert!(rows > 100 && report.models[0].files > 20);
    let names = files(&world, "movimento_flat");
    assert_eq!(names.len() as u64, report.models[0].files);
    for name in [
        "..%2F..%2Fetc%2Fpasswd-10.csv",
        "José D%27Ávila-3.csv",
        "..-11.csv",
    ] {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
    let without_name = names
        .iter()
        .filter(|name| name.starts_with("__HIVE_DEFAULT_PARTITION__-"));
    assert_eq!(without_name.count(), 2, "NULL and the empty text");
    assert_eq!(world.verified(), [rows]);
    // As a folder's name, `..` would mean another folder.
    let error = world
        .try_transform(&world.options(layout.clone()))
        .unwrap_err();
    assert_eq!(Failure::kind_of(&error), Some(Kind::Refused));
    assert!(
        error.to_string().contains("would lead to another folder"),
        "{error}"
    );
    assert_eq!(
        files(&world, "movimento_flat"),
        names,
        "the former output stays"
    );
    world.sql("UPDATE associado SET nome = 'x' WHERE nome = '..'");
    world.transform(layout);
    assert!(files(&world, "movimento_flat").contains("José D%27Ávila/movimento_flat-3.csv"));
    assert_eq!(world.verified(), [rows]);
}

/// Rows of clients that are identified by two columns.
fn two_columns(values: &str) -> World {
    World::of_tables(
        &format!(
            "CREATE TABLE t (id integer PRIMARY KEY, x text, y text); INSERT INTO t VALUES {values}"
        ),
        r#"
        [[table]]
        name = "t"
        key = ["id"]
        [[model]]
        name = "m"
        file = "m.sql"
        partition_by = ["x", "y"]
        order_in_partition = ["id"]
        [model.columns]
        id = "integer"
        x = "text"
        y = "text"
        "#,
        "SELECT id, x, y FROM t",
    )
}

#[test]
fn two_clients_never_share_a_file() {
    let world = two_columns(
        "(1, 'a-b', 'c'), (2, 'a', 'b-c'), (3, 'a', 'b'), (4, NULL, ''), (5, '', NULL)",
    );
    let (kind, message) = world.refused(named(&[], "{x}-{y}.csv"));
    assert_eq!(kind, Kind::Refused);
    for part in ["x=a-b/y=c", "x=a/y=b-c", "`a-b-c.csv`", "--file-name"] {
        assert!(message.contains(part), "{message} lacks {part}");
    }
    let report = world.transform(named(&[], "{x}/{y}.csv"));
    assert_eq!((report.models[0].rows, report.models[0].files), (5, 4));
    assert_eq!(world.verified(), [5]);
}

#[test]
fn names_that_cannot_be_are_refused_with_their_values() {
    for (value, said) in [
        ("_SUCCESS", "`_SUCCESS` has a meaning of its own"),
        (
            "_manifest.jsonl",
            "`_manifest.jsonl` has a meaning of its own",
        ),
        ("__HIVE_DEFAULT_PARTITION__", "stands for NULL"),
        ("..", "would lead to another folder"),
    ] {
        let world = two_columns(&format!("(1, '{value}', 'y')"));
        let (kind, message) = world.refused(named(&["x"], "{x}"));
        assert_eq!(kind, Kind::Refused);
        assert!(message.contains(said), "{message}");
    }
    let world = two_columns("(1, repeat('é', 120), repeat('y', 12))");
    let (kind, message) = world.refused(named(&[], "{x}{y}.csv"));
    assert_eq!(kind, Kind::Refused);
    assert!(
        message.contains("256 bytes") && message.contains("x=éé"),
        "{message}"
    );
    assert_eq!(world.transform(named(&[], "{x}{y}.cs")).models[0].files, 1);
}

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    arguments: TransformArgs,
}

fn parsed(arguments: &[&str]) -> anyhow::Result<Options> {
    let arguments = [&["transform"], arguments].concat();
    let program = Program::try_parse_from(arguments).map_err(|error| Kind::Usage.error(error))?;
    program.arguments.options(&Environment::default())
}

#[test]
fn names_that_do_not_fit_the_model_or_the_files_are_usage_errors() {
    let options = parsed(&["--file-name", "{id_associado}.csv.gz", "--compress", "gzip"]).unwrap();
    assert!(transform::check(&options).is_ok());
    let both = ["--partition-by", "nome_associado", "--file-name"];
    for (arguments, said) in [
        (
            &["--file-name", "{id_associado}.csv", "--single-file"][..],
            "cannot be used with",
        ),
        (&["--file-name", "../{id_associado}"], "below the folder"),
        (&["--file-name", "/tmp/{id_associado}"], "below the folder"),
        (&["--file-name", "{id_associado"], "braces"),
        (&["--file-name", "all.csv"], "lacks {id_associado}"),
        (
            &["--file-name", "{idade_associado}-{id_associado}.csv"],
            "names {idade_associado}",
        ),
        (
            &[&both[..], &["{nome_associado}-{id_associado}.csv"]].concat(),
            "names {id_associado}",
        ),
        (
            &["--file-name", "{id_associado}.csv", "--compress", "zstd"],
            "end it with .csv.zst",
        ),
        (
            &["--file-name", "{id_associado}.csv.gz"],
            "end it with .csv",
        ),
        (
            &["--file-name", "{id_associado}.csv", "--format", "parquet"],
            "end it with .parquet",
        ),
        (
            &["--dataset", "hiring", "--file-name", "{job}.csv"],
            "is not partitioned",
        ),
    ] {
        let checked = parsed(arguments).and_then(|options| transform::check(&options));
        let error = checked
            .err()
            .unwrap_or_else(|| panic!("{arguments:?} pass"));
        assert_eq!(Failure::kind_of(&error), Some(Kind::Usage), "{error:#}");
        let message = format!("{error:#}");
        assert!(message.contains(said), "{arguments:?}: {message}");
    }
}

#[test]
fn other_formats_are_named_and_verified_too() {
    let world = World::with_rows(3, 30);
    for (format, end) in [(Format::JsonLines, "jsonl"), (Format::Parquet, "parquet")] {
        let options = Options {
            format,
            preview_rows: 20,
            to_postgres: Some("results".to_owned()),
            ..world.options(named(&[], &format!("of/{{id_associado}}.{end}")))
        };
        let report = world.try_transform(&options).unwrap();
        assert_eq!(report.models[0].preview.as_ref().unwrap().rows.len(), 20);
        assert!(files(&world, "movimento_flat").contains(&format!("of/2.{end}")));
        assert_eq!(world.verified(), [30]);
    }
}
