//! Files with their SHA-256.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use database::Cancel;
use dataset::failure::{Kind, OrFail};
use sha2::{Digest, Sha256};

/// A file that is being written.
pub(crate) struct HashedFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    hash: Sha256,
}

/// The size and the checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSum {
    /// The file's size.
    pub(crate) bytes: u64,
    /// The SHA-256 of its contents, in hexadecimal digits.
    pub(crate) sha256: String,
}

impl HashedFile {
    /// Creates a file, which must not be there.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be created.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create_new(path)
            .or_fail(Kind::Output, || format!("cannot create {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes: 0,
            hash: Sha256::new(),
        })
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Kind::Output`] if they cannot be written.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.file.write_all(bytes).or_fail(Kind::Output, || {
            format!("cannot write {}", self.path.display())
        })?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Waits until the disk has the file, and gives its size and checksum.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be written.
    pub(crate) fn finish(self) -> anyhow::Result<FileSum> {
        self.file.sync_all().or_fail(Kind::Output, || {
            format!("cannot write {}", self.path.display())
        })?;
        Ok(FileSum {
            bytes: self.bytes,
            sha256: hexadecimal(self.hash),
        })
    }
}

/// Writes a file and gives its size and checksum.
///
/// # Errors
/// [`Kind::Output`] if it cannot be written.
pub(crate) fn write(path: &Path, contents: &[u8]) -> anyhow::Result<FileSum> {
    let mut file = HashedFile::create(path)?;
    file.append(contents)?;
    file.finish()
}

/// The size and checksum of a file as it is now.
///
/// # Errors
/// [`Kind::Check`] if it is not there or cannot be read.
pub(crate) fn sum(path: &Path, cancel: &Cancel) -> anyhow::Result<FileSum> {
    let reading = || format!("cannot read {}", path.display());
    let mut file = File::open(path).or_fail(Kind::Check, reading)?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut block = vec![0; 1 << 20];
    loop {
        cancel.check()?;
        match file.read(&mut block).or_fail(Kind::Check, reading)? {
            0 => break,
            read => {
                hash.update(&block[..read]);
                bytes += read as u64;
            }
        }
    }
    Ok(FileSum {
        bytes,
        sha256: hexadecimal(hash),
    })
}

fn hexadecimal(hash: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
