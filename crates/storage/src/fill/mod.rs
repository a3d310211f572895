//! Fill or nothing: an empty place gets all files of a run, or none.
//!
//! For a place that may hold a former output, see [`publish`](crate::publish).

mod bucket;
mod folder;
mod marker;

use crate::place::Place;
use bucket::BucketFilling;
use folder::FolderFilling;
pub(crate) use marker::not_filled;
pub use marker::{MARKER, cannot_write, check_filled};

/// The files of a run. Unless they are published, they are deleted with everything else that this run made.
pub struct Filling(In);

enum In {
    Folder(FolderFilling),
    Bucket(BucketFilling),
}

impl Filling {
    /// Takes the place `target` for a run that writes files of these names. A folder is made if need be. The place must hold
    /// nothing but the remains of a killed run.
    ///
    /// # Errors
    /// [`Kind::Refused`](dataset::failure::Kind::Refused) if it holds something or another run writes it, [`Kind::Output`](dataset::failure::Kind::Output) if it cannot be written.
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

    /// Publishes the files. On disk they are moved into place, the one named `last` after all others; in a bucket it was written
    /// last.
    ///
    /// # Errors
    /// [`Kind::Output`](dataset::failure::Kind::Output) if one cannot be written, or if the place was removed or emptied during the run.
    pub fn publish(self, last: &str) -> anyhow::Result<()> {
        match self.0 {
            In::Folder(filling) => filling.publish(last),
            In::Bucket(filling) => filling.publish(),
        }
    }
}
