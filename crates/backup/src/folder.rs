//! The folder of backups: one folder for each, named after the time, and `latest`, which leads to the last one.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dataset::calendar::Date;
use dataset::failure::{Kind, OrFail};
use serde::Deserialize;
use storage::fill::cannot_write;
use storage::publish::Staging;
use values::text;

use crate::encryption::EncryptTo;
use crate::envelope::{self, Envelope};
use crate::manifest::{self, FILE, Manifest, SCHEMA_SQL, SUMS, TableFiles};
use crate::report::Listed;

/// The name of the link to the last backup.
pub(crate) const LATEST: &str = "latest";

/// A backup, as much of it as lies open.
pub(crate) enum Found {
    /// One that is not encrypted: its manifest.
    Plain(Box<Manifest>),
    /// One that is.
    Encrypted(Box<Envelope>),
}

impl Found {
    /// The backup's name.
    fn name(&self) -> &str {
        match self {
            Self::Plain(manifest) => &manifest.name,
            Self::Encrypted(envelope) => &envelope.name,
        }
    }

    /// Whether it stands for an older one: of the same schema of the same database, encrypted or not for the same, and with all tables
    /// that the older one has.
    fn stands_for(&self, old: &Self) -> bool {
        match (self, old) {
            (Self::Plain(new), Self::Plain(old)) => {
                let has = |table: &TableFiles| new.files(&table.table).is_some();
                old.database == new.database
                    && old.definition.schema == new.definition.schema
                    && old.tables.iter().all(has)
            }
            (Self::Encrypted(new), Self::Encrypted(old)) => {
                new.lock == old.lock && new.series.stands_for(&old.series)
            }
            _ => false,
        }
    }

    /// The names of its files. The manifest is the last: a backup without it is none, and what is left of that is left alone.
    fn files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = match self {
            Self::Plain(manifest) => manifest.entries().map(|file| file.path.as_str()).collect(),
            Self::Encrypted(envelope) => envelope.sums().map(|(name, _)| name).collect(),
        };
        match self {
            Self::Plain(_) => files.extend([SCHEMA_SQL, SUMS, FILE]),
            Self::Encrypted(_) => files.extend([SUMS, FILE]),
        }
        files
    }
}

/// Reads what lies open of the backup in a folder.
///
/// # Errors
/// [`Kind::Refused`] if there is none, or it is not ours, or of a later version.
pub(crate) fn read(folder: &Path) -> anyhow::Result<Found> {
    let (text, path) = (Manifest::text(folder)?, folder.join(FILE));
    let of: Kinded = manifest::parsed(&text, &path)?;
    Ok(match of.kind == envelope::KIND {
        true => Found::Encrypted(Box::new(Envelope::parse(&text, &path)?)),
        false => Found::Plain(Box::new(Manifest::parse(&text, &path)?)),
    })
}

/// What any manifest begins with.
#[derive(Deserialize)]
struct Kinded {
    kind: String,
}

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

/// Puts a staged backup of this name into the folder, of which `there` was there before it, and makes `latest` lead to it. The disk
/// has both then, so that older ones can go.
///
/// # Errors
/// [`Kind::Output`] if it cannot.
pub(crate) fn publish(
    staging: &Staging,
    folder: &Path,
    name: &str,
    there: &Path,
) -> anyhow::Result<PathBuf> {
    let sync = |path: &Path, from: &Path| {
        let synced = storage::folder::sync(path, from);
        synced.or_fail(Kind::Output, || cannot_write(path))
    };
    let staged = staging.scratch(name);
    sync(&staged, &staged)?;
    staging.publish(name, None)?;
    let path = folder.join(name);
    sync(folder, there)?;
    point_latest(folder, name)?;
    sync(folder, folder)?;
    Ok(path)
}

/// Makes `latest` lead to the backup of this name, in one step.
///
/// # Errors
/// [`Kind::Output`] if it cannot, or something else has the name.
fn point_latest(folder: &Path, name: &str) -> anyhow::Result<()> {
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
pub(crate) fn list(folder: &Path) -> anyhow::Result<Vec<(PathBuf, Found)>> {
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
        match read(&path) {
            Ok(found) if found.name() == name => Some((path, found)),
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
    let listed = list(folder)?.into_iter().map(|(_, found)| {
        let is_latest = latest.as_deref() == Some(Path::new(found.name()));
        match found {
            Found::Plain(manifest) => Listed {
                is_latest,
                tables: manifest.tables.len() as u64,
                rows: Some(manifest.rows()),
                bytes: manifest.bytes(),
                format: Some(manifest.format),
                lock: None,
                schema: Some(manifest.definition.schema),
                name: manifest.name,
            },
            Found::Encrypted(envelope) => Listed {
                is_latest,
                tables: envelope.series.tables(),
                rows: None,
                bytes: envelope.bytes(),
                format: None,
                lock: Some(envelope.lock),
                schema: None,
                name: envelope.name,
            },
        }
    });
    Ok(listed.collect())
}

/// Deletes all backups but the last so many of those that `new` stands for, and nothing that they don't list: of the same schema of
/// a database of the same name, and of no table that the new one lacks; encrypted ones of which `to` opens what the new one opens. Gives
/// the names of those that are gone.
///
/// # Errors
/// [`Kind::Output`] if a file cannot be deleted.
pub(crate) fn keep(
    folder: &Path,
    keep: usize,
    new: &Found,
    to: Option<&EncryptTo>,
) -> anyhow::Result<Vec<String>> {
    let mut backups = list(folder)?;
    backups.retain(|(_, old)| old.name() != new.name() && new.stands_for(old));
    // Whatever the clock says, the new one is the last.
    let old = (backups.len() + 1).saturating_sub(keep.max(1));
    let mut deleted = Vec::new();
    for (path, old) in backups.into_iter().take(old) {
        if !to.is_none_or(|to| opens(to, &path)) {
            tracing::warn!(
                "{} stays: it is encrypted with another passphrase",
                path.display()
            );
            continue;
        }
        for name in old.files() {
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
            Ok(()) => deleted.push(old.name().to_owned()),
            Err(error) => tracing::warn!(
                %error,
                "{} stays, since it holds more than the backup did",
                path.display()
            ),
        }
    }
    Ok(deleted)
}

/// Whether what opens the new backup opens an old one of the same recipients, or with a passphrase.
fn opens(to: &EncryptTo, old: &Path) -> bool {
    fs::read(old.join(envelope::KEY)).is_ok_and(|locked| to.opens(&locked))
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
