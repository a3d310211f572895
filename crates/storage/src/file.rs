//! Files being written, with their checksums, in folders that stay open.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use dataset::failure::{Kind, OrFail};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::bucket::Address;
use crate::bucket::object::Object;
use crate::manifest::FileEntry;
use crate::place::Place;
use crate::sum::Summing;

/// A folder that files are created in.
pub struct Folder(Kept);

enum Kept {
    /// A folder on disk that stays open, so that creating a file need not follow the whole path.
    Open(PathBuf, OwnedFd),
    /// A place in a bucket, which has no folders but names with slashes.
    Bucket(Address),
}

impl Folder {
    /// Makes the folder at a place, with those above it, and opens it.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be made.
    pub fn create(place: &Place) -> anyhow::Result<Self> {
        let path = match place {
            Place::Disk(path) => path,
            Place::Bucket(address) => return Ok(Self(Kept::Bucket(address.clone()))),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = fs::create_dir_all(path)
            .and_then(|()| Ok(rustix::fs::open(path, flags, Mode::empty())?))
            .or_fail(Kind::Output, || format!("cannot create {}", path.display()))?;
        Ok(Self(Kept::Open(path.clone(), open)))
    }

    /// Makes a folder of this name in this one, with those between, if they aren't there.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be made.
    pub fn create_folder(&self, name: &str) -> anyhow::Result<()> {
        let Kept::Open(path, open) = &self.0 else {
            return Ok(());
        };
        let make = |name: &str| match rustix::fs::mkdirat(open, name, Mode::from(0o777)) {
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
            format!("cannot create {}", path.join(name).display())
        })
    }
}

/// A file being written, with its checksum.
pub struct OpenFile {
    place: Place,
    body: Body,
    summing: Summing,
}

enum Body {
    File(File),
    Object(Object),
}

impl OpenFile {
    /// Creates the file, which must not exist. Some file systems ignore the case of letters: folders of two values could be one
    /// there, and their rows must not mix.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be created.
    pub fn create(place: &Place) -> anyhow::Result<Self> {
        let body = match place {
            Place::Disk(path) => File::create_new(path).map(Body::File),
            Place::Bucket(address) => Object::create(address).map(Body::Object),
        };
        Self::new(body, place.clone())
    }

    /// Creates a file in an open folder, which spares the file system a long path. The file must not exist.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be created.
    pub fn create_in(folder: &Folder, name: &str) -> anyhow::Result<Self> {
        let (path, open) = match &folder.0 {
            Kept::Open(path, open) => (path, open),
            Kept::Bucket(address) => return Self::create(&Place::Bucket(address.join(name))),
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(open, name, flags, Mode::from(0o666));
        let body = file.map(|file| Body::File(File::from(file)));
        Self::new(body.map_err(io::Error::from), Place::Disk(path.join(name)))
    }

    fn new(body: io::Result<Body>, place: Place) -> anyhow::Result<Self> {
        let body = body.or_fail(Kind::Output, || format!("cannot create {place}"))?;
        Ok(Self {
            place,
            body,
            summing: Summing::default(),
        })
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Kind::Output`] if they cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.write_all(bytes)
            .or_fail(Kind::Output, || format!("cannot write {}", self.place))
    }

    /// Waits until the disk has what was written so far. In a bucket, only settling the place tells that.
    ///
    /// # Errors
    /// [`Kind::Output`] if the disk cannot be written.
    pub fn sync(&self) -> anyhow::Result<()> {
        match &self.body {
            Body::File(file) => file
                .sync_all()
                .or_fail(Kind::Output, || format!("cannot write {}", self.place)),
            Body::Object(_) => Ok(()),
        }
    }

    /// Ends the file, and gives its entry in the manifest. In a bucket it may be under way until its place is settled.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be written.
    pub fn finish(self, path: String, rows: usize) -> anyhow::Result<FileEntry> {
        let Self {
            place,
            body,
            summing,
        } = self;
        if let Body::Object(object) = body {
            object
                .finish()
                .or_fail(Kind::Output, || format!("cannot write {place}"))?;
        }
        let sum = summing.sum();
        Ok(FileEntry {
            path,
            rows: rows as u64,
            bytes: sum.bytes,
            xxh3_128: sum.xxh3,
        })
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.body {
            Body::File(file) => file.write(bytes)?,
            Body::Object(object) => object.append(bytes).map(|()| bytes.len())?,
        };
        self.summing.add(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.body {
            Body::File(file) => file.flush(),
            Body::Object(_) => Ok(()),
        }
    }
}
