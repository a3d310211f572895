//! Steps that the tests of each server share.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ::spark::{Files, Progress, Remote, Session, Write};
use database::Cancel;
use dataset::failure::{Failure, Kind};
use tempfile::TempDir;

/// A SELECT that takes a core for hours.
pub(crate) const ENDLESS: &str =
    "SELECT id % 7 AS k, sum(sqrt(id)) AS s FROM range(100000000000) GROUP BY 1";

/// Opens a session at an address.
pub(crate) fn session(remote: &str, cancel: &Cancel) -> Session {
    let remote = Remote::parse(remote, None).expect("an address");
    Session::connect(&remote, cancel).expect("it answers")
}

/// Has a SELECT written, in a format, into the subfolder `out` of a folder.
pub(crate) fn write(
    session: &mut Session,
    sql: &str,
    format: &str,
    folder: &TempDir,
    partition_by: &[String],
) -> anyhow::Result<Vec<Progress>> {
    let path = out(folder);
    let to = Write {
        format,
        path: &path,
        partition_by,
        options: &[("header", "true")],
    };
    let mut seen = vec![];
    session.write(sql, &to, &mut |progress| seen.push(progress))?;
    Ok(seen)
}

/// The path that [`write`] writes to.
pub(crate) fn out(folder: &TempDir) -> String {
    let path = folder.path().join("out");
    path.to_str().expect("UTF-8").to_owned()
}

/// Makes a view over what [`write`] wrote.
pub(crate) fn view(session: &mut Session, format: &str, folder: &TempDir) -> anyhow::Result<()> {
    let files = Files {
        format,
        schema: None,
        paths: &[out(folder)],
        options: &[],
    };
    session.view_of_files("files", &files)
}

/// The folders below `out` and the lines of the CSV files in them, without the files' names.
pub(crate) fn lines(folder: &TempDir) -> BTreeSet<String> {
    fn below(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let name = entry.file_name().into_string().expect("UTF-8");
            if entry.path().is_dir() {
                below(&entry.path(), &format!("{prefix}{name}/"), found);
            } else if name.ends_with(".csv") {
                let text = fs::read_to_string(entry.path()).expect("UTF-8");
                found.extend(text.lines().map(|line| format!("{prefix}{line}")));
            }
        }
    }
    let mut found = BTreeSet::new();
    below(Path::new(&out(folder)), "", &mut found);
    found
}

/// The kind of a failure, and its message.
pub(crate) fn failure<T>(result: anyhow::Result<T>) -> (Kind, String) {
    let Err(error) = result else {
        panic!("it succeeded")
    };
    let kind = Failure::kind_of(&error).expect("a kind");
    (kind, dataset::failure::chain(&error))
}
