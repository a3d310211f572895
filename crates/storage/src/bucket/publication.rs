//! Publish or nothing, in a bucket, where nothing can be renamed.
//!
//! A run writes below `PLACE/run=<time>-<id>/`, which nobody else writes to, and never over anything. At its end
//! `PLACE/_latest.json` is written, if it is still the one that was there at the beginning: whoever follows it, or takes a
//! run's folder, sees one whole run. Of two runs at once one finds the pointer changed; its objects are deleted, and it fails.
//! What a killed run leaves is named by no pointer: a later run deletes it when it is a day old. Whether something is a run's
//! is told by the object `_run.json` in it, which it writes first.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};

use chrono::{SecondsFormat, Utc};
use dataset::failure::{Kind, OrFail};
use serde::{Deserialize, Serialize};

use super::Address;
use super::store::Condition;
use crate::manifest;

/// The object that says which run is the latest.
pub(crate) const POINTER: &str = "_latest.json";
/// What the folder of a run begins with.
const RUN: &str = "run=";
/// How old the remains of a run are that nobody can be writing any more.
const ABANDONED_SECONDS: i64 = 24 * 60 * 60;

/// What `_latest.json` says. Names are relative to where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pointer {
    /// The run, as its manifest names it.
    pub(crate) run: String,
    /// The folder that holds its files.
    pub(crate) folder: String,
    /// Its manifest.
    pub(crate) manifest: String,
    /// When it was published, in UTC.
    pub(crate) time: String,
    /// The folders of the runs before it that are still there, the latest first.
    #[serde(default)]
    pub(crate) former: Vec<String>,
}

/// What the pointer of a place says, and the tag of the object.
///
/// # Errors
/// Those of the server; `InvalidData` if it says nothing that is understood.
pub(crate) fn pointer(place: &Address) -> io::Result<Option<(Pointer, Option<String>)>> {
    let address = place.join(POINTER);
    let (meta, bytes) = match address.read() {
        Ok(read) => read,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let pointer = serde_json::from_slice(&bytes).map_err(|error| {
        let damaged = format!("{address} is damaged ({error}): delete it, and run again");
        io::Error::new(ErrorKind::InvalidData, damaged)
    })?;
    Ok(Some((pointer, meta.etag)))
}

/// The manifests of what lies at a place: of a run's folder, of a file, of the run that a pointer there leads to, or of those that
/// pointers one level below lead to.
///
/// # Errors
/// Those of the server.
pub fn manifests(place: &Address) -> io::Result<Vec<Address>> {
    for of_place in [
        place.join(manifest::IN_FOLDER),
        place.beside(&manifest::beside(place.name())),
    ] {
        if !place.key().is_empty() && of_place.is_there()? {
            return Ok(vec![of_place]);
        }
    }
    if let Some((pointer, _)) = pointer(place)? {
        return Ok(vec![place.join(&pointer.manifest)]);
    }
    let mut found = Vec::new();
    for folder in place.folders()? {
        if let Some((pointer, _)) = pointer(&folder)? {
            found.push(folder.join(&pointer.manifest));
        }
    }
    // A run's folder that holds a single file.
    if found.is_empty() {
        let beside = place.objects()?.into_iter();
        let beside = beside.filter(|object| object.key.ends_with(manifest::SUFFIX));
        found.extend(beside.map(|object| place.at(object.key)));
    }
    Ok(found)
}

/// A run that writes into a place. Unless it is published, all that it wrote is deleted when it is dropped.
pub(crate) struct Publication {
    place: Address,
    run: Address,
    name: String,
    /// The pointer as it was when the run began.
    former: Option<(Pointer, Option<String>)>,
    /// When the run began, by the server's clock.
    began: i64,
    is_published: bool,
    option: &'static str,
}

impl Publication {
    /// Begins the run of this name, which writes into a folder of its own below `place`; `option` is what names that.
    ///
    /// # Errors
    /// [`Kind::Output`] if nothing can be written there.
    pub(crate) fn begin(
        place: &Address,
        run: &str,
        folder: &str,
        option: &'static str,
    ) -> anyhow::Result<Self> {
        let failed =
            || format!("cannot write to {place}: name a place that can be written with {option}");
        let former = pointer(place).or_fail(Kind::Output, failed)?;
        let address = place.join(folder).uploading();
        let marker = address.join(manifest::RUN);
        let began = serde_json::json!({ "run": run }).to_string();
        marker
            .put(began.into_bytes(), Condition::Absent)
            .or_fail(Kind::Output, failed)?;
        let mut publication = Self {
            place: place.clone(),
            run: address,
            name: run.to_owned(),
            former,
            began: 0,
            is_published: false,
            option,
        };
        publication.began = marker.head().or_fail(Kind::Output, failed)?.modified;
        Ok(publication)
    }

    /// Where the run writes. What is written there may be under way until it is settled.
    pub(crate) fn folder(&self) -> &Address {
        &self.run
    }

    /// Makes the run the latest, whose manifest has the name `of_manifest`, and deletes what is older than the `keep` latest ones.
    ///
    /// # Errors
    /// [`Kind::Output`] if another run was published meanwhile, or removed what this one wrote.
    pub(crate) fn publish(mut self, of_manifest: &str, keep: usize) -> anyhow::Result<Address> {
        let failed = || format!("cannot publish {}; what was there is as it was", self.place);
        self.run.settle().or_fail(Kind::Output, failed)?;
        match self.run.join(manifest::RUN).head() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(Kind::Output.error(format!(
                    "{} was removed while this run wrote into it, so its output is not whole: run it again",
                    self.run
                )));
            }
            there => drop(there.or_fail(Kind::Output, failed)?),
        }
        let folder = self.run.name().to_owned();
        let (mut former, condition) = match &self.former {
            None => (Vec::new(), Condition::Absent),
            Some((pointer, etag)) => {
                let mut former = vec![pointer.folder.clone()];
                former.extend(pointer.former.iter().cloned());
                let Some(etag) = etag else {
                    return Err(Kind::Output.error(format!(
                        "{}: the server does not say which contents an object has, so runs into it cannot be told apart",
                        self.place
                    )));
                };
                (former, Condition::Is(etag.clone()))
            }
        };
        let outdated = former.split_off(former.len().min(keep.saturating_sub(1)));
        let pointer = Pointer {
            run: self.name.clone(),
            manifest: format!("{folder}/{of_manifest}"),
            folder,
            time: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            former,
        };
        self.point(&pointer, condition)?;
        self.is_published = true;
        self.sweep(&pointer, outdated);
        Ok(self.run.clone())
    }

    /// Writes the pointer, if it is what it was.
    fn point(&self, pointer: &Pointer, condition: Condition) -> anyhow::Result<()> {
        let failed = || format!("cannot publish {}; what was there is as it was", self.place);
        let bytes = serde_json::to_vec(pointer).or_fail(Kind::Internal, failed)?;
        let address = self.place.join(POINTER);
        let Err(error) = address.put(bytes, condition) else {
            return Ok(());
        };
        // The server may have done what it did not say, and then it refuses to do it once more.
        match self::pointer(&self.place) {
            Ok(Some((now, _))) if now.folder == pointer.folder => Ok(()),
            Ok(now) if is_conflict(&error) => Err(Kind::Output.error(format!(
                "another run{} published into {} while this one wrote, so this one is not published and its files are deleted: \
                 run it again, or name another place with {}",
                now.map(|(now, _)| format!(" ({})", now.run)).unwrap_or_default(),
                self.place,
                self.option
            ))),
            _ => Err(error).or_fail(Kind::Output, failed),
        }
    }

    /// Deletes the runs that are no longer kept, and what killed runs left. That something of it stays is no failure.
    fn sweep(&self, pointer: &Pointer, outdated: Vec<String>) {
        let delete = |folder: &Address| {
            if let Err(error) = folder.delete_all() {
                tracing::warn!(%error, "{folder} stays; a later run deletes it");
            }
        };
        let is_known =
            |name: &str| name == pointer.folder || pointer.former.iter().any(|of| of == name);
        for name in outdated.iter().filter(|name| !is_known(name)) {
            delete(&self.place.join(name));
        }
        let Ok(folders) = self.place.folders() else {
            return;
        };
        for folder in folders {
            let name = folder.name();
            if is_known(name) {
                continue;
            }
            let marker = folder.join(manifest::RUN).head();
            if marker.is_ok_and(|marker| marker.modified < self.began - ABANDONED_SECONDS) {
                tracing::info!(%folder, "deleting what a killed run left");
                delete(&folder);
            }
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        if self.is_published {
            return;
        }
        self.run.forget();
        // Also where the run was interrupted.
        let run = self.run.clone().cancelled_by(&database::Cancel::default());
        if let Err(error) = run.delete_all() {
            tracing::warn!(%error, "{run} stays; a run after a day deletes it");
        }
    }
}

fn is_conflict(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AlreadyExists | ErrorKind::StaleNetworkFileHandle
    )
}

/// A folder for a run of this name; runs on two machines may share the name, and have folders of their own.
pub(crate) fn folder_of(run: &str) -> String {
    // Each of these is seeded by the system.
    let random = RandomState::new().build_hasher().finish();
    format!("{RUN}{run}-{:08x}", random as u32)
}
