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
    /// On disk.
    Disk(PathBuf),
    /// In a bucket.
    Bucket(Address),
}

/// What is told of a file without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path, relative to where it was looked for; its parts are divided by slashes.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

impl Place {
    /// The place that a text names: `s3://bucket/prefix`, or a path.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it is an address of another kind, or if this program knows no buckets.
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

    /// Whether it is in a bucket.
    pub fn is_bucket(&self) -> bool {
        matches!(self, Self::Bucket(_))
    }

    /// Its path, if it is on disk.
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

    /// What lies in it under this name.
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::Disk(path) => Self::Disk(path.join(name)),
            Self::Bucket(address) => Self::Bucket(address.join(name)),
        }
    }

    /// What lies beside it under this name.
    pub fn beside(&self, name: &str) -> Self {
        match self {
            Self::Disk(path) => Self::Disk(path.with_file_name(name)),
            Self::Bucket(address) => Self::Bucket(address.beside(name)),
        }
    }

    /// What it lies in.
    pub fn above(&self) -> Self {
        match self {
            Self::Disk(path) => Self::Disk(path.parent().unwrap_or(Path::new("")).to_owned()),
            Self::Bucket(address) => Self::Bucket(address.above()),
        }
    }

    /// The last part of its name; empty for a whole bucket, and for a path such as `..`.
    pub fn name(&self) -> String {
        match self {
            Self::Disk(path) => path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default(),
            Self::Bucket(address) => address.name().to_owned(),
        }
    }

    /// Whether there is a file.
    ///
    /// # Errors
    /// If a bucket doesn't say so.
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

    /// A file on disk with the contents: the file itself, or a copy without a name in the folder for temporary files, for what
    /// has to be read here and there.
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

    /// Writes the file whole, where there is none yet.
    ///
    /// # Errors
    /// If it cannot be written, or is there.
    pub fn create(&self, contents: &[u8]) -> io::Result<()> {
        match self {
            Self::Disk(path) => io::Write::write_all(&mut File::create_new(path)?, contents),
            Self::Bucket(address) => address.write(contents.to_vec()),
        }
    }

    /// Writes the file whole, whatever was there.
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

    /// Deletes the files of these names in it, those that are there.
    ///
    /// # Errors
    /// If one cannot be deleted.
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

    /// All files below it, in no order; none if it isn't there.
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

    /// Waits until all that was written there is there.
    ///
    /// # Errors
    /// What a write failed with.
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

/// What came of reading a place; where it fails, of this kind, or of [`Kind::Connection`] if a bucket gave no answer,
/// [`Kind::Refused`] if what is read changed meanwhile, and [`Kind::Usage`] if the key has no right to it.
///
/// # Errors
/// Where reading failed.
pub fn reading<T>(read: io::Result<T>, kind: Kind, place: impl fmt::Display) -> anyhow::Result<T> {
    read.map_err(|error| {
        let kind = match error.kind() {
            // What the system says of a file is not what a bucket says of a key.
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
    /// On disk.
    File(File),
    /// In a bucket, with its size.
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
