//! Files with their SHA-256, encrypted as they are written if a backup has a key.

use std::fmt::Write as _;
use std::io::{self, BufReader, ErrorKind, Read, Write};

use database::Cancel;
use dataset::failure::{Kind, OrFail};
use sha2::{Digest, Sha256};
use storage::file::OpenFile;
use storage::place::{Opened, Place, reading};

use crate::encryption::{BackupKey, Decrypting, Encrypting};

/// A file that is being written.
pub(crate) struct HashedFile {
    place: Place,
    way: Way,
}

/// How bytes get into a file: plain or encrypted.
enum Way {
    Plain(Box<Hashed>),
    Encrypted(Box<Encrypting<Hashed>>),
}

/// A file as it reaches the disk or the bucket, with its hash so far.
struct Hashed {
    file: OpenFile,
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
    /// Creates a file, which must not exist yet. With a key, what is appended is encrypted to it, and size and checksum are those
    /// of the encrypted bytes.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be created.
    pub(crate) fn create(place: &Place, key: Option<&BackupKey>) -> anyhow::Result<Self> {
        let file = Hashed {
            file: OpenFile::create(place)?,
            bytes: 0,
            hash: Sha256::new(),
        };
        let way = match key {
            None => Way::Plain(Box::new(file)),
            Some(key) => {
                let file = key.encrypt(file);
                let file = file.or_fail(Kind::Output, || format!("cannot create {place}"))?;
                Way::Encrypted(Box::new(file))
            }
        };
        Ok(Self {
            place: place.clone(),
            way,
        })
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Kind::Output`] if the bytes cannot be written.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = match &mut self.way {
            Way::Plain(file) => file.write_all(bytes),
            Way::Encrypted(file) => file.write_all(bytes),
        };
        written.or_fail(Kind::Output, || format!("cannot write {}", self.place))
    }

    /// Waits until the file is on the disk, and returns its size and checksum. In a bucket it may be under way until its place is
    /// settled.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be written.
    pub(crate) fn finish(self) -> anyhow::Result<FileSum> {
        let writing = || format!("cannot write {}", self.place);
        let file = match self.way {
            Way::Plain(file) => *file,
            Way::Encrypted(file) => file.finish().or_fail(Kind::Output, writing)?,
        };
        file.file.sync()?;
        file.file.finish(String::new(), 0)?;
        Ok(FileSum {
            bytes: file.bytes,
            sha256: hexadecimal(file.hash),
        })
    }
}

/// Writes a file, encrypted if there is a key, and returns its size and checksum.
///
/// # Errors
/// [`Kind::Output`] if it cannot be written.
pub(crate) fn write(
    place: &Place,
    key: Option<&BackupKey>,
    contents: &[u8],
) -> anyhow::Result<FileSum> {
    let mut file = HashedFile::create(place, key)?;
    file.append(contents)?;
    file.finish()
}

/// Reads a file, and decrypts it if there is a key; decrypted bytes never reach the disk.
pub(crate) struct Contents {
    bytes: u64,
    way: Reading,
}

/// How bytes get out of a file: plain or decrypted.
enum Reading {
    Plain(Opened),
    Encrypted(Box<Decrypting<BufReader<Opened>>>),
}

impl Contents {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Kind::Refused`] if it cannot be read, [`Kind::Connection`] if a bucket gives no answer; [`Kind::Check`] if it is not encrypted
    /// to the key.
    pub(crate) fn open(place: &Place, key: Option<&BackupKey>) -> anyhow::Result<Self> {
        let file = reading(place.open(), Kind::Refused, place)?;
        let bytes = reading(file.size_bytes(), Kind::Refused, place)?;
        let Some(key) = key else {
            let way = Reading::Plain(file);
            return Ok(Self { bytes, way });
        };
        match key.decrypt(BufReader::new(file)) {
            Ok(contents) => Ok(Self {
                bytes,
                way: Reading::Encrypted(Box::new(contents)),
            }),
            Err(why) => Err(Kind::Check.error(format!(
                "{place} cannot be decrypted: {why}: take another copy of it, or an older backup"
            ))),
        }
    }

    /// The size of the file as it is stored, in bytes.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads a whole file.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub(crate) fn read_all(place: &Place, key: Option<&BackupKey>) -> anyhow::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = Self::open(place, key)?.read_to_end(&mut bytes);
        let kind = match &read {
            Err(error) if is_damage(error) => Kind::Check,
            _ => Kind::Refused,
        };
        reading(read, kind, place)?;
        Ok(bytes)
    }
}

impl Read for Contents {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.way {
            Reading::Plain(file) => file.read(bytes),
            Reading::Encrypted(file) => file.read(bytes),
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

/// The size and checksum of a file as it is now; `None` if it doesn't exist.
///
/// # Errors
/// [`Kind::Check`] if it cannot be read; [`Kind::Connection`] if a bucket gives no answer.
pub(crate) fn sum(place: &Place, cancel: &Cancel) -> anyhow::Result<Option<FileSum>> {
    let mut file = match place.open() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => reading(opened, Kind::Check, place)?,
    };
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut block = vec![0; 1 << 20];
    loop {
        cancel.check()?;
        match file.read(&mut block) {
            Err(error) if error.kind() == ErrorKind::IsADirectory => return Ok(None),
            Ok(0) => break,
            Ok(read) => {
                hash.update(&block[..read]);
                bytes += read as u64;
            }
            failed => _ = reading(failed, Kind::Check, place)?,
        }
    }
    Ok(Some(FileSum {
        bytes,
        sha256: hexadecimal(hash),
    }))
}

/// A SHA-256 in hexadecimal digits.
pub(crate) fn hexadecimal(hash: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
