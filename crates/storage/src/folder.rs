//! Folders on disk: the lock that one run at a time takes, and what the disk has.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Waits until the disk has the names of what lies in the folder, and the folder itself as far as `from` does not have it: what
/// was made or moved there is there after a power cut too.
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
pub fn last_there(folder: &Path) -> PathBuf {
    let mut above = folder.ancestors();
    let found = above.find(|folder| folder.exists());
    found.unwrap_or(Path::new(".")).to_owned()
}

/// Makes the folder if need be, and takes the lock that the file `name` in it stands for, until the file is closed;
/// `None` if another run has it. A killed run no longer has it.
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

/// Whether `lock`, which was taken as `name`, still lies in the folder: where it doesn't, the folder was removed or
/// emptied meanwhile, and what was written into it cannot be relied on.
pub fn still_holds(folder: &Path, name: &str, lock: &File) -> bool {
    // A file without a name has no links; not every file system can say so.
    folder.join(name).exists() && lock.metadata().is_ok_and(|lock| lock.nlink() > 0)
}

/// Shares the lock `name` with others that read, so that no run takes it while the file is open.
///
/// # Errors
/// If there is no such lock, or a run has it at the moment.
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
