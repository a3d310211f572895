//! The folder of a run in a bucket: marked by the object `_run.json`, which the run writes first, and deleted unless it is kept.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, ErrorKind};

use database::Cancel;
use dataset::failure::{Kind, OrFail};

use super::Address;
use super::store::Condition;
use crate::manifest;

/// The age at which the remains of a run count as abandoned, in seconds: nobody can still be writing them.
pub(crate) const ABANDONED_SECONDS: i64 = 24 * 60 * 60;

/// A folder that only one run writes into. Unless it is kept, all that lies in it is deleted when this is dropped.
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
            // The server may have done the write although its answer was lost, and then refuses the repeated one.
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

    /// The run's folder. What is written there may be under way until it is settled.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// Waits until everything that was written is there, and checks that nobody has removed it.
    ///
    /// # Errors
    /// [`Kind::Output`] if something is not there. `failed` gives the message where the server says why.
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

    /// Keeps the folder when this is dropped.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Deletes what killed runs left in the other folders of a place: folders that `is_known` doesn't accept and whose run's marker
    /// is at least a day old.
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
        // The server may still do a request that an interrupt broke off. The marker stays, so that a later run finds what that
        // wrote.
        let kept = self.address.is_cancelled().then_some(manifest::RUN);
        let address = self.address.clone();
        delete(&address.cancelled_by(&Cancel::default()), kept);
    }
}

/// A random number, written as 16 hexadecimal digits.
pub(crate) fn random() -> String {
    // Each state is seeded from the system's randomness.
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// Deletes a folder, except for the object named `kept`. Failing to delete something is not an error.
pub(super) fn delete(folder: &Address, kept: Option<&str>) {
    if let Err(error) = folder.delete_all_but(kept) {
        tracing::warn!(%error, "{folder} stays; a run deletes it once it is a day old");
    }
}

/// Whether a conditional write failed because the object has changed, appeared or gone.
pub(crate) fn is_conflict(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::AlreadyExists | ErrorKind::StaleNetworkFileHandle
    )
}
