//! The embedded server, as `pipeline` and `db` manage it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::program::{Finished, bare_command, data_files, finish};

/// A folder for the server that an unprivileged account can reach. It is destroyed together with its server.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        finish(bare_command(self.path(), arguments).env("EXTRATO_HOME", self.path().join("home")))
    }

    fn done(&self, arguments: &[&str]) -> Finished {
        let finished = self.run(arguments);
        assert_eq!(finished.code, 0, "{arguments:?}: {}", finished.stderr);
        finished
    }

    fn status(&self) -> String {
        self.done(&["db", "status", "--json"]).json()["status"]
            .as_str()
            .expect("a status")
            .to_owned()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.run(&["db", "destroy", "--yes"]);
    }
}

#[test]
fn pipeline_makes_it_uses_it_again_and_db_manages_it() {
    let home = Home::new();
    assert_eq!(home.status(), "absent");
    let first = home.done(&["pipeline", "--associates", "30"]);
    assert!(
        first.stderr.contains("making the embedded server"),
        "{}",
        first.stderr
    );
    let rows = |summary: &str| {
        let starts = |line: &&str| line.starts_with(" start ");
        summary.lines().filter(starts).count()
    };
    assert_eq!(rows(&first.stdout), 1, "{}", first.stdout);
    assert!(
        first
            .stdout
            .trim_end()
            .ends_with("`extrato db stop` stops it."),
        "{}",
        first.stdout
    );
    assert_eq!(home.status(), "running");
    let files = data_files(&home.path().join("data/out"));
    assert!(files.len() > 10);

    let second = home.done(&["pipeline", "--associates", "30"]);
    assert!(
        !second.stderr.contains("starting the embedded server"),
        "{}",
        second.stderr
    );
    assert!(second.stderr.contains("skipped"), "{}", second.stderr);
    assert_eq!(rows(&second.stdout), 0, "{}", second.stdout);
    assert_eq!(data_files(&home.path().join("data/out")), files);

    home.done(&["db", "stop"]);
    assert_eq!(home.status(), "stopped");
    // The server's data survives, and `transform` starts the server.
    home.done(&["transform"]);
    assert_eq!(home.status(), "running");
    let count = home.done(&["db", "psql", "-Atc", "SELECT count(*) FROM cards.associado"]);
    assert_eq!(count.stdout.trim(), "30");

    let url = home.done(&["db", "url"]).stdout.trim().to_owned();
    let psql = Command::new("psql")
        .args([&url, "-Atc", "SELECT current_user"])
        .output()
        .expect("psql runs");
    assert_eq!(
        String::from_utf8_lossy(&psql.stdout).trim(),
        "extrato",
        "{psql:?}"
    );
    let password =
        fs::read_to_string(home.path().join("home/postgres/passfile")).expect("a passfile");
    let password = password
        .trim()
        .rsplit(':')
        .next()
        .expect("a password")
        .to_owned();
    assert_eq!(password.len(), 32);
    assert!(!url.contains(&password));

    let refused = home.run(&["db", "destroy"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
    assert_eq!(home.status(), "running");
    home.done(&["db", "destroy", "--yes"]);
    assert_eq!(home.status(), "absent");
    assert!(!home.path().join("home/postgres").exists());
}

#[test]
fn it_listens_on_no_network_and_lets_nobody_in_without_the_password() {
    let home = Home::new();
    home.done(&["db", "start"]);
    let addresses = home.done(&["db", "psql", "-Atc", "SHOW listen_addresses"]);
    assert_eq!(addresses.stdout.trim(), "");
    let socket = home.path().join("home/postgres/run");
    let mut psql = Command::new("psql");
    psql.args([
        "-h",
        socket.to_str().expect("UTF-8"),
        "-U",
        "extrato",
        "-w",
        "-c",
        "SELECT 1",
    ])
    .env_clear();
    let output = psql
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .expect("psql runs");
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("password"),
        "{output:?}"
    );
}

#[test]
fn it_recovers_its_socket_and_destroy_deletes_only_what_it_made() {
    let home = Home::new();
    let folder = home.path().join("home/postgres");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("mine"), "years of work").expect("written");
    home.done(&["db", "start"]);
    fs::remove_dir_all(folder.join("run")).expect("removed");
    assert_eq!(home.status(), "stopped");
    home.done(&["db", "start"]);
    assert_eq!(home.status(), "running");
    home.done(&["db", "destroy", "--yes"]);
    let left: Vec<_> = fs::read_dir(&folder)
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(left, ["mine"]);
}

#[test]
fn without_postgres_programs_it_says_what_to_install() {
    let home = Home::new();
    let mut command = bare_command(home.path(), &["pipeline"]);
    command
        .env("EXTRATO_HOME", home.path().join("home"))
        .env("PG_BIN", home.path());
    let finished = finish(&mut command);
    assert_eq!(finished.code, 3, "{}", finished.stderr);
    for part in ["PG_BIN", "package `postgresql`", "--url"] {
        assert!(
            finished.stderr.contains(part),
            "{} lacks {part}",
            finished.stderr
        );
    }
}

#[test]
fn a_folder_too_deep_for_a_socket_is_refused_with_the_way_out() {
    let home = Home::new();
    let deep = home.path().join("d".repeat(100));
    let finished = finish(bare_command(home.path(), &["db", "start"]).env("EXTRATO_HOME", deep));
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    assert!(
        finished.stderr.contains("EXTRATO_HOME"),
        "{}",
        finished.stderr
    );
}
