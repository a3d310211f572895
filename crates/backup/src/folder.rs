//! The folder of backups: one folder for each, named after the time, and `latest`, which leads to the last one.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dataset::calendar::Date;
use dataset::failure::{Kind, OrFail};
use values::text;

use crate::manifest::{FILE, Manifest, SCHEMA_SQL, SUMS, TableFiles};
use crate::report::Listed;

/// The name of the link to the last backup.
pub(crate) const LATEST: &str = "latest";

/// A name for a backup that begins now, `20260131T235959Z`, which is behind those that the folder has of the same second: one of
/// them may be gone.
pub(crate) fn new_name(folder: &Path) -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64);
    let mut name = String::new();
    text::date(Date::from_days((seconds / 86_400) as i32), &mut name);
    name.push('T');
    text::time(seconds % 86_400 * 1_000_000, &mut name);
    name.retain(|c| !matches!(c, '-' | ':'));
    name.push('Z');
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| {
        let of_second = entry.file_name().to_str()?.strip_prefix(&name)?.to_owned();
        match of_second.strip_prefix('-') {
            Some(number) => number.parse::<u32>().ok(),
            None => of_second.is_empty().then_some(1),
        }
    });
    match numbers.max() {
        None => name,
        Some(last) => format!("{name}-{:02}", last.saturating_add(1)),
    }
}

/// Whether a backup may have this name.
fn is_name(name: &str) -> bool {
    let (time, number) = name.split_at_checked(16).unwrap_or((name, ""));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    time.len() == 16
        && digits(&time[..8])
        && &time[8..9] == "T"
        && digits(&time[9..15])
        && time.ends_with('Z')
        && (number.is_empty() || number.strip_prefix('-').is_some_and(digits))
}

/// Makes `latest` lead to the backup of this name, in one step.
///
/// # Errors
/// [`Kind::Output`] if it cannot, or something else has the name.
pub(crate) fn point_latest(folder: &Path, name: &str) -> anyhow::Result<()> {
    check_latest(folder)?;
    let (latest, new) = (folder.join(LATEST), folder.join(".extrato-latest"));
    let point = || {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        symlink(name, &new)?;
        fs::rename(&new, &latest)
    };
    point().or_fail(Kind::Output, || {
        format!(
            "the backup {} is whole, but {} could not be made to lead to it",
            folder.join(name).display(),
            latest.display()
        )
    })
}

/// Checks that `latest`, if it is there, is a link.
///
/// # Errors
/// [`Kind::Output`] if it is something else.
pub(crate) fn check_latest(folder: &Path) -> anyhow::Result<()> {
    let latest = folder.join(LATEST);
    match latest.symlink_metadata() {
        Ok(found) if !found.is_symlink() => Err(Kind::Output.error(format!(
            "{} is not the link that `extrato backup` makes: move it, or name another folder with --to",
            latest.display()
        ))),
        _ => Ok(()),
    }
}

/// The backup that a path names: itself, or the latest one in it.
///
/// # Errors
/// [`Kind::Refused`] if there is none.
pub(crate) fn find(path: &Path) -> anyhow::Result<PathBuf> {
    if path.join(FILE).is_file() {
        return Ok(path.to_owned());
    }
    let latest = path.join(LATEST);
    // The backup's own name tells more than `latest`.
    if let Ok(target) = fs::read_link(&latest)
        && latest.join(FILE).is_file()
    {
        return Ok(path.join(target));
    }
    Err(Kind::Refused.error(format!(
        "{} is neither a backup nor a folder with a latest one: name what `extrato backup` made",
        path.display()
    )))
}

/// The backups in a folder, oldest first.
///
/// # Errors
/// [`Kind::Refused`] if the folder cannot be read.
pub(crate) fn list(folder: &Path) -> anyhow::Result<Vec<(PathBuf, Manifest)>> {
    let entries = fs::read_dir(folder).or_fail(Kind::Refused, || {
        format!("cannot read {}", folder.display())
    })?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_name(name))
        .collect();
    names.sort();
    let found = names.into_iter().filter_map(|name| {
        let path = folder.join(&name);
        match Manifest::read(&path) {
            Ok(manifest) if manifest.name == name => Some((path, manifest)),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!("{} is left alone: {error:#}", path.display());
                None
            }
        }
    });
    Ok(found.collect())
}

/// The backups in a folder, as they are told.
///
/// # Errors
/// [`Kind::Refused`] if the folder cannot be read.
pub fn told(folder: &Path) -> anyhow::Result<Vec<Listed>> {
    let latest = fs::read_link(folder.join(LATEST)).ok();
    let listed = list(folder)?.into_iter().map(|(_, manifest)| Listed {
        is_latest: latest.as_deref() == Some(Path::new(&manifest.name)),
        tables: manifest.tables.len() as u64,
        rows: manifest.rows(),
        bytes: manifest.bytes(),
        format: manifest.format,
        schema: manifest.definition.schema,
        name: manifest.name,
    });
    Ok(listed.collect())
}

/// Deletes all backups but the last so many of those that `new` stands for, and nothing that they don't list: of the same schema of
/// a database of the same name, and of no table that the new one lacks. Gives the names of those that are gone.
///
/// # Errors
/// [`Kind::Output`] if a file cannot be deleted.
pub(crate) fn keep(folder: &Path, keep: usize, new: &Manifest) -> anyhow::Result<Vec<String>> {
    let mut backups = list(folder)?;
    backups.retain(|(_, old)| {
        let has = |table: &TableFiles| new.files(&table.table).is_some();
        old.name != new.name
            && old.database == new.database
            && old.definition.schema == new.definition.schema
            && old.tables.iter().all(has)
    });
    // Whatever the clock says, the new one is the last.
    let old = (backups.len() + 1).saturating_sub(keep.max(1));
    let mut deleted = Vec::new();
    for (path, manifest) in backups.into_iter().take(old) {
        let files = manifest.tables.iter().flat_map(|table| &table.files);
        // A backup whose manifest is gone is none: what is left is left alone, so it goes last.
        let names = files
            .map(|file| file.path.as_str())
            .chain([SCHEMA_SQL, SUMS, FILE]);
        for name in names {
            // A name from a manifest is a name in its folder, and nothing else.
            if name.contains('/') {
                continue;
            }
            match fs::remove_file(path.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).or_fail(Kind::Output, || {
                        format!(
                            "the new backup is whole, but {} cannot be deleted",
                            path.display()
                        )
                    });
                }
                _ => {}
            }
        }
        match fs::remove_dir(&path) {
            Ok(()) => deleted.push(manifest.name),
            Err(error) => tracing::warn!(
                %error,
                "{} stays, since it holds more than the backup did",
                path.display()
            ),
        }
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_times() {
        assert!(is_name("20260131T235959Z") && is_name("20260131T235959Z-02"));
        for other in [
            "",
            "latest",
            "20260131T235959",
            "20260131T235959Z-",
            "é260131T235959Z",
            "2026013_T235959Z",
        ] {
            assert!(!is_name(other), "{other}");
        }
        assert!(is_name(&new_name(Path::new("/nowhere"))));
    }
}
