//! Finds keys that more than one row has: exactly, and within a bound of memory whatever the number of keys.
//!
//! Keys are kept as bytes with a hash. When they exceed the bound, they are sorted by hash, then by bytes, and written to a file as
//! one of many runs; at the end the runs are merged. Equal keys are then neighbours. Keys are equal if their bytes are: two keys
//! with the same hash are still two keys.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;

use dataset::failure::{Kind, OrFail};
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

/// How many keys that several rows have are reported.
pub(super) const MOST_TOLD: usize = 5;

/// The range for how many bytes of a run are read at once.
const READ_BYTES: Range<usize> = 1 << 12..1 << 18;

/// The position of a key, with its hash.
#[derive(Clone, Copy)]
struct Entry {
    hash: u64,
    start: usize,
}

/// The keys that were added.
pub(super) struct Keys {
    limit_bytes: usize,
    /// The keys, each preceded by its length.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    path: PathBuf,
    file: Option<File>,
    runs: Vec<Range<u64>>,
}

/// The keys that more than one row has.
#[derive(Default)]
pub(super) struct Shared {
    /// How many rows have a key that another row has too, without counting the first row of each key.
    pub(super) rows: u64,
    /// The first such keys, in the order of their bytes, with the number of rows that have each.
    pub(super) first: BTreeMap<Vec<u8>, u64>,
}

impl Keys {
    /// Starts without keys. Beyond `limit_bytes`, keys go into the file at `path`, which is only made then.
    pub(super) fn new(limit_bytes: usize, path: PathBuf) -> Self {
        Self {
            limit_bytes,
            bytes: Vec::new(),
            entries: Vec::new(),
            path,
            file: None,
            runs: Vec::new(),
        }
    }

    /// Adds the key of a row.
    ///
    /// # Errors
    /// [`Kind::Output`] if the file cannot be written.
    pub(super) fn add(&mut self, key: &[u8]) -> anyhow::Result<()> {
        self.entries.push(Entry {
            hash: xxh3_64(key),
            start: self.bytes.len(),
        });
        self.bytes
            .extend_from_slice(&(key.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(key);
        let taken = self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>();
        match taken > self.limit_bytes {
            true => self.spill(),
            false => Ok(()),
        }
    }

    fn key(&self, entry: Entry) -> &[u8] {
        let (length, from) = (self.bytes[entry.start..]).split_at(8);
        let length = length.try_into().map_or(0, u64::from_le_bytes);
        &from[..length as usize]
    }

    fn sort(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        entries.par_sort_unstable_by(|a, b| {
            let by_hash = a.hash.cmp(&b.hash);
            by_hash.then_with(|| self.key(*a).cmp(self.key(*b)))
        });
        self.entries = entries;
    }

    /// Writes the keys in memory as one run, and drops them.
    fn spill(&mut self) -> anyhow::Result<()> {
        self.sort();
        let place = self.path.display().to_string();
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                if let Some(folder) = self.path.parent() {
                    fs::create_dir_all(folder).or_fail(Kind::Output, || place.clone())?;
                }
                let open = File::options()
                    .read(true)
                    .write(true)
                    .create_new(true)
                    .open(&self.path);
                open.or_fail(Kind::Output, || place.clone())?
            }
        };
        let start = self.runs.last().map_or(0, |run| run.end);
        let mut end = start;
        let mut writer = BufWriter::with_capacity(READ_BYTES.end, file);
        for entry in &self.entries {
            let key = self.key(*entry);
            let written = writer
                .write_all(&entry.hash.to_le_bytes())
                .and_then(|()| writer.write_all(&(key.len() as u64).to_le_bytes()))
                .and_then(|()| writer.write_all(key));
            written.or_fail(Kind::Output, || place.clone())?;
            end += 16 + key.len() as u64;
        }
        let file = writer.into_inner().map_err(|error| error.into_error());
        self.file = Some(file.or_fail(Kind::Output, || place)?);
        self.runs.push(start..end);
        self.entries.clear();
        self.bytes.clear();
        Ok(())
    }

    /// Gives the keys that more than one row has.
    ///
    /// # Errors
    /// [`Kind::Output`] if the file cannot be written or read again.
    pub(super) fn shared(mut self) -> anyhow::Result<Shared> {
        let mut neighbours = Neighbours::default();
        if self.runs.is_empty() {
            self.sort();
            for entry in &self.entries {
                neighbours.next(entry.hash, self.key(*entry));
            }
            return Ok(neighbours.end());
        }
        if !self.entries.is_empty() {
            self.spill()?;
        }
        let place = self.path.display().to_string();
        // The memory of the keys is now free for the runs' buffers.
        (self.bytes, self.entries) = (Vec::new(), Vec::new());
        let size = self.limit_bytes / self.runs.len();
        let size = size.clamp(READ_BYTES.start, READ_BYTES.end);
        let mut runs: Vec<Run> = self.runs.into_iter().map(|at| Run::new(at, size)).collect();
        let Some(mut file) = self.file.take() else {
            return Ok(neighbours.end());
        };
        let mut least = BinaryHeap::with_capacity(runs.len());
        for (number, run) in runs.iter_mut().enumerate() {
            let mut key = Vec::new();
            let hash = run.next(&mut file, &mut key);
            if let Some(hash) = hash.or_fail(Kind::Output, || place.clone())? {
                least.push(Reverse((hash, key, number)));
            }
        }
        while let Some(Reverse((hash, mut key, number))) = least.pop() {
            neighbours.next(hash, &key);
            let hash = runs[number].next(&mut file, &mut key);
            if let Some(hash) = hash.or_fail(Kind::Output, || place.clone())? {
                least.push(Reverse((hash, key, number)));
            }
        }
        Ok(neighbours.end())
    }
}

/// A run of keys in the file, which is read part by part.
struct Run {
    /// The part of the file that is still to be read.
    rest: Range<u64>,
    size: usize,
    buffer: Vec<u8>,
    at: usize,
}

impl Run {
    fn new(rest: Range<u64>, size: usize) -> Self {
        Self {
            rest,
            size,
            buffer: Vec::new(),
            at: 0,
        }
    }

    /// Reads the next key into `key`, and gives its hash; `None` at the end of the run.
    fn next(&mut self, file: &mut File, key: &mut Vec<u8>) -> io::Result<Option<u64>> {
        if self.at == self.buffer.len() && self.rest.is_empty() {
            return Ok(None);
        }
        let hash = self.number(file)?;
        let length = self.number(file)?;
        let bytes = self.take(file, length as usize)?;
        key.clear();
        key.extend_from_slice(bytes);
        Ok(Some(hash))
    }

    fn number(&mut self, file: &mut File) -> io::Result<u64> {
        let bytes = self.take(file, 8)?;
        Ok(bytes.try_into().map_or(0, u64::from_le_bytes))
    }

    /// The next bytes of the run.
    fn take(&mut self, file: &mut File, count: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.at < count {
            self.buffer.drain(..self.at);
            self.at = 0;
            let kept = self.buffer.len();
            let more = (self.rest.end - self.rest.start).min(self.size.max(count) as u64);
            self.buffer.resize(kept + more as usize, 0);
            file.seek(SeekFrom::Start(self.rest.start))?;
            file.read_exact(&mut self.buffer[kept..])?;
            self.rest.start += more;
        }
        let from = self.at;
        self.at += count;
        Ok(&self.buffer[from..self.at])
    }
}

/// Takes keys in an order in which equal ones are neighbours, and counts these.
#[derive(Default)]
struct Neighbours {
    last: Option<(u64, Vec<u8>)>,
    /// How many rows have the last key.
    count: u64,
    shared: Shared,
}

impl Neighbours {
    fn next(&mut self, hash: u64, key: &[u8]) {
        match &mut self.last {
            Some((last_hash, last)) if *last_hash == hash && last == key => self.count += 1,
            Some((last_hash, last)) => {
                if self.count > 1 {
                    self.shared.add(last, self.count);
                }
                *last_hash = hash;
                last.clear();
                last.extend_from_slice(key);
                self.count = 1;
            }
            none => {
                *none = Some((hash, key.to_vec()));
                self.count = 1;
            }
        }
    }

    fn end(mut self) -> Shared {
        if let Some((_, last)) = self.last
            && self.count > 1
        {
            self.shared.add(&last, self.count);
        }
        self.shared
    }
}

impl Shared {
    fn add(&mut self, key: &[u8], rows: u64) {
        self.rows += rows - 1;
        self.first.insert(key.to_vec(), rows);
        if self.first.len() > MOST_TOLD {
            self.first.pop_last();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(limit_bytes: usize, keys: &[&[u8]]) -> (Shared, bool) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("below/keys");
        let mut noted = Keys::new(limit_bytes, path.clone());
        for key in keys {
            noted.add(key).expect("noted");
        }
        (noted.shared().expect("merged"), path.exists())
    }

    #[test]
    fn keys_are_counted_in_memory_and_beyond_it_alike() {
        let texts: Vec<String> = (0..20_000)
            .map(|at| format!("key {}", at % 19_990))
            .collect();
        let mut keys: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        keys.extend([&b""[..], b"", b"", b"\0", b"\0\0"]);
        for (limit, in_file) in [(1 << 30, false), (1 << 16, true), (1, true)] {
            let (shared, was_in_file) = shared(limit, &keys);
            assert_eq!(was_in_file, in_file, "{limit}");
            assert_eq!(shared.rows, 12, "{limit}");
            let first: Vec<_> = shared.first.into_iter().collect();
            assert_eq!(first.len(), MOST_TOLD);
            assert_eq!(first[0], (Vec::new(), 3));
            assert_eq!(first[1], (b"key 0".to_vec(), 2));
        }
    }

    #[test]
    fn keys_of_one_hash_are_two_keys() {
        let mut neighbours = Neighbours::default();
        for key in [&b"a"[..], b"a", b"b"] {
            neighbours.next(7, key);
        }
        let shared = neighbours.end();
        assert_eq!(shared.rows, 1);
        assert_eq!(shared.first.keys().collect::<Vec<_>>(), [b"a"]);
    }
}
