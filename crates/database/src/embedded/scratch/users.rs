//! The runs that use the server: each holds a lock on a file of its own for as long as it lives.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};

use crate::embedded::{self, Embedded};

/// The locked file of a run. It is deleted when this value is dropped.
pub(super) struct Mark {
    path: PathBuf,
    name: String,
    _lock: File,
}

impl Mark {
    /// Creates the file of a run. The caller holds the server's lock.
    pub(super) fn make(server: &Embedded, name: &str) -> anyhow::Result<Self> {
        let folder = folder(server);
        let path = folder.join(name);
        let lock = || -> std::io::Result<File> {
            fs::create_dir_all(&folder)?;
            let file = File::create_new(&path)?;
            file.lock()?;
            Ok(file)
        };
        Ok(Self {
            _lock: lock().or_fail(Kind::Output, || path.display().to_string())?,
            path,
            name: name.to_owned(),
        })
    }

    /// The name of the run's file, database and role.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The names of the runs that are alive, without `own`; files of other runs are deleted. The caller holds the server's lock.
pub(super) fn living(server: &Embedded, own: Option<&Mark>) -> anyhow::Result<Vec<String>> {
    let folder = folder(server);
    let mut living = vec![];
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(living),
        entries => entries.or_fail(Kind::Output, || folder.display().to_string())?,
    };
    for entry in entries {
        let path = entry
            .or_fail(Kind::Output, || folder.display().to_string())?
            .path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if own.is_some_and(|own| own.name == name) {
            continue;
        }
        if is_held(&path).or_fail(Kind::Output, || path.display().to_string())? {
            living.push(name.into_owned());
        } else {
            embedded::remove(&path)?;
        }
    }
    Ok(living)
}

/// Deletes the folder of the runs' files.
pub(super) fn remove(server: &Embedded) -> anyhow::Result<()> {
    embedded::remove(&folder(server))
}

fn is_held(path: &Path) -> std::io::Result<bool> {
    // A run that ended before it could get the server's lock may have just deleted its file.
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn folder(server: &Embedded) -> PathBuf {
    server.folder().join("runs")
}

/// The scratch server, for messages.
pub(super) fn place(server: &Embedded) -> String {
    format!("scratch server in {}", server.folder().display())
}
