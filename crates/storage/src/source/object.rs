//! Objects in a bucket as inputs, each of the contents that it had when it was found.

use std::io::{self, ErrorKind, Read};

use dataset::failure::{Kind, OrFail};
use glob::{MatchOptions, Pattern};

use crate::bucket::{Address, Meta};
use crate::fill;
use crate::place::reading;

/// As in paths, a star ends at a slash.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// An object that can be opened several times. It is an error if its contents are others by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub(super) address: Address,
    etag: Option<String>,
    pub(super) bytes: u64,
}

impl Object {
    fn of(bucket: &Address, meta: Meta) -> Self {
        Self {
            address: bucket.at(meta.key),
            etag: meta.etag,
            bytes: meta.bytes,
        }
    }

    /// Opens it.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        let opened = self.address.open(self.etag.as_deref());
        opened.map(|(_, body)| body)
    }

    /// Opens at most so many bytes of its middle.
    pub(super) fn open_middle(&self, bytes: u64) -> io::Result<Box<dyn Read + Send>> {
        let start = self.bytes / 2;
        let end = self.bytes.min(start + bytes);
        self.address.open_part(self.etag.as_deref(), start, end)
    }
}

/// The objects that an address or a pattern names, ordered by name.
///
/// # Errors
/// [`Kind::Usage`] if there is none, or the pattern makes no sense; [`Kind::Connection`] if the bucket gives no answer; those of
/// [`matching`].
pub(super) fn named(pattern: &Address) -> anyhow::Result<Vec<Object>> {
    let key = pattern.key();
    if key.is_empty() {
        return Err(Kind::Usage.error(format!(
            "{pattern} is a whole bucket: name the files in it, as in {pattern}*.csv"
        )));
    }
    let special = key.find(['*', '?', '[']);
    let found = match (pattern.head(), special) {
        // The answer to a GET says whether there is a bucket at all.
        (Err(error), None) if error.kind() == ErrorKind::NotFound => {
            pattern.open(None).map(|(meta, _)| meta)
        }
        (found, _) => found,
    };
    let special = match (found, special) {
        // A name that looks like a pattern but exists is that object.
        (Ok(meta), _) => return Ok(vec![Object::of(pattern, meta)]),
        (Err(error), Some(special)) if error.kind() == ErrorKind::NotFound => special,
        (Err(error), _) => return reading(Err(error), Kind::Usage, pattern),
    };
    let folder = key[..special].rfind('/').map_or("", |slash| &key[..slash]);
    let below = key[folder.len()..].trim_start_matches('/').to_owned();
    let found = matching(&pattern.at(folder.to_owned()), &[below])?;
    match found.is_empty() {
        true => Err(Kind::Usage.error(format!("{pattern}: there is no such object"))),
        false => Ok(found),
    }
}

/// The objects below `folder` whose names there one of the patterns fits, ordered by name.
///
/// # Errors
/// As [`named`], but that there may be none; [`Kind::Refused`] if a run is filling the folder, or was killed while it did.
pub(super) fn matching(folder: &Address, patterns: &[String]) -> anyhow::Result<Vec<Object>> {
    let compiled = patterns
        .iter()
        .map(|pattern| {
            Pattern::new(pattern).or_fail(Kind::Usage, || {
                format!("{pattern} is not a pattern of names")
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    // What lies deeper may be much.
    let listed = match patterns.iter().any(|pattern| pattern.contains('/')) {
        true => folder.list(),
        false => folder.objects(),
    };
    let mut listed = reading(listed, Kind::Usage, folder)?;
    if listed
        .iter()
        .any(|meta| folder.relative(&meta.key) == fill::MARKER)
    {
        return Err(fill::not_filled(folder));
    }
    listed.retain(|meta| {
        let name = folder.relative(&meta.key);
        compiled
            .iter()
            .any(|pattern| pattern.matches_with(name, OPTIONS))
    });
    listed.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(listed
        .into_iter()
        .map(|meta| Object::of(folder, meta))
        .collect())
}
