//! One file of an output: CSV or Parquet, written block by block, with its checksum.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use xxhash_rust::xxh3::Xxh3;

use super::Format;
use super::manifest::FileEntry;
use super::parquet::{Compression, ParquetFile, ParquetOptions, ROW_GROUP_ROWS};
use super::rows::{Block, Rows};

/// A folder, open: what is created in it is found without following its whole path.
pub(super) struct Folder {
    path: PathBuf,
    open: OwnedFd,
}

impl Folder {
    /// Makes it.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be made.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
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
    pub(super) fn create_folder(&self, name: &str) -> anyhow::Result<()> {
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
pub(crate) struct OpenFile {
    path: PathBuf,
    file: File,
    hash: Xxh3,
    bytes: u64,
}

impl OpenFile {
    /// Creates the file, which must not exist: two values whose folders the file system holds for one (letter
    /// case, on some) must not mix.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create_new(path);
        Self::new(file, path.to_owned())
    }

    /// As [`create`](Self::create), in a folder that is open; the file system has no long path to follow.
    pub(super) fn create_in(folder: &Folder, name: &str) -> anyhow::Result<Self> {
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
            hash: Xxh3::new(),
            bytes: 0,
        })
    }

    /// Appends `bytes`.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.write_all(bytes).or_fail(Kind::Output, || {
            format!("cannot write {}", self.path.display())
        })
    }

    /// What the manifest says of the file, whose contents end here.
    pub(crate) fn entry(self, path: String, rows: usize) -> FileEntry {
        FileEntry {
            path,
            rows: rows as u64,
            bytes: self.bytes,
            xxh3_128: self.hash.digest128(),
        }
    }
}

impl Write for OpenFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file of rows under construction.
pub(super) struct RowFile {
    body: Body,
    rows: usize,
}

enum Body {
    Csv(Box<OpenFile>),
    Parquet(Box<ParquetFile>),
}

impl RowFile {
    /// Makes of an empty file one for rows such as `rows`, each block of which is encoded on all processors if it is the
    /// only file (`parallel`). What is to stand before the rows goes into `buffer`, which is the first block's.
    pub(super) fn new(
        file: OpenFile,
        format: Format,
        rows: &Rows,
        parallel: bool,
        buffer: &mut Vec<u8>,
    ) -> Self {
        let body = match format {
            Format::Csv => {
                buffer.extend_from_slice(rows.header());
                Body::Csv(Box::new(file))
            }
            Format::Parquet => {
                let options = ParquetOptions {
                    compression: Compression::Zstd,
                    row_group_rows: ROW_GROUP_ROWS,
                    parallel,
                };
                Body::Parquet(Box::new(ParquetFile::new(file, &rows.schema(), options)))
            }
        };
        Self { body, rows: 0 }
    }

    /// Appends a block of `rows` rows and returns its buffer, emptied.
    pub(super) fn append(&mut self, block: Block, rows: usize) -> anyhow::Result<Vec<u8>> {
        self.rows += rows;
        match (&mut self.body, block) {
            (Body::Csv(file), Block::Text(mut text)) => {
                file.append(&text)?;
                text.clear();
                Ok(text)
            }
            (Body::Parquet(file), Block::Frame(frame, buffer)) => {
                file.append(frame)?;
                Ok(buffer)
            }
            _ => anyhow::bail!("a block of another format"),
        }
    }

    /// Ends the file; `name` is its path in the manifest.
    pub(super) fn finish(self, name: String) -> anyhow::Result<FileEntry> {
        let file = match self.body {
            Body::Csv(file) => *file,
            Body::Parquet(file) => file.finish()?,
        };
        Ok(file.entry(name, self.rows))
    }
}
