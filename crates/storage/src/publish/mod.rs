//! Publish or nothing: others see all that a run writes, or nothing of it.
//!
//! In a folder, the output is staged beside its place and exchanged with it in one step. In a bucket it is written where nobody
//! looks until a pointer, written last, leads there.

mod bucket;
mod folder;

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::place::Place;
use bucket::BucketStaging;
use folder::FolderStaging;

/// How many runs stay in a bucket, including the latest, unless an option says otherwise: one more, for whoever still reads it.
pub const DEFAULT_KEEP: usize = 2;

/// What a run has written and not published. It is deleted when this is dropped.
pub struct Staging(In);

enum In {
    Folder(FolderStaging),
    Bucket(BucketStaging),
}

impl Staging {
    /// Takes the place `out` for the run of this name. A folder is made if need be and cleared of what killed runs left. In a
    /// bucket, `keep` runs stay. `option` is the option that named `out`.
    ///
    /// # Errors
    /// [`Kind::Output`](dataset::failure::Kind::Output) if nothing can be written there, or another run writes into the folder.
    pub fn begin(
        out: &Place,
        run: &str,
        option: &'static str,
        keep: usize,
    ) -> anyhow::Result<Self> {
        Ok(Self(match out {
            Place::Disk(out) => In::Folder(FolderStaging::begin(out, run, option)?),
            Place::Bucket(out) => In::Bucket(BucketStaging::begin(out, run, option, keep)?),
        }))
    }

    /// Keeps runs from replacing what lies in `out`, as long as the file returned is open.
    ///
    /// # Errors
    /// If there is no output, or if a run is writing there.
    pub fn hold(out: &Path) -> std::io::Result<File> {
        FolderStaging::hold(out)
    }

    /// The place at which to write the output `name`: a folder, or a single file if `file` names one.
    pub fn output(&self, name: &str, file: Option<&str>) -> Place {
        match &self.0 {
            In::Folder(staging) => Place::Disk(staging.path(file.unwrap_or(name))),
            In::Bucket(staging) => Place::Bucket(staging.output(name, file)),
        }
    }

    /// A path on disk for files that only this run needs, and only while it runs.
    pub fn scratch(&self, name: &str) -> PathBuf {
        match &self.0 {
            In::Folder(staging) => staging.path(name),
            In::Bucket(staging) => staging.scratch(name),
        }
    }

    /// Checks, before anything is written, that the output can be published and would replace nothing but a former one.
    ///
    /// # Errors
    /// [`Kind::Output`](dataset::failure::Kind::Output) if not.
    pub fn claim(&self, name: &str, file: Option<&str>) -> anyhow::Result<()> {
        match (&self.0, file) {
            (In::Folder(staging), None) => staging.check_replaceable(name),
            (In::Folder(staging), Some(file)) => staging.check_file_replaceable(file),
            (In::Bucket(staging), _) => staging.claim(name),
        }
    }

    /// Publishes an output. It must have been claimed, and written with its manifest.
    ///
    /// # Errors
    /// [`Kind::Output`](dataset::failure::Kind::Output) if that is not possible, if the place holds anything but a former output,
    /// if it was removed or emptied during the run, or if another run published into the bucket.
    pub fn publish(&self, name: &str, file: Option<&str>) -> anyhow::Result<Place> {
        match (&self.0, file) {
            (In::Folder(staging), None) => staging.publish_folder(name).map(Place::Disk),
            (In::Folder(staging), Some(file)) => staging.publish_file(file).map(Place::Disk),
            (In::Bucket(staging), file) => staging.publish(name, file).map(Place::Bucket),
        }
    }
}
