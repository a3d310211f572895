//! A backup that is being written, which nobody can mistake for a finished one before it is published.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};
use storage::bucket::series::{Output, Series};
use storage::fill::cannot_write;
use storage::place::Place;
use storage::publish::{DEFAULT_KEEP, Staging};

use crate::folder::{self, LATEST};
use crate::manifest::FILE;
use crate::name;

/// Backups as a series of outputs in a bucket.
const SERIES: Series = Series {
    is_name: name::is_name,
    manifest: FILE,
    option: "--to",
};

/// A new backup, which is deleted unless it is published.
pub(crate) struct Staged {
    name: String,
    root: Place,
    of: Of,
}

enum Of {
    Folder {
        staging: Staging,
        folder: PathBuf,
        /// The innermost folder on the way to `folder` that existed before.
        there: PathBuf,
    },
    Bucket(Output),
}

impl Staged {
    /// Begins a backup in a place, under a name that no backup there has.
    ///
    /// # Errors
    /// [`Kind::Output`] if nothing can be written there, or if `latest` or the bucket's pointer is not one of backups.
    pub(crate) fn begin(to: &Place) -> anyhow::Result<Self> {
        let (second, names) = (name::of_now(), folder::names(to));
        match to {
            Place::Disk(path) => {
                check_latest(path)?;
                let number = name::next_number(&second, &names.unwrap_or_default());
                let name = name::numbered(&second, number);
                let there = storage::folder::last_there(path);
                let staging = Staging::begin(to, &name, SERIES.option, DEFAULT_KEEP)?;
                let root = staging.scratch(&name);
                fs::create_dir(&root).or_fail(Kind::Output, || cannot_write(root.display()))?;
                Ok(Self {
                    name,
                    root: root.into(),
                    of: Of::Folder {
                        staging,
                        folder: path.clone(),
                        there,
                    },
                })
            }
            Place::Bucket(address) => {
                let names = names.or_fail(Kind::Output, || cannot_write(to))?;
                let number = name::next_number(&second, &names);
                let numbered = |number| name::numbered(&second, number);
                let output = Output::begin(address, SERIES, number, numbered)?;
                Ok(Self {
                    name: output.folder().name().to_owned(),
                    root: Place::Bucket(output.folder().clone()),
                    of: Of::Bucket(output),
                })
            }
        }
    }

    /// The backup's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The place where the backup's files are written.
    pub(crate) fn root(&self) -> &Place {
        &self.root
    }

    /// Puts the backup, whose manifest was written last, among the others, and makes `latest` or the pointer lead to it. On a disk,
    /// both are safely stored when this returns, so that older backups can be deleted.
    ///
    /// # Errors
    /// [`Kind::Output`] if the backup cannot be published.
    pub(crate) fn publish(self) -> anyhow::Result<Place> {
        let (staging, folder, there) = match self.of {
            Of::Bucket(output) => return output.publish().map(Place::Bucket),
            Of::Folder {
                staging,
                folder,
                there,
            } => (staging, folder, there),
        };
        let sync = |path: &Path, from: &Path| {
            let synced = storage::folder::sync(path, from);
            synced.or_fail(Kind::Output, || cannot_write(path.display()))
        };
        let staged = staging.scratch(&self.name);
        sync(&staged, &staged)?;
        let place = staging.publish(&self.name, None)?;
        sync(&folder, &there)?;
        point_latest(&folder, &self.name)?;
        sync(&folder, &folder)?;
        Ok(place)
    }
}

/// Makes the link `latest` lead to the backup of this name, in one step.
///
/// # Errors
/// [`Kind::Output`] if the link cannot be made, or something else has its name.
fn point_latest(folder: &Path, name: &str) -> anyhow::Result<()> {
    check_latest(folder)?;
    let (latest, new) = (folder.join(LATEST), folder.join(".extrato-latest"));
    let point = || {
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        symlink(name, &new)?;
        fs::rename(&new, &latest)
    };
    point().or_fail(Kind::Output, || {
        format!(
            "the backup {} is complete, but {} could not be pointed at it",
            folder.join(name).display(),
            latest.display()
        )
    })
}

/// Checks that `latest`, if it exists, is a link.
///
/// # Errors
/// [`Kind::Output`] if it is something else.
fn check_latest(folder: &Path) -> anyhow::Result<()> {
    let latest = folder.join(LATEST);
    match latest.symlink_metadata() {
        Ok(found) if !found.is_symlink() => Err(Kind::Output.error(format!(
            "{} is not the link that `extrato backup` makes: move it, or name another folder with --to",
            latest.display()
        ))),
        _ => Ok(()),
    }
}
