//! Whether the files of a backup are what they were, by their sizes and checksums.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use database::Cancel;
use dataset::failure::{Kind, OrFail};

use crate::file;
use crate::manifest::SUMS;

/// What is wrong with a file that had this size and this SHA-256, if anything is.
///
/// # Errors
/// [`Kind::Check`] if it cannot be read.
pub(crate) fn changed(
    folder: &Path,
    name: &str,
    bytes: u64,
    sha256: &str,
    cancel: &Cancel,
) -> anyhow::Result<Option<String>> {
    let path = folder.join(name);
    if name.contains('/') || !path.is_file() {
        return Ok(Some(format!("{name} is missing")));
    }
    let found = file::sum(&path, cancel)?;
    Ok(match found {
        found if found.bytes != bytes => Some(format!(
            "{name} has {} bytes instead of {bytes}",
            found.bytes
        )),
        found if found.sha256 != sha256 => Some(format!("{name} has other contents")),
        _ => None,
    })
}

/// What is wrong with the list of checksums, and with the files that it names first: `own`. Behind them stand those that a manifest
/// lists, with their checksums.
///
/// # Errors
/// [`Kind::Check`] if something cannot be read.
pub(crate) fn beside<'a>(
    folder: &Path,
    own: &[&'a str],
    listed: &[(&'a str, &str)],
    cancel: &Cancel,
) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut known: BTreeSet<&str> = listed.iter().map(|(name, _)| *name).collect();
    known.extend(own);
    known.insert(SUMS);
    let entries = std::fs::read_dir(folder)
        .or_fail(Kind::Check, || format!("cannot read {}", folder.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| known.contains(name)) {
            problems.push(format!("{} is not of the backup", name.to_string_lossy()));
        }
    }
    for name in own.iter().chain([&SUMS]) {
        if !folder.join(name).is_file() {
            problems.push(format!("{name} is missing"));
        }
    }
    if !problems.is_empty() {
        return Ok(problems);
    }
    let mut expected = String::new();
    for name in own {
        let found = file::sum(&folder.join(name), cancel)?;
        let _ = writeln!(expected, "{}  {name}", found.sha256);
    }
    for (name, sha256) in listed {
        let _ = writeln!(expected, "{sha256}  {name}");
    }
    let sums = std::fs::read(folder.join(SUMS)).or_fail(Kind::Check, || "reading checksums")?;
    if sums != expected.as_bytes() {
        problems.push(format!("{} or {SUMS} has other contents", own.join(", ")));
    }
    Ok(problems)
}

/// Refuses a backup that has problems.
///
/// # Errors
/// [`Kind::Check`] naming all of them.
pub(crate) fn refuse(folder: &Path, problems: &[String]) -> anyhow::Result<()> {
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Kind::Check.error(format!(
            "the backup {} is not what it was: {}: take another copy of it, or an older backup",
            folder.display(),
            problems.join("; ")
        ))),
    }
}
