//! How other programs are told of a run's end: by one JSON object, on standard output or in a file.

use std::fs;

use serde_json::{Value, json};
use testkit::on_terminal;

use crate::exit_codes::check;
use crate::interruption::{signal, start, wait_for_lock};
use crate::program::{World, bare_command, finish};

const NOT_ENDED: &str = "{\"exit_code\":null}\n";

#[test]
fn json_is_one_line_on_a_pipe_and_laid_out_on_a_terminal() {
    let world = World::new();
    world.done(&["generate", "--associates", "20"]);
    world.done(&["transform", "--single-file"]);
    world.done(&["backup", "--dataset", "cards", "--to", "b"]);
    for (line, of_it) in [
        ("generate --associates 20 --replace", "tables"),
        ("transform --single-file", "models"),
        ("query --table movimento --schema cards", "rows"),
        ("query --table movimento --schema cards --explain", "models"),
        ("verify", "outputs"),
        ("latest", "outputs"),
        ("check", "models"),
        ("backup --dataset cards --to b", "tables"),
        ("backup verify b", "tables"),
        ("backup list b", "backups"),
        ("report --out r.html", "models"),
        ("init shop --schema cards", "tables"),
        ("keys create --name ana --scope cards:read", "key"),
        ("keys list", "keys"),
    ] {
        let arguments: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        let told = world.done(&arguments);
        assert_eq!(told.stdout.lines().count(), 1, "{line}: {}", told.stdout);
        let told = told.json();
        assert_eq!(told["exit_code"], 0, "{line}: {told}");
        assert!(!told[of_it].is_null(), "{line}: {told}");
        for of_failures in ["kind", "error"] {
            assert!(told.get(of_failures).is_none(), "{line}: {told}");
        }
    }
    let shown = on_terminal(&world.command(&["latest", "--json"]), 100);
    assert!(
        shown
            .text
            .starts_with("{\n  \"exit_code\": 0,\n  \"outputs\": [\n"),
        "{}",
        shown.text
    );
}

#[test]
fn a_failure_is_told_with_its_kind_its_exit_code_and_what_was_found_out() {
    let world = World::new();
    let nobody = ["verify", "nowhere", "--json"];
    let away = [
        "transform",
        "--json",
        "--url",
        "postgresql://ana@127.0.0.1:1/x",
    ];
    for (arguments, code, kind, part) in [
        (&nobody[..], 2, "usage", "nowhere"),
        (
            &away[..],
            3,
            "connection",
            "cannot connect to ana@127.0.0.1:1/x",
        ),
        (&["transform", "--json"][..], 7, "mismatch", "`associado`"),
        (
            &["transform", "--json", "--dataset", "x"][..],
            2,
            "usage",
            "no dataset `x`",
        ),
    ] {
        let failed = world.run(arguments);
        check(&failed, code, &[part]);
        assert_eq!(failed.stdout.lines().count(), 1, "{}", failed.stdout);
        let told = failed.json();
        assert_eq!(told["exit_code"], code, "{told}");
        assert_eq!(told["kind"], kind, "{told}");
        let error = told["error"].as_str().unwrap();
        assert!(failed.stderr.contains(error), "{told}: {}", failed.stderr);
        assert_eq!(told.as_object().unwrap().len(), 3, "{told}");
    }
    // The findings of `check` are in the same line as the failure.
    let checked = world.run(&["check", "--dataset", "cards", "--json"]);
    assert_eq!((checked.code, checked.stdout.lines().count()), (7, 1));
    let told = checked.json();
    assert_eq!(
        (&told["exit_code"], &told["kind"]),
        (&json!(7), &json!("mismatch"))
    );
    assert_eq!(told["models"][0]["model"], "movimento_flat");
    assert!(!told["models"][0]["refused"].is_null(), "{told}");
}

#[test]
fn the_same_line_is_written_to_a_file_whatever_is_printed() {
    let world = World::new();
    let read = || fs::read_to_string(world.path("run.json")).unwrap();
    let written = |arguments: &[&str], code| {
        let run = world.run(&[arguments, &["--json-to", "run.json"]].concat());
        assert_eq!(run.code, code, "{}", run.stderr);
        (run.stdout, read())
    };
    let (text, file) = written(&["generate", "--associates", "20"], 0);
    assert!(text.contains("schema cards"), "{text}");
    let file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(
        (&file["exit_code"], &file["schema"]),
        (&json!(0), &json!("cards"))
    );
    let (text, file) = written(&["transform", "--json"], 0);
    assert_eq!(text, file);
    let (text, file) = written(&["verify", "--quiet"], 0);
    assert_eq!((text.as_str(), file.lines().count()), ("", 1));
    assert!(file.contains("\"outputs\":["), "{file}");
    let (text, file) = written(&["transform", "--schema", "nowhere"], 7);
    assert_eq!(text, "");
    assert!(
        file.starts_with("{\"exit_code\":7,\"kind\":\"mismatch\",\"error\":"),
        "{file}"
    );
    // A command without a summary still tells how it ended.
    let (text, file) = written(&["diagram", "--dataset", "cards"], 0);
    assert!(text.starts_with("erDiagram"), "{text}");
    assert_eq!(file, "{\"exit_code\":0}\n");
    // A pipe gets one line.
    let arguments = "verify --quiet --json-to /dev/stdout"
        .split(' ')
        .collect::<Vec<_>>();
    let piped = finish(world.command(&arguments).arg("data/out"));
    assert_eq!(piped.json()["exit_code"], 0, "{}", piped.stdout);
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anything_is_done() {
    let world = World::new();
    for (file, part) in [
        ("no/run.json", "cannot write no/run.json"),
        ("/proc/x", "/proc/x"),
    ] {
        let arguments = ["generate", "--associates", "20", "--json-to", file];
        let finished = world.run(&arguments);
        check(&finished, 5, &[part]);
        let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'cards'";
        let schemas: i64 = testkit::value(&mut world.database.connect(), schemas);
        assert_eq!(schemas, 0);
    }
    // A wrong command line is reported by clap, before any file is known.
    let mut command = bare_command(world.folder.path(), &["latest", "--json-to"]);
    assert_eq!(finish(&mut command).code, 2);
}

#[test]
fn a_file_does_not_hold_what_an_earlier_run_said_while_another_runs_or_once_it_is_killed() {
    let world = World::new();
    let read = || fs::read_to_string(world.path("run.json")).unwrap();
    world.done(&["generate", "--associates", "20", "--json-to", "run.json"]);
    assert!(read().starts_with("{\"exit_code\":0,"));
    let mut blocker = world.database.connect();
    for (name, told) in [
        ("-KILL", NOT_ENDED),
        ("-TERM", "{\"exit_code\":6,\"kind\":\"interrupted\","),
    ] {
        let lock = "BEGIN; LOCK TABLE cards.movimento IN ACCESS EXCLUSIVE MODE";
        blocker.batch_execute(lock).unwrap();
        let mut child = start(world.command(&["transform", "--json-to", "run.json"]));
        wait_for_lock(&world);
        assert_eq!(read(), NOT_ENDED);
        signal(&child, name);
        child.wait().unwrap();
        assert!(read().starts_with(told), "{name}: {}", read());
        blocker.batch_execute("ROLLBACK").unwrap();
    }
    let names = fs::read_dir(world.folder.path()).unwrap().flatten();
    let mut beside =
        names.filter(|entry| entry.file_name().to_string_lossy().contains(".run.json"));
    assert!(beside.next().is_none(), "a part was left behind");
}
