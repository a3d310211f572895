//! Fill or nothing: files for a place that is empty are all there in the end, or none is.
//!
//! Where a former output may lie, [`publish`](crate::publish) is the way.

mod bucket;
mod folder;

use std::fmt;

use dataset::failure::Kind;

use crate::place::{Place, reading};
use bucket::BucketFilling;
use folder::FolderFilling;

/// What lies in a place while it is being filled: on disk the folder that holds the files until all are written, in a bucket an object
/// beside them.
pub const MARKER: &str = ".extrato-loading";

/// The files of a run. Unless they are published, they are deleted with all else that this run made.
pub struct Filling(In);

enum In {
    Folder(FolderFilling),
    Bucket(BucketFilling),
}

impl Filling {
    /// Takes the place `target` for a run that writes files of these names. A folder is made if need be. The place must hold nothing but
    /// what a killed run left.
    ///
    /// # Errors
    /// [`Kind::Refused`] if it holds something or another run writes it, [`Kind::Output`] if it cannot be written.
    pub fn open(target: &Place, names: Vec<String>) -> anyhow::Result<Self> {
        Ok(Self(match target {
            Place::Disk(path) => In::Folder(FolderFilling::open(path)?),
            Place::Bucket(address) => In::Bucket(BucketFilling::open(address, names)?),
        }))
    }

    /// The place to write into.
    pub fn folder(&self) -> Place {
        match &self.0 {
            In::Folder(filling) => filling.folder().into(),
            In::Bucket(filling) => Place::Bucket(filling.folder().clone()),
        }
    }

    /// Puts the files into place, on disk the one named `last` after all others; in a bucket it was written last.
    ///
    /// # Errors
    /// [`Kind::Output`] if one cannot be written, or if the place was removed or emptied during the run.
    pub fn publish(self, last: &str) -> anyhow::Result<()> {
        match self.0 {
            In::Folder(filling) => filling.publish(last),
            In::Bucket(filling) => filling.publish(),
        }
    }
}

/// Checks that no run is filling a place in a bucket, nor was killed while it did: what lies there may be half of it. On disk it is
/// not there before it is whole.
///
/// # Errors
/// [`Kind::Refused`] if a run is, or was; [`Kind::Connection`] if the bucket gives no answer.
pub fn check_filled(place: &Place) -> anyhow::Result<()> {
    let Place::Bucket(address) = place else {
        return Ok(());
    };
    match reading(address.join(MARKER).is_there(), Kind::Refused, place)? {
        false => Ok(()),
        true => Err(not_filled(place)),
    }
}

/// The refusal of a place in a bucket in which the marker lies.
pub(crate) fn not_filled(place: impl fmt::Display) -> anyhow::Error {
    Kind::Refused.error(format!(
        "{place} is not whole: `extrato generate` is filling it, or was killed while it did (the object {MARKER} in it says so): \
         wait for its end, or run it again into a place that is empty"
    ))
}

/// The message of an error about a place that cannot be written.
pub fn cannot_write(place: impl fmt::Display) -> String {
    format!("cannot write {place}")
}
