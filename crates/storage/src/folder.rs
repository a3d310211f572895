//! Folders on disk: a lock that one run at a time takes, and waiting until the disk has everything.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Waits until the disk has the names of what lies in the folder, and the names of the folders between `from` and it. What was made
/// or moved there is then there after a power cut too.
///
/// # Errors
/// If a folder cannot be read or written.
pub fn sync(folder: &Path, from: &Path) -> io::Result<()> {
    for folder in folder.ancestors() {
        // The last part of a relative path lies in the current folder.
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        match File::open(folder)?.sync_all() {
            // Some file systems, mostly of networks, don't support this.
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

/// The folder itself if it exists, or else the nearest folder above it that does.
pub fn last_there(folder: &Path) -> PathBuf {
    let mut above = folder.ancestors();
    let found = above.find(|folder| folder.exists());
    found.unwrap_or(Path::new(".")).to_owned()
}

/// Makes the folder if need be, and locks the file `name` in it until the file returned is closed; `None` if another run has the
/// lock. A killed run no longer has it.
///
/// # Errors
/// If the folder cannot be made or written to.
pub fn lock(folder: &Path, name: &str) -> io::Result<Option<File>> {
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join(name))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether the lock file `lock`, which was taken as `name`, still lies in the folder. If not, the folder was removed or emptied
/// meanwhile, and what was written into it cannot be relied on.
pub fn still_holds(folder: &Path, name: &str, lock: &File) -> bool {
    // A file that was deleted has no links; but not every file system says so.
    folder.join(name).exists() && lock.metadata().is_ok_and(|lock| lock.nlink() > 0)
}

/// Shares the lock `name` with other readers, so that no run takes it while the file returned is open.
///
/// # Errors
/// If there is no such lock, or if a run has it.
pub fn hold(folder: &Path, name: &str) -> io::Result<File> {
    let lock = File::open(folder.join(name))?;
    lock.try_lock_shared()?;
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_synced_up_to_the_one_that_was_there() {
        let above = tempfile::tempdir().expect("a folder");
        let folder = above.path().join("made/now");
        assert_eq!(last_there(&folder), above.path());
        assert!(sync(&folder, above.path()).is_err());
        fs::create_dir_all(&folder).expect("made");
        sync(&folder, above.path()).expect("synced");
        assert_eq!(last_there(&folder), folder);
        assert_eq!(last_there(Path::new("nowhere/at/all")), Path::new("."));
    }
}
