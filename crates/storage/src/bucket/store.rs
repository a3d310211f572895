//! What a bucket can do, whatever serves it. All of it blocks, and ends early when the run is interrupted.

use std::io::{self, Read};

use database::Cancel;

/// The largest key of an object, in bytes.
pub(super) const MAX_KEY_BYTES: usize = 1024;

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Its key in the bucket.
    pub key: String,
    /// Its size.
    pub bytes: u64,
    /// What its contents are known by; another one after each writing.
    pub etag: Option<String>,
    /// When it was written, by the clock of the server, in seconds since 1970.
    pub modified: i64,
}

/// What lies directly below a prefix.
#[derive(Debug, Default)]
pub(crate) struct Level {
    pub(crate) objects: Vec<Meta>,
    /// The prefixes that go on, without the slash at their end.
    pub(crate) prefixes: Vec<String>,
}

/// When an object may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Whatever is there.
    Always,
    /// There is none of this key.
    Absent,
    /// It is the one of this tag.
    Is(String),
}

/// A bucket. Errors are [`io::Error`] with a message for people: `NotFound` for what isn't there, `PermissionDenied`,
/// `AlreadyExists` where a condition doesn't hold, `StaleNetworkFileHandle` for an object that is not the one that was meant,
/// `NotConnected` for a server that gives no answer or too late, and `Other` where the run was interrupted.
pub(super) trait Store: Send + Sync {
    /// The object's bytes, of the contents of this tag if one is given.
    fn get(
        &self,
        key: &str,
        etag: Option<&str>,
        cancel: &Cancel,
    ) -> io::Result<(Meta, Box<dyn Read + Send>)>;

    /// What is known of an object.
    fn head(&self, key: &str, cancel: &Cancel) -> io::Result<Meta>;

    /// All objects whose key begins with the prefix and a slash, in the order of their keys.
    fn list(&self, prefix: &str, cancel: &Cancel) -> io::Result<Vec<Meta>>;

    /// What lies directly below a prefix.
    fn level(&self, prefix: &str, cancel: &Cancel) -> io::Result<Level>;

    /// Writes an object whole, and gives its tag.
    fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition,
        cancel: &Cancel,
    ) -> io::Result<Option<String>>;

    /// Deletes objects; that one isn't there is no error.
    fn delete(&self, keys: Vec<String>, cancel: &Cancel) -> io::Result<()>;

    /// Begins an object that is written in parts, and gives a name for it.
    fn begin(&self, key: &str, cancel: &Cancel) -> io::Result<String>;

    /// Writes the part of this number, from 0, and gives its tag.
    fn part(
        &self,
        key: &str,
        upload: &str,
        number: usize,
        bytes: Vec<u8>,
        cancel: &Cancel,
    ) -> io::Result<String>;

    /// Makes one object of all parts.
    fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
        cancel: &Cancel,
    ) -> io::Result<()>;

    /// Forgets the parts.
    fn abort(&self, key: &str, upload: &str) -> io::Result<()>;
}
