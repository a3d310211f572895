//! Finding the machine's own Postgres programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::connect::Environment;

/// A folder that holds `initdb`, `pg_ctl` and `postgres` of one version.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    folder: PathBuf,
    /// The major version.
    pub(crate) major: u32,
}

const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// The oldest major version that can be used.
const OLDEST: u32 = 14;

impl Programs {
    /// All usable sets of programs: only that in `PG_BIN` if it is set; otherwise those on the PATH, then those of
    /// distributions and of Homebrew, newest first.
    pub(crate) fn all(environment: &Environment) -> Vec<Self> {
        if let Some(folder) = environment.get("PG_BIN") {
            return Self::at(Path::new(folder)).into_iter().collect();
        }
        let path = environment.get("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(path).filter_map(|folder| Self::at(&folder));
        let mut installed: Vec<Self> = [
            "/usr/lib/postgresql/*/bin",
            "/usr/pgsql-*/bin",
            "/usr/lib/postgresql*/bin",
            "/opt/homebrew/opt/postgresql@*/bin",
            "/usr/local/opt/postgresql@*/bin",
            "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
        ]
        .iter()
        .flat_map(|pattern| folders_like(pattern))
        .filter_map(|folder| Self::at(&folder))
        .collect();
        installed.sort_by_key(|programs| std::cmp::Reverse(programs.major));
        on_path.chain(installed).collect()
    }

    fn at(folder: &Path) -> Option<Self> {
        // Links such as /usr/local/bin/pg_ctl lead to the folder that has all programs.
        let program = fs::canonicalize(folder.join("pg_ctl")).ok()?;
        let folder = program.parent()?.to_owned();
        if !NEEDED.iter().all(|name| folder.join(name).is_file()) {
            return None;
        }
        let output = Command::new(&program).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        // `pg_ctl (PostgreSQL) 15.18 (Debian …)`
        let version = text.split_whitespace().nth(2)?;
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        let major = digits.parse().ok()?;
        (major >= OLDEST).then_some(Self { folder, major })
    }

    /// The path of one of the programs.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The folders that match `pattern`, one of whose components contains a single `*`.
fn folders_like(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let Ok(entries) = fs::read_dir(format!("{parent}/")) else {
        return vec![];
    };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path().join(after.trim_start_matches('/')))
        .collect()
}
