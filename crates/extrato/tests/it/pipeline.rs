//! The whole main job, on a server that is given.

use std::fs;

use crate::program::{World, data_files};

#[test]
fn from_an_empty_database_to_a_file_per_client() {
    let world = World::new();
    let finished = world.done(&["pipeline", "--associates", "200", "--json"]);
    let report = finished.json();
    let movements = report["generate"]["tables"][3]["rows"].as_u64().unwrap();
    assert!(movements > 5_000, "{movements}");
    let model = &report["transform"]["models"][0];
    assert_eq!(model["rows"], movements);
    assert_eq!(model["reconciliation"]["left_out"]["rows"], 0);

    let files = data_files(&world.path("data/out/movimento_flat"));
    assert_eq!(model["files"], files.len());
    let lines: usize = files
        .values()
        .map(|file| file.iter().filter(|byte| **byte == b'\n').count() - 1)
        .sum();
    assert!(
        lines as u64 == movements,
        "no text of the generator holds a line break"
    );

    let mut client = world.database.connect();
    let row = client
        .query_one("SELECT count(*), sum(vlr_transacao)::text, count(DISTINCT c.id_associado) FROM cards.movimento AS m JOIN cards.cartao AS c ON c.id = m.id_cartao", &[])
        .unwrap();
    assert_eq!(row.get::<_, i64>(0) as u64, movements);
    assert_eq!(
        model["reconciliation"]["written"]["sums"]["vlr_transacao"],
        row.get::<_, String>(1)
    );
    assert_eq!(row.get::<_, i64>(2), files.len() as i64);
}

#[test]
fn the_readme_shows_what_comes_out() {
    let world = World::new();
    let printed = world.done(&["pipeline"]).stdout;
    let first = world.path("data/out/movimento_flat/id_associado=1/part-0.csv");
    let rows = fs::read_to_string(first).unwrap();
    let summary = printed
        .lines()
        .skip_while(|line| !line.starts_with("data/"));
    let shown: Vec<_> = summary
        .take_while(|line| !line.is_empty())
        .chain(rows.lines().take(2))
        .collect();
    assert_eq!(shown.len(), 6, "{shown:?}");
    let readme = include_str!("../../../../README.md");
    for line in shown {
        let has = readme.lines().any(|of_readme| of_readme == line);
        assert!(has, "README.md lacks: {line}");
    }
}

#[test]
fn a_second_run_uses_the_rows_again_and_another_seed_needs_replace() {
    let world = World::new();
    let first = world.done(&["pipeline", "--associates", "50", "--json"]);
    assert!(first.json()["generate"].is_object());
    let files = data_files(&world.path("data/out"));
    let second = world.done(&["pipeline", "--associates", "50", "--json"]);
    assert!(second.json()["generate"].is_null());
    assert!(second.stderr.contains("skipped"), "{}", second.stderr);
    assert_eq!(data_files(&world.path("data/out")), files);

    let other = world.run(&["pipeline", "--associates", "50", "--seed", "7"]);
    assert_eq!(other.code, 4, "{}", other.stderr);
    assert!(other.stderr.contains("--replace"), "{}", other.stderr);
    assert_eq!(data_files(&world.path("data/out")), files);
    world.done(&["pipeline", "--associates", "50", "--seed", "7", "--replace"]);
    assert_ne!(data_files(&world.path("data/out")), files);
}

#[test]
fn the_summary_is_a_table_on_standard_output_and_quiet_prints_nothing() {
    let world = World::new();
    let finished = world.done(&[
        "pipeline",
        "--associates",
        "20",
        "--single-file",
        "--out",
        "here",
    ]);
    for part in [
        "movimento",
        "rows/s",
        "0 left out",
        "here/movimento_flat.csv",
    ] {
        assert!(
            finished.stdout.contains(part),
            "{} lacks {part}",
            finished.stdout
        );
    }
    assert!(
        fs::metadata(world.path("here/movimento_flat.csv"))
            .unwrap()
            .len()
            > 1000
    );
    let quiet = world.done(&[
        "pipeline",
        "--associates",
        "20",
        "--single-file",
        "--out",
        "here",
        "--quiet",
    ]);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn another_schema_holds_its_own_rows() {
    let world = World::new();
    world.done(&["generate", "--associates", "10", "--schema", "Meu Banco"]);
    world.done(&[
        "transform",
        "--schema",
        "Meu Banco",
        "--partition-by",
        "nome_associado,id_associado",
    ]);
    assert!(!data_files(&world.path("data/out/movimento_flat")).is_empty());
    let missing = world.run(&["transform"]);
    assert_eq!(missing.code, 7);
}

#[test]
fn every_help_has_examples() {
    let world = World::new();
    for command in [
        vec!["--help"],
        vec!["pipeline", "--help"],
        vec!["generate", "--help"],
        vec!["transform", "--help"],
        vec!["verify", "--help"],
        vec!["db", "--help"],
    ] {
        let help = world.done(&command).stdout;
        assert!(help.contains("Examples:"), "{command:?}: {help}");
        assert!(help.contains("extrato "), "{command:?}: {help}");
    }
}
