//! A place where files lie: on disk, or in a bucket.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use database::Cancel;
use dataset::failure::Kind;
use serde::{Serialize, Serializer};

use crate::bucket::{self, Address};

/// A folder or a file, which need not be there yet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A path on disk.
    Disk(PathBuf),
    /// An address in a bucket.
    Bucket(Address),
}

/// A file as a listing tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The file's path relative to the place that was listed, with slashes.
    pub path: String,
    /// The file's size.
    pub bytes: u64,
}

impl Place {
    /// The place that a text names: `s3://bucket/prefix`, or a path.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it is an address of another kind, or if this program was built without buckets.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        if text.starts_with(bucket::SCHEME) {
            return Address::parse(text).map(Self::Bucket);
        }
        if text.is_empty() {
            return Err(Kind::Usage.error("a place has a name"));
        }
        match text.split_once("://") {
            Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                let way = match scheme {
                    "s3a" | "s3n" => format!("write s3://{rest}"),
                    "file" => format!("write {rest}"),
                    "gs" | "gcs" => "only s3:// is known; what Google keeps can be reached as a folder, by gcsfuse".to_owned(),
                    _ => "only s3:// and paths are known".to_owned(),
                };
                Err(Kind::Usage.error(format!("{text}: {way}")))
            }
            _ => Ok(Self::Disk(PathBuf::from(text))),
        }
    }

    /// Whether the place is in a bucket.
    pub fn is_bucket(&self) -> bool {
        matches!(self, Self::Bucket(_))
    }

    /// The path of a place on disk.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Disk(path) => Some(path),
            Self::Bucket(_) => None,
        }
    }

    /// The same place, whose requests end when `cancel` is cancelled.
    pub fn cancelled_by(self, cancel: &Cancel) -> Self {
        match self {
            Self::Bucket(address) => Self::Bucket(address.cancelled_by(cancel)),
            disk => disk,
        }
    }

    /// The place of this name below this one.
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::Disk(path) => Self::Disk(path.join(name)),
            Self::Bucket(address) => Self::Bucket(address.join(name)),
        }
    }

    /// The place of this name beside this one.
    pub fn beside(&self, name: &str) -> Self {
        match self {
            Self::Disk(path) => Self::Disk(path.with_file_name(name)),
            Self::Bucket(address) => Self::Bucket(address.beside(name)),
        }
    }

    /// The place that this one lies in.
    pub fn above(&self) -> Self {
        match self {
            Self::Disk(path) => Self::Disk(path.parent().unwrap_or(Path::new("")).to_owned()),
            Self::Bucket(address) => Self::Bucket(address.above()),
        }
    }

    /// The last part of the place's name; empty for a whole bucket, and for a path such as `..`.
    pub fn name(&self) -> String {
        match self {
            Self::Disk(path) => path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            Self::Bucket(address) => address.name().to_owned(),
        }
    }

    /// Whether there is a file at this place.
    ///
    /// # Errors
    /// If a bucket gives no answer.
    pub fn is_file(&self) -> io::Result<bool> {
        match self {
            Self::Disk(path) => Ok(path.is_file()),
            Self::Bucket(address) => address.is_there(),
        }
    }

    /// The size of the file.
    ///
    /// # Errors
    /// If it isn't there or cannot be read.
    pub fn size_bytes(&self) -> io::Result<u64> {
        match self {
            Self::Disk(path) => Ok(fs::metadata(path)?.len()),
            Self::Bucket(address) => Ok(address.head()?.bytes),
        }
    }

    /// Opens the file.
    ///
    /// # Errors
    /// If it isn't there or cannot be read.
    pub fn open(&self) -> io::Result<Opened> {
        match self {
            Self::Disk(path) => File::open(path).map(Opened::File),
            Self::Bucket(address) => {
                let (meta, object) = address.open(None)?;
                Ok(Opened::Object(meta.bytes, object))
            }
        }
    }

    /// The file's contents.
    ///
    /// # Errors
    /// If it isn't there or cannot be read.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Disk(path) => fs::read(path),
            Self::Bucket(address) => Ok(address.read()?.1),
        }
    }

    /// The file's contents as text.
    ///
    /// # Errors
    /// If it isn't there, cannot be read, or is not UTF-8.
    pub fn read_to_string(&self) -> io::Result<String> {
        String::from_utf8(self.read()?)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// The file itself if it is on disk, else a copy in a nameless temporary file: for readers that have to seek.
    ///
    /// # Errors
    /// If the file isn't there or cannot be read, or the copy cannot be written.
    pub fn on_disk(&self) -> io::Result<File> {
        match self {
            Self::Disk(path) => File::open(path),
            Self::Bucket(_) => {
                let mut copy = tempfile::tempfile()?;
                io::copy(&mut self.open()?, &mut copy)?;
                io::Seek::rewind(&mut copy)?;
                Ok(copy)
            }
        }
    }

    /// Writes a new file. On disk there must be none yet; in a bucket, an object that is there is replaced.
    ///
    /// # Errors
    /// If it cannot be written, or, on disk, is there already.
    pub fn create(&self, contents: &[u8]) -> io::Result<()> {
        match self {
            Self::Disk(path) => io::Write::write_all(&mut File::create_new(path)?, contents),
            Self::Bucket(address) => address.write(contents.to_vec()),
        }
    }

    /// Writes the whole file, and replaces one that is there.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, contents: &[u8]) -> io::Result<()> {
        match self {
            Self::Disk(path) => fs::write(path, contents),
            Self::Bucket(address) => address.write(contents.to_vec()),
        }
    }

    /// Deletes the file.
    ///
    /// # Errors
    /// If it cannot be deleted, or, on disk, isn't there.
    pub fn delete(&self) -> io::Result<()> {
        match self {
            Self::Disk(path) => fs::remove_file(path),
            Self::Bucket(address) => address.delete(),
        }
    }

    /// Deletes those files of these names that are in this folder.
    ///
    /// # Errors
    /// If a file that is there cannot be deleted.
    pub fn delete_below(&self, names: &[&str]) -> io::Result<()> {
        match self {
            Self::Disk(path) => {
                names
                    .iter()
                    .try_for_each(|name| match fs::remove_file(path.join(name)) {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                        _ => Ok(()),
                    })
            }
            Self::Bucket(address) => address.delete_below(names),
        }
    }

    /// All files below this place, in no particular order; none if the place isn't there.
    ///
    /// # Errors
    /// If a folder or the bucket cannot be read.
    pub fn files(&self) -> io::Result<Vec<Listed>> {
        match self {
            Self::Disk(root) => files_below(root),
            Self::Bucket(address) => {
                let found = address.list()?.into_iter();
                Ok(found
                    .map(|meta| Listed {
                        path: address.relative(&meta.key).to_owned(),
                        bytes: meta.bytes,
                    })
                    .collect())
            }
        }
    }

    /// Waits until everything that was written to this place is there.
    ///
    /// # Errors
    /// The error of the first write that failed.
    pub fn settle(&self) -> io::Result<()> {
        match self {
            Self::Disk(_) => Ok(()),
            Self::Bucket(address) => address.settle(),
        }
    }
}

fn files_below(root: &Path) -> io::Result<Vec<Listed>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let relative = path.strip_prefix(root).unwrap_or(&path);
            found.push(Listed {
                path: relative.to_string_lossy().into_owned(),
                bytes: fs::metadata(&path).map_or(0, |found| found.len()),
            });
        }
    }
    Ok(found)
}

/// Turns the result of reading a place into one with a kind of failure: [`Kind::Connection`] if a bucket gave no answer,
/// [`Kind::Refused`] if the contents changed meanwhile, [`Kind::Usage`] if the access key has no right to it, else `kind`.
///
/// # Errors
/// The error of reading, with its kind.
pub fn reading<T>(read: io::Result<T>, kind: Kind, place: impl fmt::Display) -> anyhow::Result<T> {
    read.map_err(|error| {
        let kind = match error.kind() {
            // A file system's errors mean something else than a bucket's.
            _ if error.raw_os_error().is_some() => kind,
            io::ErrorKind::StaleNetworkFileHandle => {
                return Kind::Refused.error(format!(
                    "{place} changed while it was read: load it again when it is complete"
                ));
            }
            io::ErrorKind::NotConnected => Kind::Connection,
            io::ErrorKind::PermissionDenied => Kind::Usage,
            _ => kind,
        };
        kind.caused_by(error, format!("{place} cannot be read"))
    })
}

/// A file that is being read.
pub enum Opened {
    /// A file on disk.
    File(File),
    /// An object in a bucket, with its size.
    Object(u64, Box<dyn Read + Send>),
}

impl Opened {
    /// The file's size.
    ///
    /// # Errors
    /// If the file system doesn't say so.
    pub fn size_bytes(&self) -> io::Result<u64> {
        match self {
            Self::File(file) => Ok(file.metadata()?.len()),
            Self::Object(bytes, _) => Ok(*bytes),
        }
    }
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Object(_, object) => object.read(buffer),
        }
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::Disk(path.to_owned())
    }
}

impl From<&PathBuf> for Place {
    fn from(path: &PathBuf) -> Self {
        Self::Disk(path.clone())
    }
}

impl From<&Place> for Place {
    fn from(place: &Place) -> Self {
        place.clone()
    }
}

impl From<PathBuf> for Place {
    fn from(path: PathBuf) -> Self {
        Self::Disk(path)
    }
}

impl FromStr for Place {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(path) => path.display().fmt(f),
            Self::Bucket(address) => address.fmt(f),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests;
