//! Whether the files of a backup are still what they were, by their sizes and checksums.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;

use database::Cancel;
use dataset::failure::Kind;
use storage::manifest::RUN;
use storage::place::{Place, reading};

use crate::file;
use crate::manifest::SUMS;

/// What is wrong with a file that had this size and this SHA-256; `None` if nothing is.
///
/// # Errors
/// [`Kind::Check`] if it cannot be read; [`Kind::Connection`] if a bucket gives no answer.
pub(crate) fn changed(
    folder: &Place,
    name: &str,
    bytes: u64,
    sha256: &str,
    cancel: &Cancel,
) -> anyhow::Result<Option<String>> {
    let found = match name.contains('/') {
        true => None,
        false => file::sum(&folder.join(name), cancel)?,
    };
    Ok(match found {
        None => Some(format!("{name} is missing")),
        Some(found) if found.bytes != bytes => Some(format!(
            "{name} has {} bytes instead of {bytes}",
            found.bytes
        )),
        Some(found) if found.sha256 != sha256 => Some(format!("{name} has other contents")),
        _ => None,
    })
}

/// What is wrong with the list of checksums, with the files of `own`, which it names first, and with what else lies in the folder.
/// In the list, `own` is followed by the files that a manifest lists with their checksums: `listed`.
///
/// # Errors
/// [`Kind::Check`] if something cannot be read; [`Kind::Connection`] if a bucket gives no answer.
pub(crate) fn beside<'a>(
    folder: &Place,
    own: &[&'a str],
    listed: &[(&'a str, &str)],
    cancel: &Cancel,
) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut known: BTreeSet<&str> = listed.iter().map(|(name, _)| *name).collect();
    known.extend(own);
    // `RUN` is the object that says, in a bucket, that a run of ours writes there.
    known.extend([SUMS, RUN]);
    for name in reading(names(folder), Kind::Check, folder)? {
        if !known.contains(name.as_str()) {
            problems.push(format!("{name} does not belong to the backup"));
        }
    }
    let mut expected = String::new();
    for name in own {
        match file::sum(&folder.join(name), cancel)? {
            Some(found) => _ = writeln!(expected, "{}  {name}", found.sha256),
            None => problems.push(format!("{name} is missing")),
        }
    }
    for (name, sha256) in listed {
        let _ = writeln!(expected, "{sha256}  {name}");
    }
    match folder.join(SUMS).read() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            problems.push(format!("{SUMS} is missing"));
        }
        sums => {
            let sums = reading(sums, Kind::Check, folder.join(SUMS))?;
            if problems.is_empty() && sums != expected.as_bytes() {
                problems.push(format!("{} or {SUMS} has other contents", own.join(", ")));
            }
        }
    }
    Ok(problems)
}

/// The names of all that lies in a folder.
fn names(folder: &Place) -> io::Result<Vec<String>> {
    match folder {
        Place::Disk(path) => {
            let entries = std::fs::read_dir(path)?.flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            Ok(names.collect())
        }
        Place::Bucket(_) => Ok(folder.files()?.into_iter().map(|file| file.path).collect()),
    }
}

/// Refuses a backup if it has problems.
///
/// # Errors
/// [`Kind::Check`] naming all of the problems.
pub(crate) fn refuse(folder: &Place, problems: &[String]) -> anyhow::Result<()> {
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Kind::Check.error(format!(
            "the backup {folder} was changed or damaged: {}: take another copy of it, or an older backup",
            problems.join("; ")
        ))),
    }
}
