//! The folder of a run in a bucket: marked by the object `_run.json`, which the run writes first, and deleted unless it is kept.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};

use database::Cancel;
use dataset::failure::{Kind, OrFail};

use super::Address;
use super::store::Condition;
use crate::manifest;

/// How old the remains of a run are that nobody can be writing any more.
pub(crate) const ABANDONED_SECONDS: i64 = 24 * 60 * 60;

/// A folder that one run alone writes into. Unless it is kept, all that lies in it is deleted when this is dropped.
pub(super) struct RunFolder {
    address: Address,
    /// When the run began, by the server's clock.
    pub(super) began: i64,
    is_kept: bool,
}

impl RunFolder {
    /// Takes a folder for the run of this name.
    ///
    /// # Errors
    /// `AlreadyExists` if another run has it; those of the server.
    pub(super) fn begin(address: &Address, run: &str) -> io::Result<Self> {
        let address = address.uploading();
        let marker = address.join(manifest::RUN);
        let ours = serde_json::json!({ "run": run, "writer": random() }).to_string();
        match marker.put(ours.clone().into_bytes(), Condition::Absent) {
            // The server may have done what it did not say, and then it refuses to do it once more.
            Err(error) if is_conflict(&error) && marker.has(ours.as_bytes()) => {}
            put => drop(put?),
        }
        let mut folder = Self {
            address,
            began: 0,
            is_kept: false,
        };
        folder.began = marker.head()?.modified;
        Ok(folder)
    }

    /// Where the run writes. What is written there may be under way until it is settled.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Waits until all that was written is there, and checks that nobody has removed it.
    ///
    /// # Errors
    /// [`Kind::Output`] if something is not there, whose message is `failed` where the server says why.
    pub(super) fn check_whole(&self, failed: impl Fn() -> String) -> anyhow::Result<()> {
        self.address.settle().or_fail(Kind::Output, &failed)?;
        match self.address.join(manifest::RUN).head() {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Kind::Output.error(format!(
                "{} was removed while this run wrote into it, so its output is not whole: run it again",
                self.address
            ))),
            there => there.map(drop).or_fail(Kind::Output, failed),
        }
    }

    /// Keeps what lies in it.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Deletes what killed runs left in the other folders of a place: what has a run's marker that is a day old, and is not known.
    pub(super) fn sweep(&self, place: &Address, is_known: impl Fn(&Address) -> bool) {
        let Ok(folders) = place.folders() else {
            return;
        };
        for folder in folders {
            let is_old = || {
                let marker = folder.join(manifest::RUN).head();
                marker.is_ok_and(|marker| marker.modified < self.began - ABANDONED_SECONDS)
            };
            if folder != self.address && !is_known(&folder) && is_old() {
                tracing::info!(%folder, "deleting what a killed run left");
                delete(&folder, None);
            }
        }
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        self.address.forget();
        // A request that an interrupt broke off may still be done by the server: then a later run finds what it wrote by this.
        let kept = self.address.is_cancelled().then_some(manifest::RUN);
        let address = self.address.clone();
        delete(&address.cancelled_by(&Cancel::default()), kept);
    }
}

/// A number that nobody else has, in 16 digits.
pub(crate) fn random() -> String {
    // Each state is seeded by the system.
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// Deletes a folder, but what has the name `kept` in it. That something of it stays is no failure.
pub(super) fn delete(folder: &Address, kept: Option<&str>) {
    if let Err(error) = folder.delete_all_but(kept) {
        tracing::warn!(%error, "{folder} stays; a run deletes it once it is a day old");
    }
}

/// Whether an object could not be written since it is not what it was.
pub(crate) fn is_conflict(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AlreadyExists | ErrorKind::StaleNetworkFileHandle
    )
}
