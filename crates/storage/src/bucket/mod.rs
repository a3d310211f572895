//! Buckets of S3 and of servers that speak its protocol: objects are read, written and listed by their keys.
//!
//! [`Address`] is a place in a bucket; its methods block. They send their requests through a `store::Store`, which the cargo
//! feature `bucket` brings in. A run writes into a folder of its own ([`publication`], [`series`]), many objects at once
//! (`uploads`), and a large object in parts (`object`).

#[cfg(feature = "bucket")]
mod body;
#[cfg(not(feature = "bucket"))]
#[path = "absent.rs"]
mod client;
#[cfg(feature = "bucket")]
mod client;
#[cfg(feature = "bucket")]
mod fault;
pub(crate) mod object;
#[cfg(feature = "bucket")]
mod profile;
pub mod publication;
pub(crate) mod run;
#[cfg(feature = "bucket")]
mod runtime;
pub mod series;
mod store;
mod uploads;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use database::Cancel;
use dataset::failure::Kind;

pub(crate) use store::Condition;
pub use store::Meta;
use store::{Level, MAX_KEY_BYTES, Store};
use uploads::Uploads;

/// The prefix of every address in a bucket.
pub(crate) const SCHEME: &str = "s3://";

/// A place in a bucket: an object, or what lies below a prefix. Clones share the connections.
#[derive(Clone)]
pub struct Address {
    bucket: String,
    key: String,
    store: Arc<dyn Store>,
    cancel: Cancel,
    /// Takes the writes that may still be under way when the method that writes returns.
    uploads: Option<Uploads>,
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        (&self.bucket, &self.key) == (&other.bucket, &other.key)
    }
}

impl Eq for Address {}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.bucket, &self.key).cmp(&(&other.bucket, &other.key))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.key)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Address {
    /// Parses `s3://bucket/key`; a slash at its end changes nothing.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it is not such an address, or if this program was built without buckets.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let wrong = |why: &str| Kind::Usage.error(format!("{text}: {why}"));
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| wrong("an address in a bucket begins with s3://"))?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if bucket.is_empty() || !bucket.chars().all(is_plain) {
            return Err(wrong("it names no bucket: write s3://BUCKET/PREFIX"));
        }
        let key = key.strip_suffix('/').unwrap_or(key);
        if !key.is_empty() && key.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(wrong(
                "a part of it is empty, `.` or `..`, which is not allowed here",
            ));
        }
        Ok(Self {
            store: connected(bucket)?,
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            cancel: Cancel::default(),
            uploads: None,
        })
    }

    /// The same place, whose requests end when `cancel` is cancelled.
    pub fn cancelled_by(self, cancel: &Cancel) -> Self {
        let cancel = cancel.clone();
        Self { cancel, ..self }
    }

    /// The place of this name below this one.
    pub fn join(&self, name: &str) -> Self {
        let key = match self.key.is_empty() {
            true => name.to_owned(),
            false => format!("{}/{name}", self.key),
        };
        self.at(key)
    }

    /// The place that this one lies in.
    pub fn above(&self) -> Self {
        let above = self.key.rsplit_once('/').map_or("", |(above, _)| above);
        self.at(above.to_owned())
    }

    /// The place of this name beside this one.
    pub fn beside(&self, name: &str) -> Self {
        self.above().join(name)
    }

    /// The last part of the key.
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }

    /// The place of this key in the same bucket.
    pub fn at(&self, key: String) -> Self {
        Self {
            key,
            ..self.clone()
        }
    }

    /// The place's key in its bucket.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The part of an object's key that comes after this place's key.
    pub(crate) fn relative<'k>(&self, key: &'k str) -> &'k str {
        let below = key.strip_prefix(&self.key).unwrap_or(key);
        below.strip_prefix('/').unwrap_or(below)
    }

    /// Asks the server for the object's size, tag and time.
    ///
    /// # Errors
    /// `NotFound` if there is no such object, `NotADirectory` if there is no bucket; any error of the server.
    pub fn head(&self) -> io::Result<Meta> {
        self.store.head(&self.key, &self.cancel)
    }

    /// Whether there is an object of this key.
    ///
    /// # Errors
    /// Any error of the server.
    pub fn is_there(&self) -> io::Result<bool> {
        // The bucket itself is not an object.
        if self.key.is_empty() {
            return Ok(false);
        }
        match self.head() {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Reads the whole object, with its size, tag and time.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    pub fn read(&self) -> io::Result<(Meta, Vec<u8>)> {
        let (meta, mut body) = self.open(None)?;
        let mut bytes = Vec::with_capacity(usize::try_from(meta.bytes).unwrap_or_default());
        body.read_to_end(&mut bytes)?;
        Ok((meta, bytes))
    }

    /// Whether the object has these contents.
    pub(crate) fn has(&self, contents: &[u8]) -> bool {
        self.read().is_ok_and(|(_, there)| there == contents)
    }

    /// Opens the object; if a tag is given, only contents of this tag.
    ///
    /// # Errors
    /// As [`head`](Self::head); `StaleNetworkFileHandle`, also during reading, if the contents have changed.
    pub fn open(&self, etag: Option<&str>) -> io::Result<(Meta, Box<dyn Read + Send>)> {
        self.store.get(&self.key, etag, &self.cancel)
    }

    /// All objects below this place, in the order of their keys.
    ///
    /// # Errors
    /// Any error of the server.
    pub fn list(&self) -> io::Result<Vec<Meta>> {
        self.store.list(&self.key, &self.cancel)
    }

    /// The objects and prefixes directly below this place.
    ///
    /// # Errors
    /// Any error of the server.
    pub(crate) fn level(&self) -> io::Result<Level> {
        self.store.level(&self.key, &self.cancel)
    }

    /// The objects directly below this place, without those that lie deeper.
    ///
    /// # Errors
    /// Any error of the server.
    pub fn objects(&self) -> io::Result<Vec<Meta>> {
        Ok(self.level()?.objects)
    }

    /// The places directly below this one that have objects below them.
    ///
    /// # Errors
    /// Any error of the server.
    pub fn folders(&self) -> io::Result<Vec<Self>> {
        let prefixes = self.level()?.prefixes.into_iter();
        Ok(prefixes.map(|prefix| self.at(prefix)).collect())
    }

    /// Writes the whole object, and replaces one that is there.
    ///
    /// # Errors
    /// Any error of the server.
    pub fn write(&self, bytes: Vec<u8>) -> io::Result<()> {
        self.put(bytes, Condition::Always).map(drop)
    }

    /// Writes the whole object if the condition holds, and gives its tag.
    ///
    /// # Errors
    /// `AlreadyExists` or `StaleNetworkFileHandle` if the condition doesn't hold; any error of the server.
    pub(crate) fn put(&self, bytes: Vec<u8>, condition: Condition) -> io::Result<Option<String>> {
        self.check_key()?;
        self.store.put(&self.key, bytes, condition, &self.cancel)
    }

    /// Deletes the object.
    ///
    /// # Errors
    /// Any error of the server. It is not an error if there is no such object.
    pub fn delete(&self) -> io::Result<()> {
        self.store.delete(vec![self.key.clone()], &self.cancel)
    }

    /// Deletes the objects of these names below it.
    ///
    /// # Errors
    /// Any error of the server. It is not an error if one isn't there.
    pub fn delete_below(&self, names: &[&str]) -> io::Result<()> {
        let keys = names.iter().map(|name| self.join(name).key);
        self.store.delete(keys.collect(), &self.cancel)
    }

    /// Deletes all objects below this place.
    ///
    /// # Errors
    /// Any error of the server.
    pub fn delete_all(&self) -> io::Result<()> {
        self.delete_all_but(None)
    }

    /// Deletes all objects below this place but the one of this name.
    fn delete_all_but(&self, kept: Option<&str>) -> io::Result<()> {
        let kept = kept.map(|name| self.join(name).key);
        let keys = self.list()?.into_iter().map(|meta| meta.key);
        let keys = keys.filter(|key| Some(key) != kept.as_ref());
        self.store.delete(keys.collect(), &self.cancel)
    }

    /// Whether the run was interrupted.
    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// Checks that an object may have this key.
    fn check_key(&self) -> io::Result<()> {
        if self.key.len() <= MAX_KEY_BYTES {
            return Ok(());
        }
        let why = format!(
            "{self}: the name of an object has at most {MAX_KEY_BYTES} bytes, but this one has {}",
            self.key.len()
        );
        Err(io::Error::new(ErrorKind::InvalidFilename, why))
    }

    /// The same place, where writes may still be under way until it is [settled](Self::settle).
    pub(crate) fn uploading(&self) -> Self {
        let uploads = Some(Uploads::new());
        Self {
            uploads,
            ..self.clone()
        }
    }

    /// Abandons the writes that are not done yet.
    pub(crate) fn forget(&self) {
        if let Some(uploads) = &self.uploads {
            uploads.stop();
        }
    }

    /// Waits until everything that was written is in the bucket.
    ///
    /// # Errors
    /// The error of the first write that failed.
    pub fn settle(&self) -> io::Result<()> {
        self.uploads.as_ref().map_or(Ok(()), Uploads::settle)
    }
}

static CONNECTED: Mutex<BTreeMap<String, Arc<dyn Store>>> = Mutex::new(BTreeMap::new());

/// Connects to a bucket with these variables (`AWS_…`, and `HOME` for the files there) instead of the process's environment. This
/// holds for all addresses in the bucket that are parsed from now on.
///
/// # Errors
/// [`Kind::Usage`] if the variables contradict each other, or if this program was built without buckets.
pub fn connect(bucket: &str, variables: &BTreeMap<String, String>) -> anyhow::Result<()> {
    let store = client::connect(bucket, variables)?;
    let mut connected = CONNECTED.lock().unwrap_or_else(PoisonError::into_inner);
    connected.insert(bucket.to_owned(), store);
    Ok(())
}

/// A place in a bucket that belongs to a test.
#[cfg(all(test, feature = "bucket"))]
pub(crate) fn place_of(bucket: &testkit::Bucket, below: &str) -> Address {
    let variables = bucket.variables().into_iter().collect();
    connect(bucket.name(), &variables).expect("variables that make sense");
    Address::parse(&format!("{}/{below}", bucket.url())).expect("an address")
}

/// The shared connection to the bucket of this name. Unless [`connect`] was called for it, its settings come from the process's
/// environment, which is where other programs find the keys of their buckets too.
fn connected(bucket: &str) -> anyhow::Result<Arc<dyn Store>> {
    let found = || {
        let connected = CONNECTED.lock().unwrap_or_else(PoisonError::into_inner);
        connected.get(bucket).cloned()
    };
    if let Some(store) = found() {
        return Ok(store);
    }
    let text = |text: std::ffi::OsString| text.into_string().ok();
    let variables = std::env::vars_os();
    let variables = variables.filter_map(|(name, value)| Some((text(name)?, text(value)?)));
    connect(bucket, &variables.collect())?;
    found().with_context(|| format!("no connection to {bucket}"))
}
