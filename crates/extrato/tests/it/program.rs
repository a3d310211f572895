//! Runs the program in an environment of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use testkit::Database;

/// A database, a folder to work in, and the variables that lead to both.
pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            database: Database::create(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// The program with `arguments`, connected to the database through `PG*` variables.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare_command(self.folder.path(), arguments);
        command.envs(self.database.variables());
        let home = testkit::environment();
        command.env("EXTRATO_HOME", home.get("EXTRATO_HOME").expect("a folder"));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        finish(&mut self.command(arguments))
    }

    /// Runs the program and expects success.
    pub(crate) fn done(&self, arguments: &[&str]) -> Finished {
        let finished = self.run(arguments);
        assert_eq!(finished.code, 0, "{arguments:?}: {}", finished.stderr);
        finished
    }

    /// A shell that has the program on its PATH, connected as [`command`](Self::command), and ends at the first error.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_extrato"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = program.parent().map(Path::to_owned).into_iter();
        let folders = folders.chain(std::env::split_paths(&path));
        let like = self.command(&[]);
        let variables = like
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(variables)
            .env("PATH", std::env::join_paths(folders).expect("a PATH"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The program in `folder`, with only the PATH of the caller's environment.
pub(crate) fn bare_command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_extrato"));
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder)
        .stdin(Stdio::null());
    command
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("JSON on standard output")
    }
}

pub(crate) fn finish(command: &mut Command) -> Finished {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program starts");
    Finished {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).expect("UTF-8"),
        stderr: String::from_utf8(stderr).expect("UTF-8"),
    }
}

/// The data files below `folder` with their contents; the manifest differs from run to run.
pub(crate) fn data_files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "csv" || extension == "parquet")
            {
                files.insert(path.clone(), fs::read(&path).expect("readable"));
            }
        }
    }
    let relative = |path: PathBuf| path.strip_prefix(folder).expect("below").to_owned();
    files
        .into_iter()
        .map(|(path, contents)| (relative(path), contents))
        .collect()
}

/// The entries of `folder` that a killed run could have left.
pub(crate) fn remains(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
    let entries: Vec<PathBuf> = entries.unwrap_or_default();
    let is_staging = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(".extrato-"))
    };
    entries.into_iter().filter(is_staging).collect()
}
