//! `generate` as a user runs it, apart from the main job.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::process::Command;

use crate::exit_codes::check;
use crate::program::{World, bare_command, data_files, finish};

#[test]
fn a_description_needs_no_database_and_can_be_changed_and_used() {
    let world = World::new();
    let run = |arguments: &[&str]| finish(&mut bare_command(world.folder.path(), arguments));
    let described = run(&["generate", "--describe", "--associates", "50"]);
    assert_eq!(described.code, 0, "{}", described.stderr);
    assert!(
        described.stdout.contains("# associado: 50 rows"),
        "{}",
        described.stdout
    );
    let changed = described
        .stdout
        .replace("unused_cards = 0.06", "unused_cards = 1.0");
    fs::write(world.path("laws.toml"), changed).unwrap();
    let with = [
        "--associates",
        "50",
        "--distributions",
        "laws.toml",
        "--json",
    ];
    let written = run(&[&["generate", "--to", "rows"], &with[..]].concat());
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert_eq!(written.json()["tables"][3]["rows"], 0);
    assert_eq!(written.json()["folder"], "rows");
    assert!(written.json()["busiest_client"].is_null());
    assert_eq!(data_files(&world.path("rows")).len(), 4);

    // The database gets the same rows, and appends only to rows of the same recipe.
    let loaded = world.done(&[&["generate"], &with[..]].concat());
    assert_eq!(loaded.json()["tables"][3]["rows"], 0);
    let append = ["generate", "--append", "--associates", "5"];
    let other = world.run(&[&append[..], &["--movements-cap", "7"]].concat());
    check(&other, 4, &["distributions", "--replace"]);
    world.done(&[&append[..], &["--distributions", "laws.toml"]].concat());
    world.done(&append);
}

#[test]
fn dirty_rows_reach_the_files_and_the_summary_counts_them() {
    let world = World::new();
    let arguments = [
        "pipeline",
        "--associates",
        "300",
        "--dirty",
        "0.3",
        "--partition-by",
        "nome_associado",
    ];
    let report = world.done(&[&arguments[..], &["--json"]].concat()).json();
    let faults = report["generate"]["planted"].as_array().unwrap();
    assert_eq!(faults.len(), 24);
    let model = &report["transform"]["models"][0];
    assert_eq!(model["rows"], report["generate"]["tables"][3]["rows"]);
    assert_eq!(model["reconciliation"]["left_out"]["rows"], 0);
    let names: i64 = world
        .database
        .connect()
        .query_one(
            "SELECT count(DISTINCT a.nome COLLATE \"C\") FROM cards.movimento m
             JOIN cards.cartao c ON c.id = m.id_cartao JOIN cards.associado a ON a.id = c.id_associado",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(
        data_files(&world.path("data/out/movimento_flat")).len() as i64,
        names
    );

    let again = world.done(&[&arguments[..], &["--json"]].concat());
    assert!(again.json()["generate"].is_null());
    let cleaner = world.run(&["pipeline", "--associates", "300"]);
    check(&cleaner, 4, &["--replace"]);
    let summary = world
        .done(&[
            "generate",
            "--associates",
            "300",
            "--dirty",
            "0.3",
            "--replace",
        ])
        .stdout;
    for part in [
        "of movimento.vlr_transacao: extreme amount",
        "busiest client: ",
        "as of 2026-01-01",
    ] {
        assert!(summary.contains(part), "{summary} lacks {part}");
    }
}

#[test]
fn files_are_refused_where_they_cannot_be_and_leave_nothing_on_a_full_disk() {
    let world = World::new();
    fs::write(world.path("file"), "in the way").unwrap();
    let to = |target: &str| world.run(&["generate", "--to", target]);
    check(&to("file"), 4, &["is a file"]);
    check(&to("file/rows"), 5, &["cannot write"]);
    check(&to("/proc/rows"), 5, &["/proc"]);
    assert_eq!(to("rows").code, 0);
    check(&to("rows"), 4, &["rows holds something", "--to"]);

    let Some(small) = SmallDisk::mount(&world, "small", "2m") else {
        return;
    };
    let full = to("small/rows");
    let left = fs::read_dir(&small.0).unwrap().count();
    drop(small);
    check(&full, 5, &["cannot write", "No space left"]);
    assert_eq!(left, 0);
}

#[test]
fn a_full_disk_of_the_server_is_5_and_leaves_the_schema_as_it_was() {
    let world = World::new();
    let mut client = world.database.connect();
    let Some(small) = SmallDisk::mount(&world, "small", "4m") else {
        return;
    };
    let data: String = client.query_one("SHOW data_directory", &[]).unwrap().get(0);
    let owner = fs::metadata(data).unwrap();
    // The server's account must be able to reach the folders.
    for folder in [world.folder.path(), &small.0] {
        chown(folder, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let name = world.database.settings().database().to_owned();
    client
        .batch_execute(&format!(
            "CREATE TABLESPACE {name} LOCATION '{}'",
            small.0.display()
        ))
        .unwrap();
    client
        .batch_execute(&format!(
            "ALTER DATABASE {name} SET default_tablespace = {name}"
        ))
        .unwrap();
    let full = world.run(&["generate"]);
    let left: i64 = client
        .query_one(
            "SELECT count(*) FROM pg_namespace WHERE nspname ~ 'cards'",
            &[],
        )
        .unwrap()
        .get(0);
    client
        .batch_execute(&format!("ALTER DATABASE {name} RESET default_tablespace"))
        .unwrap();
    client
        .batch_execute(&format!("DROP TABLESPACE {name}"))
        .unwrap();
    drop(small);
    check(&full, 5, &["extrato_loading_cards", "No space left"]);
    assert_eq!(left, 0);
}

/// A small file system, which needs the right to mount.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(world: &World, name: &str, size: &str) -> Option<Self> {
        let folder = world.path(name);
        fs::create_dir(&folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(&folder)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
