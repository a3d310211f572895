//! The requests that a bucket answers, whatever serves it. All of them block, and end early when the run is interrupted.

use std::io::{self, Read};

use database::Cancel;

/// The largest key of an object, in bytes.
pub(super) const MAX_KEY_BYTES: usize = 1024;

/// What a server says of an object without sending its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The object's key in the bucket.
    pub key: String,
    /// The object's size.
    pub bytes: u64,
    /// The tag of the object's contents; it changes with each write.
    pub etag: Option<String>,
    /// When the object was written, by the server's clock, in seconds since 1970.
    pub modified: i64,
}

/// What lies directly below a prefix.
#[derive(Debug, Default)]
pub(crate) struct Level {
    pub(crate) objects: Vec<Meta>,
    /// The prefixes that lead deeper, without the slash at their end.
    pub(crate) prefixes: Vec<String>,
}

/// The condition under which an object is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Write whatever is there.
    Always,
    /// Write only if there is no object of this key.
    Absent,
    /// Write only if the object there has this tag.
    Is(String),
}

/// A bucket. Errors are [`io::Error`] with a message for people: `NotFound` for what isn't there, `PermissionDenied`,
/// `AlreadyExists` where a condition doesn't hold, `StaleNetworkFileHandle` for an object whose contents have changed,
/// `NotConnected` for a server that answers too late or not at all, and `Other` where the run was interrupted.
pub(super) trait Store: Send + Sync {
    /// Reads an object; if a tag is given, only contents of this tag.
    fn get(
        &self,
        key: &str,
        etag: Option<&str>,
        cancel: &Cancel,
    ) -> io::Result<(Meta, Box<dyn Read + Send>)>;

    /// Asks for an object's size, tag and time.
    fn head(&self, key: &str, cancel: &Cancel) -> io::Result<Meta>;

    /// Lists all objects whose key begins with the prefix and a slash, in the order of their keys.
    fn list(&self, prefix: &str, cancel: &Cancel) -> io::Result<Vec<Meta>>;

    /// Lists what lies directly below a prefix.
    fn level(&self, prefix: &str, cancel: &Cancel) -> io::Result<Level>;

    /// Writes an object at once, and gives its tag.
    fn put(
        &self,
        key: &str,
        bytes: Vec<u8>,
        condition: Condition,
        cancel: &Cancel,
    ) -> io::Result<Option<String>>;

    /// Deletes objects. It is not an error if one isn't there.
    fn delete(&self, keys: Vec<String>, cancel: &Cancel) -> io::Result<()>;

    /// Begins an object that is written in parts, and gives the name of the upload.
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

    /// Makes an object of all its parts.
    fn complete(
        &self,
        key: &str,
        upload: &str,
        parts: Vec<String>,
        cancel: &Cancel,
    ) -> io::Result<()>;

    /// Discards the parts of an upload.
    fn abort(&self, key: &str, upload: &str) -> io::Result<()>;
}
