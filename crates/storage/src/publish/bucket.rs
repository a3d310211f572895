//! Publish or nothing, in a bucket: each output is a [publication] of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context;
use dataset::failure::{Kind, OrFail};
use tempfile::TempDir;

use crate::bucket::Address;
use crate::bucket::publication::{self, Publication};
use crate::manifest;

/// The outputs of a run into a bucket. Those that are not published are deleted when this is dropped.
pub(super) struct BucketStaging {
    out: Address,
    run: String,
    option: &'static str,
    keep: usize,
    outputs: Mutex<BTreeMap<String, Publication>>,
    scratch: TempDir,
}

impl BucketStaging {
    /// Begins a run. Nothing is written yet.
    pub(super) fn begin(
        out: &Address,
        run: &str,
        option: &'static str,
        keep: usize,
    ) -> anyhow::Result<Self> {
        let scratch = tempfile::tempdir().or_fail(Kind::Output, || {
            let folder = std::env::temp_dir();
            format!(
                "cannot write to {}, where a run into a bucket keeps what it needs on its way: name another folder in TMPDIR",
                folder.display()
            )
        })?;
        Ok(Self {
            out: out.clone(),
            run: run.to_owned(),
            option,
            keep,
            outputs: Mutex::default(),
            scratch,
        })
    }

    fn outputs(&self) -> MutexGuard<'_, BTreeMap<String, Publication>> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place where a claimed output is written; for a name that was not claimed, a place that is never published.
    pub(super) fn output(&self, name: &str, file: Option<&str>) -> Address {
        let folder = match self.outputs().get(name) {
            Some(publication) => publication.folder().clone(),
            None => self.out.join(name),
        };
        match file {
            None => folder,
            Some(file) => folder.join(file),
        }
    }

    pub(super) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Begins an output, whose folder only this run writes to.
    pub(super) fn claim(&self, name: &str) -> anyhow::Result<()> {
        let folder = publication::folder_of(&self.run);
        let publication =
            Publication::begin(&self.out.join(name), &self.run, &folder, self.option)?;
        self.outputs().insert(name.to_owned(), publication);
        Ok(())
    }

    /// Publishes an output whose manifest is written.
    pub(super) fn publish(&self, name: &str, file: Option<&str>) -> anyhow::Result<Address> {
        let publication = self.outputs().remove(name);
        let publication = publication.with_context(|| format!("{name} was not claimed"))?;
        let manifest = match file {
            None => manifest::IN_FOLDER.to_owned(),
            Some(file) => {
                let success = publication.folder().join(manifest::SUCCESS);
                success
                    .write(Vec::new())
                    .or_fail(Kind::Output, || format!("cannot write {success}"))?;
                manifest::beside(file)
            }
        };
        let run = publication.publish(&manifest, self.keep)?;
        Ok(match file {
            None => run,
            Some(file) => run.join(file),
        })
    }
}
