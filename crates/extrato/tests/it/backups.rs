//! `backup` and `restore` as a user runs them.

use std::fs;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use testkit::value;

use crate::program::World;

#[test]
fn a_dataset_is_backed_up_verified_listed_and_restored() {
    let world = World::new();
    world.done(&["generate", "--associates", "50"]);
    let made = world.done(&["backup", "--dataset", "cards", "--to", "backups", "--json"]);
    let tables = made.json()["tables"].as_array().expect("tables").len();
    assert_eq!(tables, 4);
    let shown = world.done(&["backup", "list", "backups"]).stdout;
    assert!(
        shown.contains("latest") && shown.contains("cards"),
        "{shown}"
    );
    world.done(&["backup", "verify", "backups", "--against-database"]);
    let restored = world.done(&["restore", "--from", "backups", "--into", "trial"]);
    assert!(
        restored.stdout.contains("by their checksums"),
        "{}",
        restored.stdout
    );
    world.done(&[
        "backup",
        "verify",
        "backups",
        "--against-database",
        "--schema",
        "trial",
    ]);
    let mut client = world.database.connect();
    let query =
        "SELECT count(*) FROM (TABLE cards.movimento EXCEPT ALL TABLE trial.movimento) AS d";
    assert_eq!(value::<i64>(&mut client, query), 0);
    assert!(value::<i64>(&mut client, "SELECT count(*) FROM trial.movimento") > 0);

    // A schema that is in the way, arguments that make no sense, and a damaged backup.
    assert_eq!(
        world
            .run(&["restore", "--from", "backups", "--into", "trial"])
            .code,
        4
    );
    assert_eq!(world.run(&["backup", "--to", "backups"]).code, 2);
    assert_eq!(
        world
            .run(&["restore", "--from", "backups", "--schema", "trial"])
            .code,
        2
    );
    assert_eq!(
        world
            .run(&["backup", "--schema", "nowhere", "--to", "backups"])
            .code,
        7
    );
    client.batch_execute("DELETE FROM trial.movimento").unwrap();
    let compared = world.run(&[
        "backup",
        "verify",
        "backups",
        "--against-database",
        "--schema",
        "trial",
    ]);
    assert_eq!(compared.code, 8, "{}", compared.stderr);
    let file = world.path("backups/latest/associado-0001.avro");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let verified = world.run(&["backup", "verify", "backups"]);
    assert_eq!(verified.code, 8, "{}", verified.stderr);
    assert!(
        verified
            .stderr
            .contains("associado-0001.avro has other contents"),
        "{}",
        verified.stderr
    );
    assert_eq!(
        world
            .run(&["restore", "--from", "backups", "--into", "other"])
            .code,
        8
    );
    assert!(!value::<bool>(
        &mut client,
        "SELECT to_regnamespace('other') IS NOT NULL"
    ));
}

fn start(world: &World, arguments: &[&str]) -> Child {
    let mut command = world.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the program starts")
}

#[test]
fn killed_backups_leave_no_folder_and_killed_restores_the_rows_that_were_there() {
    let world = World::new();
    let mut client = world.database.connect();
    client
        .batch_execute(
            "CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, filler text);
             INSERT INTO s.t SELECT i, repeat('x', 300) FROM generate_series(1, 100000) AS i",
        )
        .unwrap();
    let backup = ["backup", "--schema", "s", "--to", "backups"];
    let restore = ["restore", "--from", "backups", "--mode", "replace"];
    let mut killed = 0;
    for round in 0..5 {
        let mut running = start(&world, &backup);
        thread::sleep(Duration::from_millis(30 + 20 * round));
        running.kill().unwrap();
        killed += u32::from(!running.wait().unwrap().success());
    }
    world.done(&backup);
    let listed = world.done(&["backup", "list", "backups", "--json"]);
    let whole = listed.json()["backups"].as_array().expect("backups").len() as u32;
    // A backup that was killed after its last step is whole too.
    assert!(whole >= 6 - killed, "{whole} of 6, {killed} killed");
    let names = fs::read_dir(world.path("backups")).unwrap().flatten();
    assert!(
        names
            .map(|entry| entry.file_name())
            .all(|name| name != ".extrato-latest")
    );
    world.done(&["backup", "verify", "backups"]);

    client
        .batch_execute("DELETE FROM s.t WHERE id > 10")
        .unwrap();
    let mut killed = 0;
    for round in 0..20 {
        let mut running = start(&world, &restore);
        thread::sleep(Duration::from_millis(30 + 15 * round));
        running.kill().unwrap();
        let expected = match running.wait().unwrap().success() {
            true => 100_000,
            false => {
                killed += 1;
                10
            }
        };
        // The server notices that its client is gone the next time it looks.
        testkit::wait_until(
            &world.database.settings(),
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE '%in transaction%'
                 OR datname = current_database() AND query LIKE 'COPY%' AND state = 'active'",
        );
        let rows: i64 = value(&mut client, "SELECT count(*) FROM s.t");
        assert!(
            rows == expected || rows == 100_000,
            "round {round}: {rows} rows"
        );
        if rows != 10 {
            client
                .batch_execute("DELETE FROM s.t WHERE id > 10")
                .unwrap();
        }
    }
    assert!(killed > 5, "{killed} were killed");
    world.done(&restore);
    let rows: i64 = value(&mut client, "SELECT count(*) FROM s.t");
    assert_eq!(rows, 100_000);
}
