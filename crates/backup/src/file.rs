//! Files with their SHA-256, encrypted on their way where a backup has a key.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use database::Cancel;
use dataset::failure::{Kind, OrFail};
use sha2::{Digest, Sha256};

use crate::encryption::{BackupKey, Decrypting, Encrypting};

/// A file that is being written.
pub(crate) struct HashedFile {
    path: PathBuf,
    way: Way,
}

/// How bytes get into a file.
enum Way {
    Plain(Hashed),
    Encrypted(Box<Encrypting<Hashed>>),
}

/// What reaches the disk.
struct Hashed {
    file: File,
    bytes: u64,
    hash: Sha256,
}

impl Write for Hashed {
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

/// The size and the checksum of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileSum {
    /// The file's size.
    pub(crate) bytes: u64,
    /// The SHA-256 of its contents, in hexadecimal digits.
    pub(crate) sha256: String,
}

impl HashedFile {
    /// Creates a file, which must not be there. With a key what is appended is encrypted to it, and size and checksum are those of the
    /// encrypted bytes.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be created.
    pub(crate) fn create(path: &Path, key: Option<&BackupKey>) -> anyhow::Result<Self> {
        let creating = || format!("cannot create {}", path.display());
        let file = Hashed {
            file: File::create_new(path).or_fail(Kind::Output, creating)?,
            bytes: 0,
            hash: Sha256::new(),
        };
        let way = match key {
            None => Way::Plain(file),
            Some(key) => {
                Way::Encrypted(Box::new(key.encrypt(file).or_fail(Kind::Output, creating)?))
            }
        };
        Ok(Self {
            path: path.to_owned(),
            way,
        })
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Kind::Output`] if they cannot be written.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = match &mut self.way {
            Way::Plain(file) => file.write_all(bytes),
            Way::Encrypted(file) => file.write_all(bytes),
        };
        written.or_fail(Kind::Output, || {
            format!("cannot write {}", self.path.display())
        })
    }

    /// Waits until the disk has the file, and gives its size and checksum.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be written.
    pub(crate) fn finish(self) -> anyhow::Result<FileSum> {
        let writing = || format!("cannot write {}", self.path.display());
        let file = match self.way {
            Way::Plain(file) => file,
            Way::Encrypted(file) => file.finish().or_fail(Kind::Output, writing)?,
        };
        file.file.sync_all().or_fail(Kind::Output, writing)?;
        Ok(FileSum {
            bytes: file.bytes,
            sha256: hexadecimal(file.hash),
        })
    }
}

/// Writes a file, encrypted if there is a key, and gives its size and checksum.
///
/// # Errors
/// [`Kind::Output`] if it cannot be written.
pub(crate) fn write(
    path: &Path,
    key: Option<&BackupKey>,
    contents: &[u8],
) -> anyhow::Result<FileSum> {
    let mut file = HashedFile::create(path, key)?;
    file.append(contents)?;
    file.finish()
}

/// A file that is read, decrypted if it has to be: nothing of it gets to the disk.
pub(crate) enum Contents {
    /// The bytes as they are.
    Plain(File),
    /// The bytes that were encrypted.
    Encrypted(Box<Decrypting<BufReader<File>>>),
}

impl Contents {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Kind::Refused`] if it cannot be read; [`Kind::Check`] if it is not encrypted to the key.
    pub(crate) fn open(path: &Path, key: Option<&BackupKey>) -> anyhow::Result<Self> {
        let file = File::open(path)
            .or_fail(Kind::Refused, || format!("cannot read {}", path.display()))?;
        let Some(key) = key else {
            return Ok(Self::Plain(file));
        };
        match key.decrypt(BufReader::new(file)) {
            Ok(contents) => Ok(Self::Encrypted(Box::new(contents))),
            Err(why) => Err(Kind::Check.error(format!(
                "{} cannot be decrypted: {why}: take another copy of it, or an older backup",
                path.display()
            ))),
        }
    }

    /// The whole file.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn read_all(path: &Path, key: Option<&BackupKey>) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = Self::open(path, key)?.read_to_end(&mut bytes);
        read.map_err(|error| {
            let kind = match is_damage(&error) {
                true => Kind::Check,
                false => Kind::Refused,
            };
            kind.caused_by(error, format!("cannot read {}", path.display()))
        })?;
        Ok(bytes)
    }
}

impl Read for Contents {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(bytes),
            Self::Encrypted(file) => file.read(bytes),
        }
    }
}

/// Whether an error of [`Contents`] says that the file was cut or its bytes were changed.
pub(crate) fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::InvalidData
    )
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

/// A SHA-256 in hexadecimal digits.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
