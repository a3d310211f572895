//! Fill or nothing, on disk: files are staged inside the folder, and moved into place once all are written.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};

use super::marker::{MARKER, cannot_write};
use crate::folder;

/// A staging folder inside the target, in which everything is written. Unless it is published, it is deleted with everything else
/// that this run made.
pub(super) struct FolderFilling {
    folder: PathBuf,
    target: PathBuf,
    lock: PathBuf,
    /// Whether the target was made for this run.
    is_new: bool,
    /// The lock file, which is locked for as long as it is open; if the run is killed, the system closes it.
    locked: File,
}

const LOCK: &str = ".extrato-lock";

impl FolderFilling {
    /// Takes the folder `target` for this run. It is made if need be, and must hold nothing but the remains of a killed run.
    ///
    /// # Errors
    /// [`Kind::Refused`] if it holds something or another run writes to it, [`Kind::Output`] if it cannot be written.
    pub(super) fn open(target: &Path) -> anyhow::Result<Self> {
        let refused = |why: &str| Kind::Refused.error(format!("{} {why}", target.display()));
        if target.is_file() {
            return Err(refused("is a file: name a folder with --to"));
        }
        let is_new = !target.exists();
        let (folder, lock_path) = (target.join(MARKER), target.join(LOCK));
        let entries = || fs::read_dir(target).into_iter().flatten().flatten();
        let is_ours = |name: &std::ffi::OsStr| name == MARKER || name == LOCK;
        // A killed run may have left files in the target, but then its staging folder is still there too.
        if !folder.exists() && entries().any(|entry| !is_ours(&entry.file_name())) {
            return Err(refused(
                "holds something: delete it, or name another folder with --to",
            ));
        }
        let locked = folder::lock(target, LOCK)
            .or_fail(Kind::Output, || cannot_write(target.display()))?
            .ok_or_else(|| refused("is being written by another run: wait until it ends"))?;
        if folder.exists() {
            fs::remove_dir_all(&folder).or_fail(Kind::Output, || cannot_write(folder.display()))?;
        }
        fs::create_dir(&folder).or_fail(Kind::Output, || cannot_write(folder.display()))?;
        Ok(Self {
            folder,
            target: target.to_owned(),
            lock: lock_path,
            is_new,
            locked,
        })
    }

    /// The folder to write into.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Checks that nobody has removed the target, or emptied it, since this run began.
    fn check_there(&self) -> anyhow::Result<()> {
        if folder::still_holds(&self.target, LOCK, &self.locked) {
            return Ok(());
        }
        Err(Kind::Output.error(format!(
            "{} was removed or emptied while this run wrote into it, so its files are not whole: run it again",
            self.target.display()
        )))
    }

    /// Moves the files into place, the one named `last` after all others.
    ///
    /// # Errors
    /// [`Kind::Output`] if a file cannot be moved, or if the target was removed or emptied during the run.
    pub(super) fn publish(mut self, last: &str) -> anyhow::Result<()> {
        self.check_there()?;
        let entries = fs::read_dir(&self.folder)
            .or_fail(Kind::Output, || cannot_write(self.folder.display()))?;
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort_by_key(|name| name == last);
        for name in names {
            let path = self.target.join(&name);
            fs::rename(self.folder.join(&name), &path)
                .or_fail(Kind::Output, || cannot_write(path.display()))?;
        }
        self.check_there()?;
        self.is_new = false;
        Ok(())
    }
}

impl Drop for FolderFilling {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(%error, "{} could not be deleted", self.folder.display());
        }
        let _ = fs::remove_file(&self.lock);
        if self.is_new {
            let _ = fs::remove_dir(&self.target);
        }
    }
}
