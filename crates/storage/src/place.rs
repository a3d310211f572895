//! A place where files lie: a folder, which one run at a time writes to.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
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

    /// Waits until the disk has the names of what lies in the folder, and the folder itself as far as `from` does not have it: what
    /// was made or moved there is there after a power cut too.
    ///
    /// # Errors
    /// If a folder cannot be read or written.
    pub fn sync(&self, from: &Path) -> io::Result<()> {
        for folder in self.path.ancestors() {
            // The last part of a relative path lies in the current folder.
            let folder = match folder.as_os_str().is_empty() {
                true => Path::new("."),
                false => folder,
            };
            match File::open(folder)?.sync_all() {
                // Some file systems, of networks above all, know no such thing.
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::InvalidInput | ErrorKind::Unsupported
                    ) => {}
                synced => synced?,
            }
            if folder == from {
                break;
            }
        }
        Ok(())
    }

    /// The folder itself if it is there, or else the last of those above it that are.
    pub fn last_there(&self) -> PathBuf {
        let mut above = self.path.ancestors();
        let found = above.find(|folder| folder.exists());
        found.unwrap_or(Path::new(".")).to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_synced_up_to_the_one_that_was_there() {
        let above = tempfile::tempdir().expect("a folder");
        let place = Place::folder(&above.path().join("made/now"));
        assert_eq!(place.last_there(), above.path());
        assert!(place.sync(above.path()).is_err());
        fs::create_dir_all(place.path()).expect("made");
        place.sync(above.path()).expect("synced");
        assert_eq!(place.last_there(), place.path());
        let relative = Place::folder(Path::new("nowhere/at/all"));
        assert_eq!(relative.last_there(), Path::new("."));
    }
}
