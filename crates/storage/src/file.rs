//! Files being written, with their sums, in folders that stay open.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::manifest::FileEntry;
use crate::sum::Summing;

/// A folder, open: what is created in it is found without following its whole path.
pub struct Folder {
    path: PathBuf,
    open: OwnedFd,
}

impl Folder {
    /// Makes the folder at `path`, and those above it, and opens it.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be made.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = fs::create_dir_all(path)
            .and_then(|()| Ok(rustix::fs::open(path, flags, Mode::empty())?))
            .or_fail(Kind::Output, || format!("cannot create {}", path.display()))?;
        let path = path.to_owned();
        Ok(Self { path, open })
    }

    /// Makes a folder of this name in it, and those above it, if they aren't there.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be made.
    pub fn create_folder(&self, name: &str) -> anyhow::Result<()> {
        let make = |name: &str| match rustix::fs::mkdirat(&self.open, name, Mode::from(0o777)) {
            Err(Errno::EXIST) => Ok(()),
            made => made,
        };
        let made = match make(name) {
            Err(Errno::NOENT) => {
                let above = name.match_indices('/').map(|(end, _)| &name[..end]);
                above.chain([name]).try_for_each(make)
            }
            made => made,
        };
        made.or_fail(Kind::Output, || {
            format!("cannot create {}", self.path.join(name).display())
        })
    }
}

/// An open file with its checksum.
pub struct OpenFile {
    path: PathBuf,
    file: File,
    summing: Summing,
}

impl OpenFile {
    /// Creates the file, which must not exist: two values whose folders the file system holds for one (letter
    /// case, on some) must not mix.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be created.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create_new(path);
        Self::new(file, path.to_owned())
    }

    /// Creates a file in a folder that is open, so that the file system has no long path to follow; it must not exist.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be created.
    pub fn create_in(folder: &Folder, name: &str) -> anyhow::Result<Self> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&folder.open, name, flags, Mode::from(0o666));
        Self::new(
            file.map(File::from).map_err(io::Error::from),
            folder.path.join(name),
        )
    }

    fn new(file: io::Result<File>, path: PathBuf) -> anyhow::Result<Self> {
        let file = file.or_fail(Kind::Output, || format!("cannot create {}", path.display()))?;
        Ok(Self {
            path,
            file,
            summing: Summing::default(),
        })
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Kind::Output`] if they cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.write_all(bytes).or_fail(Kind::Output, || {
            format!("cannot write {}", self.path.display())
        })
    }

    /// What the manifest says of the file, whose contents end here.
    pub fn entry(self, path: String, rows: usize) -> FileEntry {
        let sum = self.summing.sum();
        FileEntry {
            path,
            rows: rows as u64,
            bytes: sum.bytes,
            xxh3_128: sum.xxh3,
        }
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.summing.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
