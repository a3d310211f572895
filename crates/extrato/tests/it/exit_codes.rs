//! Bad input gives one clear error that names the place and the way out, with its documented exit code.

use std::fs;

use crate::program::{Finished, World, bare_command, finish};

/// Checks that exactly one line on standard error begins with `error: `, and that the text has all parts.
pub(crate) fn check(finished: &Finished, code: i32, parts: &[&str]) {
    assert_eq!(finished.code, code, "{}", finished.stderr);
    assert_eq!(
        finished.stderr.matches("error: ").count(),
        1,
        "{}",
        finished.stderr
    );
    for part in parts {
        assert!(
            finished.stderr.contains(part),
            "{} lacks {part}",
            finished.stderr
        );
    }
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

#[test]
fn a_wrong_password_is_3_and_never_printed() {
    let world = World::new();
    let finished = finish(world.command(&["transform"]).env("PGPASSWORD", "hush-hush"));
    check(&finished, 3, &["login as `extrato` refused", "PGPASSWORD"]);
    assert!(!finished.stderr.contains("hush-hush"));
}

#[test]
fn a_missing_password_is_3_and_asks_for_it() {
    let world = World::new();
    let finished = finish(world.command(&["transform"]).env_remove("PGPASSWORD"));
    check(&finished, 3, &["asks for a password", "passfile"]);
}

#[test]
fn no_server_is_3_for_each_command() {
    let world = World::new();
    for command in ["pipeline", "generate", "transform"] {
        let mut command = bare_command(
            world.folder.path(),
            &[command, "--url", "postgresql://ana@127.0.0.1:1/x"],
        );
        check(
            &finish(&mut command),
            3,
            &["cannot connect to ana@127.0.0.1:1/x"],
        );
    }
    let mut command = bare_command(
        world.folder.path(),
        &[
            "transform",
            "--url",
            "postgresql://ana@no.such.host.invalid/x",
        ],
    );
    check(&finish(&mut command), 3, &["no.such.host.invalid"]);
}

#[test]
fn a_missing_database_is_3() {
    let world = World::new();
    let finished = finish(world.command(&["generate"]).env("PGDATABASE", "nowhere"));
    check(&finished, 3, &["database `nowhere` does not exist"]);
}

#[test]
fn a_missing_table_is_7() {
    let world = World::new();
    check(
        &world.run(&["transform"]),
        7,
        &["`associado`", "schema `cards`", "extrato generate"],
    );
}

#[test]
fn an_unknown_type_is_7() {
    let world = World::new();
    world.done(&["generate", "--associates", "5"]);
    world
        .database
        .connect()
        .batch_execute("ALTER TABLE cards.conta DROP data_criacao, ADD data_criacao interval")
        .unwrap();
    check(
        &world.run(&["transform"]),
        7,
        &["`data_criacao`", "`conta`", "interval", "cast_to_text"],
    );
}

#[test]
fn an_output_that_cannot_be_written_is_5() {
    let world = World::new();
    fs::write(world.path("file"), "in the way").unwrap();
    check(
        &world.run(&["transform", "--out", "file/out"]),
        5,
        &["file/out", "--out"],
    );
    // This fails even for root, who may write anywhere else.
    check(
        &world.run(&["transform", "--out", "/proc/extrato"]),
        5,
        &["/proc/extrato"],
    );
}

#[test]
fn a_full_disk_is_5_and_leaves_the_former_output() {
    let world = World::new();
    world.done(&["generate", "--associates", "100"]);
    let out = world.path("small");
    fs::create_dir(&out).unwrap();
    // This needs the right to mount; for an unprivileged user, the test ends here.
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(&out)
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        return;
    }
    fs::create_dir(out.join("movimento_flat")).unwrap();
    fs::write(out.join("movimento_flat/_manifest.jsonl"), "former").unwrap();
    let finished = world.run(&["transform", "--out", "small"]);
    let left: Vec<_> = fs::read_dir(&out)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    let former = fs::read_to_string(out.join("movimento_flat/_manifest.jsonl"));
    std::process::Command::new("umount")
        .arg(&out)
        .status()
        .unwrap();
    check(&finished, 5, &["cannot", "No space left"]);
    assert_eq!(former.unwrap(), "former");
    assert_eq!(left.len(), 2, "the lock and the former output: {left:?}");
}

#[test]
fn what_makes_no_sense_is_2() {
    let world = World::new();
    check(
        &world.run(&["transform", "--url", "postgresql://u:hush@h/d"]),
        2,
        &["PGPASSWORD"],
    );
    check(
        &world.run(&["transform", "--url", "mysql://h/d"]),
        2,
        &["postgresql://"],
    );
    check(
        &world.run(&["transform", "--dataset", "nothing"]),
        2,
        &["cards"],
    );
    check(
        &world.run(&["transform", "--partition-by", "cpf"]),
        2,
        &["`cpf`", "id_associado"],
    );
    check(
        &world.run(&["pipeline", "--partition-by", "cpf"]),
        2,
        &["`cpf`"],
    );
    check(
        &world.run(&["generate", "--associates", "0"]),
        2,
        &["--associates"],
    );
    check(&world.run(&["generate", "--seed", "x"]), 2, &["--seed"]);
    for (arguments, parts) in [
        (["--as-of", "2025-02-30"], ["--as-of", "YYYY-MM-DD"]),
        (["--as-of", "1912-06-23"], ["1912-06-23", "1970 to 9999"]),
        (["--dirty", "1.5"], ["--dirty 1.5", "0 to 1"]),
        (
            ["--movements-exponent", "0"],
            ["movements_per_card.exponent is 0", "0.1 to 10"],
        ),
        (
            ["--distributions", "laws.toml"],
            ["laws.toml", "No such file"],
        ),
    ] {
        check(
            &world.run(&[&["generate"], &arguments[..]].concat()),
            2,
            &parts,
        );
    }
    check(
        &world.run(&["transform", "--max-connections", "0"]),
        2,
        &["--max-connections"],
    );
    check(
        &world.run(&[
            "transform",
            "--single-file",
            "--partition-by",
            "id_associado",
        ]),
        2,
        &["--single-file"],
    );
}

#[test]
fn a_schema_with_other_data_is_4_and_left_alone() {
    let world = World::new();
    let mut client = world.database.connect();
    client
        .batch_execute("CREATE SCHEMA cards; CREATE TABLE cards.tese AS SELECT 42 AS resposta")
        .unwrap();
    check(
        &world.run(&["generate"]),
        4,
        &["schema cards", "tese", "--replace"],
    );
    let count: i64 = client
        .query_one("SELECT count(*) FROM cards.tese", &[])
        .unwrap()
        .get(0);
    assert_eq!(count, 1);
}
