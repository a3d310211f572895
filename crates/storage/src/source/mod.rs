//! Where bytes come from: files and objects by pattern, standard input, plain or compressed with gzip or zstd.

mod object;

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use database::Cancel;
use dataset::failure::{Kind, OrFail};
use flate2::read::MultiGzDecoder;

use crate::place::{Place, reading};
use crate::spool::Spool;
use crate::sum::{Sum, Summing};
pub use object::{Listings, Object};

/// The endings that a compressed file may have after a name that fits the pattern.
const COMPRESSED: [&str; 2] = [".gz", ".zst"];
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// How many bytes are read at once to compute a checksum.
const SUM_BYTES: usize = 1 << 20;

/// An input that can be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, or a pipe with a name.
    File(PathBuf),
    /// An object in a bucket, with the contents that it had when it was found.
    Object(Object),
    /// Standard input, which can be read once.
    Stdin,
    /// Standard input or a named pipe whose bytes are kept, so that it can be opened several times.
    Kept(Spool),
}

impl Source {
    /// The input's name in reports and rejects.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Object(object) => object.address.to_string(),
            Self::Stdin => "-".to_owned(),
            Self::Kept(spool) => spool.name().to_owned(),
        }
    }

    /// Finds the files that a path, an address or a pattern names; `-` is standard input. Folders of a bucket that are not among
    /// the `listings` are listed; `cancel` ends that.
    ///
    /// # Errors
    /// [`Kind::Usage`] if there is no such file, or if it is a folder; [`Kind::Connection`] if the bucket gives no answer.
    pub fn named(
        pattern: &str,
        listings: &mut Listings,
        cancel: &Cancel,
    ) -> anyhow::Result<Vec<Self>> {
        if pattern == "-" {
            return Ok(vec![Self::Stdin]);
        }
        if let Place::Bucket(address) = Place::parse(pattern)?.cancelled_by(cancel) {
            let found = object::named(&address, listings)?;
            return Ok(found.into_iter().map(Self::Object).collect());
        }
        // A file may have a name that looks like a pattern.
        let found = match Path::new(pattern).exists() {
            true => vec![PathBuf::from(pattern)],
            false => matching(pattern)?,
        };
        if found.is_empty() {
            return Err(Kind::Usage.error(format!("{pattern}: there is no such file")));
        }
        found.into_iter().map(Self::file).collect()
    }

    /// Finds the files of `folder` that one of the patterns names, compressed or not, ordered by name.
    ///
    /// # Errors
    /// [`Kind::Usage`] if the folder cannot be read, a pattern is malformed, or a name is that of a folder;
    /// [`Kind::Connection`] if the bucket gives no answer.
    pub fn in_folder(
        folder: &Place,
        patterns: &[String],
        listings: &mut Listings,
    ) -> anyhow::Result<Vec<Self>> {
        let endings = || std::iter::once("").chain(COMPRESSED);
        let patterns = patterns
            .iter()
            .flat_map(|pattern| endings().map(move |ending| format!("{pattern}{ending}")));
        let folder = match folder {
            Place::Disk(folder) => folder,
            Place::Bucket(address) => {
                let patterns: Vec<_> = patterns.collect();
                let found = object::matching(address, &patterns, listings)?;
                return Ok(found.into_iter().map(Self::Object).collect());
            }
        };
        let escaped = glob::Pattern::escape(&folder.display().to_string());
        let mut found = Vec::new();
        for pattern in patterns {
            found.extend(matching(&format!("{escaped}/{pattern}"))?);
        }
        found.sort();
        found.dedup();
        found.into_iter().map(Self::file).collect()
    }

    fn file(path: PathBuf) -> anyhow::Result<Self> {
        if path.is_dir() {
            return Err(Kind::Usage.error(format!(
                "{} is a folder: name the files in it",
                path.display()
            )));
        }
        Ok(Self::File(path))
    }

    /// Computes the checksum of the stored bytes, without decompressing them; `None` for standard input and pipes, which can be
    /// read only once.
    ///
    /// # Errors
    /// [`Kind::Usage`] if the file cannot be read; [`Kind::Interrupted`] if the run is.
    pub fn sum(&self, cancel: &Cancel) -> anyhow::Result<Option<Sum>> {
        match self {
            Self::Object(_) => {}
            Self::File(path) => {
                let metadata = fs::metadata(path);
                if !reading(metadata, Kind::Usage, path.display())?.is_file() {
                    // A pipe gives its bytes once.
                    return Ok(None);
                }
            }
            Self::Stdin | Self::Kept(_) => return Ok(None),
        }
        let mut file = self.raw()?;
        let mut summing = Summing::default();
        let mut buffer = vec![0; SUM_BYTES];
        loop {
            cancel.check()?;
            let read = file.read(&mut buffer);
            match reading(read, Kind::Usage, self.name())? {
                0 => return Ok(Some(summing.sum())),
                count => summing.add(&buffer[..count]),
            }
        }
    }

    /// Makes a pipe, which can be read once, into an input that can be opened several times: what is read is kept, as it comes, in
    /// a temporary file.
    ///
    /// # Errors
    /// [`Kind::Usage`] if the pipe cannot be opened.
    pub fn kept(&self) -> anyhow::Result<Self> {
        Ok(Self::Kept(Spool::new(self.name(), self.raw()?)))
    }

    /// Keeps the contents of a small object in memory if they fit into `room`, in bytes, and subtracts them from it. The bucket is
    /// then asked for them once, however often they are read.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn keep(&mut self, room: &AtomicU64) -> anyhow::Result<()> {
        match self {
            Self::Object(object) => {
                let kept = object.keep(room);
                reading(kept, Kind::Usage, &object.address)
            }
            _ => Ok(()),
        }
    }

    fn raw(&self) -> anyhow::Result<Box<dyn Read + Send>> {
        Ok(match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::Kept(spool) => Box::new(spool.open()?),
            Self::Object(object) => reading(object.open(), Kind::Usage, &object.address)?,
            Self::File(path) => Box::new(reading(File::open(path), Kind::Usage, path.display())?),
        })
    }

    /// Opens the input; its bytes come out decompressed.
    ///
    /// # Errors
    /// [`Kind::Usage`] if the input cannot be read, [`Kind::Refused`] if it is an object whose contents have changed;
    /// [`Kind::Connection`] if the bucket gives no answer; [`Kind::Output`] if it is a pipe whose bytes could not be kept.
    pub fn open(&self) -> anyhow::Result<Opened> {
        let state = Arc::new(Mutex::new(Summing::default()));
        let modified = self.modified();
        let mut counted = Counted {
            raw: self.raw()?,
            state: Arc::clone(&state),
        };
        let mut magic = Vec::new();
        let begun = counted
            .by_ref()
            .take(ZSTD.len() as u64)
            .read_to_end(&mut magic);
        reading(begun, Kind::Usage, self.name())?;
        let gzip = magic.starts_with(&GZIP);
        let zstd = magic.starts_with(&ZSTD);
        let whole = io::Cursor::new(magic).chain(counted);
        let (bytes, compression): (Box<dyn Read + Send>, _) = if gzip {
            (
                Box::new(MultiGzDecoder::new(io::BufReader::new(whole))),
                Some("gzip"),
            )
        } else if zstd {
            let decoder = reading(zstd::Decoder::new(whole), Kind::Usage, self.name())?;
            (Box::new(decoder), Some("zstd"))
        } else {
            (Box::new(whole), None)
        };
        Ok(Opened {
            bytes,
            compression,
            source: self.clone(),
            modified,
            state,
        })
    }

    /// When the file was last written to; `None` for a pipe, to which others write while it is read.
    fn modified(&self) -> Option<SystemTime> {
        let Self::File(path) = self else {
            return None;
        };
        let metadata = fs::metadata(path).ok()?;
        metadata.is_file().then(|| metadata.modified().ok())?
    }
}

fn matching(pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let paths = glob::glob(pattern).or_fail(Kind::Usage, || {
        format!("{pattern} is not a pattern of names")
    })?;
    paths
        .map(|path| path.or_fail(Kind::Usage, || format!("{pattern} cannot be searched for")))
        .collect()
}

/// A reader that computes the checksum of what is read through it.
struct Counted {
    raw: Box<dyn Read + Send>,
    state: Arc<Mutex<Summing>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.raw.read(buffer)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.add(&buffer[..count]);
        Ok(count)
    }
}

/// An input that is being read.
pub struct Opened {
    /// The input's bytes, decompressed.
    pub bytes: Box<dyn Read + Send>,
    /// How the bytes were compressed, if they were.
    pub compression: Option<&'static str>,
    source: Source,
    modified: Option<SystemTime>,
    state: Arc<Mutex<Summing>>,
}

/// Tells the checksum of an input that another thread reads.
pub struct Watch {
    source: Source,
    modified: Option<SystemTime>,
    state: Arc<Mutex<Summing>>,
}

impl Opened {
    /// Gives a watch that tells the checksum once everything is read.
    pub fn watch(&self) -> Watch {
        Watch {
            source: self.source.clone(),
            modified: self.modified,
            state: Arc::clone(&self.state),
        }
    }
}

impl Watch {
    /// How many bytes were read so far, before decompression.
    pub fn read_bytes(&self) -> u64 {
        self.state().bytes()
    }

    fn state(&self) -> MutexGuard<'_, Summing> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the checksum of everything that was read.
    ///
    /// # Errors
    /// [`Kind::Refused`] if that differs from `before`, or if the file was written to meanwhile.
    pub fn finish(&self, before: Option<Sum>) -> anyhow::Result<Sum> {
        let sum = self.state().sum();
        if before.is_some_and(|before| before != sum) || self.source.modified() != self.modified {
            return Err(Kind::Refused.error(format!(
                "{} changed while it was read: load it again when it is complete",
                self.source.name()
            )));
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sources: &[Source]) -> Vec<String> {
        let name = |source: &Source| {
            let name = PathBuf::from(source.name());
            name.file_name().expect("a name").display().to_string()
        };
        sources.iter().map(name).collect()
    }

    #[test]
    fn patterns_find_plain_and_compressed_files_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in [
            "a1.csv",
            "a2.csv.gz",
            "a3.csv.zst",
            "a4.txt",
            "b.csv",
            "[x].csv",
        ] {
            fs::write(folder.path().join(name), "").expect("written");
        }
        let found = Source::in_folder(
            &Place::from(folder.path()),
            &["a*.csv".to_owned(), "a1*".to_owned()],
            &mut Listings::default(),
        );
        assert_eq!(
            names(&found.expect("found")),
            ["a1.csv", "a2.csv.gz", "a3.csv.zst"]
        );
        let odd = folder.path().join("[x].csv");
        let named = |name: &str| Source::named(name, &mut Listings::default(), &Cancel::default());
        let found = named(&odd.display().to_string()).expect("found");
        assert_eq!(names(&found), ["[x].csv"]);
        assert_eq!(named("-").expect("found"), [Source::Stdin]);
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("growing.csv");
        fs::write(&path, "1,a\n").expect("written");
        let source = Source::File(path.clone());
        let before = source.sum(&Cancel::default()).expect("summed");
        let read = |source: &Source| {
            let mut opened = source.open().expect("opened");
            let watch = opened.watch();
            let mut text = String::new();
            opened.bytes.read_to_string(&mut text).expect("read");
            (text, watch)
        };
        let (text, watch) = read(&source);
        assert_eq!(text, "1,a\n");
        assert_eq!(watch.finish(before).ok(), before);
        fs::write(&path, "1,a\n2,b\n").expect("written");
        let (_, watch) = read(&source);
        assert!(watch.finish(before).is_err());
    }
}
