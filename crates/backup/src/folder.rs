//! The place of backups: one folder for each, named after its time, and a pointer to the latest one: on disk the link `latest`, in
//! a bucket the object `_latest.json`.

use std::{fs, io};

use database::Cancel;
use dataset::failure::{Failure, Kind, OrFail};
use serde::Deserialize;
use storage::bucket::series;
use storage::manifest::RUN;
use storage::place::{Place, reading};

use crate::encryption::EncryptTo;
use crate::envelope::{self, Envelope};
use crate::manifest::{self, FILE, Manifest, SCHEMA_SQL, SUMS, TableFiles};
use crate::name::is_name;
use crate::report::Listed;

/// The name of the link to the latest backup.
pub(crate) const LATEST: &str = "latest";

/// A backup: the part of it that is not encrypted.
pub(crate) enum Found {
    /// A plain backup, with its manifest.
    Plain(Box<Manifest>),
    /// An encrypted backup, with its envelope.
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

    /// Whether this backup replaces an older one. It must be of the same schema of the same database, be encrypted for the same
    /// people or plain like the older one, and have all of the older one's tables.
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

    /// The names of the backup's files, the manifest last: a folder without a manifest is not a backup, and is left alone.
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

/// Reads the manifest or the envelope of the backup in a folder.
///
/// # Errors
/// [`Kind::Refused`] if there is none, or it is not ours, or of a later version; [`Kind::Connection`] if a bucket gives no answer.
pub(crate) fn read(folder: &Place) -> anyhow::Result<Found> {
    let (text, path) = (Manifest::text(folder)?, folder.join(FILE));
    let of: Kinded = manifest::parsed(&text, &path)?;
    Ok(match of.kind == envelope::KIND {
        true => Found::Encrypted(Box::new(Envelope::parse(&text, &path)?)),
        false => Found::Plain(Box::new(Manifest::parse(&text, &path)?)),
    })
}

/// The field that every manifest and envelope has.
#[derive(Deserialize)]
struct Kinded {
    kind: String,
}

/// The names in a place that can be names of backups, in order.
///
/// # Errors
/// An error if the place cannot be read.
pub(crate) fn names(place: &Place) -> io::Result<Vec<String>> {
    let mut names: Vec<String> = match place {
        Place::Disk(path) => {
            let entries = fs::read_dir(path)?.flatten();
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            names.collect()
        }
        Place::Bucket(address) => {
            let folders = address.folders()?;
            let names = folders.iter().map(|folder| folder.name().to_owned());
            names.collect()
        }
    };
    names.retain(|name| is_name(name));
    names.sort();
    Ok(names)
}

/// The name of the backup that `latest` leads to.
///
/// # Errors
/// An error if a bucket gives no answer.
fn latest(place: &Place) -> io::Result<Option<String>> {
    match place {
        Place::Disk(path) => {
            let target = fs::read_link(path.join(LATEST)).ok();
            Ok(target.and_then(|target| target.into_os_string().into_string().ok()))
        }
        Place::Bucket(address) => series::latest(address),
    }
}

/// The backup that a place names: itself, or the latest one in it.
///
/// # Errors
/// [`Kind::Refused`] if there is none; [`Kind::Connection`] if a bucket gives no answer.
pub(crate) fn find(place: &Place) -> anyhow::Result<Place> {
    let is_backup = |place: &Place| reading(place.join(FILE).is_file(), Kind::Refused, place);
    if is_backup(place)? {
        return Ok(place.clone());
    }
    // The backup's own name says more than `latest`.
    if let Some(name) = reading(latest(place), Kind::Refused, place)? {
        let latest = place.join(&name);
        if is_backup(&latest)? {
            return Ok(latest);
        }
    }
    Err(Kind::Refused.error(format!(
        "{place} is neither a backup nor a folder with a latest one: name what `extrato backup` made"
    )))
}

/// The backups in a place, oldest first.
///
/// # Errors
/// [`Kind::Refused`] if it cannot be read; [`Kind::Connection`] if a bucket gives no answer.
fn list(place: &Place) -> anyhow::Result<Vec<(Place, Found)>> {
    let mut backups = Vec::new();
    for name in reading(names(place), Kind::Refused, place)? {
        let backup = place.join(&name);
        match read(&backup) {
            Ok(found) if found.name() == name => backups.push((backup, found)),
            Ok(_) => {}
            // Whether this is a backup cannot be known.
            Err(error)
                if matches!(
                    Failure::kind_of(&error),
                    Some(Kind::Connection | Kind::Usage)
                ) =>
            {
                return Err(error);
            }
            // A backup that is still being made, or the rest of one that was never finished.
            Err(_) if backup.is_bucket() && !matches!(backup.join(FILE).is_file(), Ok(true)) => {
                tracing::debug!("{backup} has no manifest");
            }
            Err(error) => tracing::warn!("{backup} is left alone: {error:#}"),
        }
    }
    Ok(backups)
}

/// Lists the backups in a place, with what is reported about each.
///
/// # Errors
/// [`Kind::Refused`] if it cannot be read; [`Kind::Connection`] if a bucket gives no answer.
pub fn told(place: &Place, cancel: &Cancel) -> anyhow::Result<Vec<Listed>> {
    let place = place.clone().cancelled_by(cancel);
    let read = || {
        let latest = reading(latest(&place), Kind::Refused, &place)?;
        anyhow::Ok((latest, list(&place)?))
    };
    let (latest, backups) = read().map_err(|error| cancel.check().err().unwrap_or(error))?;
    let listed = backups.into_iter().map(|(_, found)| {
        let is_latest = latest.as_deref() == Some(found.name());
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

/// Deletes all but the last `keep` backups among those that `new` replaces, and only files that they list. `new` replaces backups
/// of the same schema of a database of the same name that have no table which it lacks; of encrypted ones, only those that `to`
/// opens. Returns the names of the backups that are gone.
///
/// # Errors
/// [`Kind::Output`] if a file cannot be deleted.
pub(crate) fn keep(
    place: &Place,
    keep: usize,
    new: &Found,
    to: Option<&EncryptTo>,
) -> anyhow::Result<Vec<String>> {
    let mut backups = list(place)?;
    // Another backup may have been published meanwhile, and be the latest now.
    let latest = reading(latest(place), Kind::Output, place)?;
    backups.retain(|(_, old)| {
        old.name() != new.name() && latest.as_deref() != Some(old.name()) && new.stands_for(old)
    });
    // Whatever the clock says, the new backup counts as the last.
    let old = (backups.len() + 1).saturating_sub(keep.max(1));
    let mut deleted = Vec::new();
    for (place, old) in backups.into_iter().take(old) {
        if !to.is_none_or(|to| opens(to, &place)) {
            tracing::warn!("{place} stays: it is encrypted with another passphrase");
            continue;
        }
        let is_gone = delete(&place, &old).or_fail(Kind::Output, || {
            format!("the new backup is whole, but {place} cannot be deleted")
        })?;
        match is_gone {
            true => deleted.push(old.name().to_owned()),
            false => tracing::warn!("{place} stays, since it holds more than a backup"),
        }
    }
    Ok(deleted)
}

/// Deletes the files of a backup, and returns whether nothing else lies in its folder.
fn delete(place: &Place, old: &Found) -> io::Result<bool> {
    // A name from a manifest is a name in the backup's folder, and nothing else.
    let mut files = old.files();
    files.retain(|name| !name.contains('/'));
    let Some((manifest, others)) = files.split_last() else {
        return Ok(false);
    };
    place.delete_below(others)?;
    match place {
        Place::Disk(path) => {
            place.delete_below(&[manifest])?;
            Ok(fs::remove_dir(path).is_ok())
        }
        Place::Bucket(address) => {
            place.delete_below(&[manifest, RUN])?;
            Ok(address.list()?.is_empty())
        }
    }
}

/// Whether those who can open the new backup can open an old one, which has the same recipients or a passphrase.
fn opens(to: &EncryptTo, old: &Place) -> bool {
    let locked = old.join(envelope::KEY).read();
    locked.is_ok_and(|locked| to.opens(&locked))
}
