//! A place where files lie: a folder, which one run at a time writes to.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder, which need not be there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
}

impl Place {
    /// The folder at `path`.
    pub fn folder(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of what lies in it under this name.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes the folder if need be, and takes the lock that the file `name` in it stands for, until the file is closed;
    /// `None` if another run has it. A killed run no longer has it.
    ///
    /// # Errors
    /// If the folder cannot be made or written to.
    pub fn lock(&self, name: &str) -> io::Result<Option<File>> {
        fs::create_dir_all(&self.path)?;
        let lock = File::create(self.join(name))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether `lock`, which was taken as `name`, still lies in the folder: where it doesn't, the folder was removed or
    /// emptied meanwhile, and what was written into it cannot be relied on.
    pub fn still_holds(&self, name: &str, lock: &File) -> bool {
        // A file without a name has no links; not every file system can say so.
        self.join(name).exists() && lock.metadata().is_ok_and(|lock| lock.nlink() > 0)
    }

    /// Shares the lock `name` with others that read, so that no run takes it while the file is open.
    ///
    /// # Errors
    /// If there is no such lock, or a run has it at the moment.
    pub fn hold(&self, name: &str) -> io::Result<File> {
        let lock = File::open(self.join(name))?;
        lock.try_lock_shared()?;
        Ok(lock)
    }
}
