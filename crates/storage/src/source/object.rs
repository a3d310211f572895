//! Objects in a bucket as inputs, each with the contents that it had when it was found.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::{self, Cursor, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use dataset::failure::{Kind, OrFail};
use glob::{MatchOptions, Pattern};

use crate::bucket::{Address, Meta};
use crate::fill;
use crate::place::reading;

/// The largest object that is kept in memory. For a larger one, the transfer takes longer than the request, so that keeping it
/// spares little.
const KEPT_BYTES: u64 = 1 << 20;

/// As in paths, a star doesn't match a slash.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// An object that can be opened several times. Opening it fails if its contents have changed since it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub(super) address: Address,
    etag: Option<String>,
    bytes: u64,
    /// The contents, once they are kept in memory.
    contents: Option<Arc<[u8]>>,
}

impl Object {
    fn of(bucket: &Address, meta: Meta) -> Self {
        Self {
            address: bucket.at(meta.key),
            etag: meta.etag,
            bytes: meta.bytes,
            contents: None,
        }
    }

    /// Keeps the contents in memory for all later reads if they are small and fit into `room`, in bytes, from which they are
    /// subtracted.
    pub(super) fn keep(&mut self, room: &AtomicU64) -> io::Result<()> {
        let take = |room: u64| room.checked_sub(self.bytes);
        if self.bytes <= KEPT_BYTES && room.fetch_update(Relaxed, Relaxed, take).is_ok() {
            let mut contents = Vec::new();
            self.open()?.read_to_end(&mut contents)?;
            self.contents = Some(contents.into());
        }
        Ok(())
    }

    /// Opens the object, or its contents that are kept in memory.
    pub(super) fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        if let Some(contents) = &self.contents {
            return Ok(Box::new(Cursor::new(Arc::clone(contents))));
        }
        let opened = self.address.open(self.etag.as_deref());
        opened.map(|(_, body)| body)
    }
}

/// The listings of folders in buckets. Each folder is asked for once.
#[derive(Debug, Default)]
pub struct Listings(BTreeMap<(Address, bool), Vec<Meta>>);

impl Listings {
    /// The objects directly below a folder, or all below it if `is_deep`.
    ///
    /// # Errors
    /// As [`matching`].
    fn of(&mut self, folder: &Address, is_deep: bool) -> anyhow::Result<&[Meta]> {
        Ok(match self.0.entry((folder.clone(), is_deep)) {
            Entry::Occupied(listed) => listed.into_mut(),
            Entry::Vacant(place) => {
                let listed = match is_deep {
                    true => folder.list(),
                    false => folder.objects(),
                };
                let listed = reading(listed, Kind::Usage, folder)?;
                let is_marker = |meta: &Meta| folder.relative(&meta.key) == fill::MARKER;
                if listed.iter().any(is_marker) {
                    return Err(fill::not_filled(folder));
                }
                place.insert(listed)
            }
        })
    }
}

/// The objects that an address or a pattern names, ordered by name.
///
/// # Errors
/// [`Kind::Usage`] if there is none, or if the pattern is malformed; [`Kind::Connection`] if the bucket gives no answer; those of
/// [`matching`].
pub(super) fn named(pattern: &Address, listings: &mut Listings) -> anyhow::Result<Vec<Object>> {
    let key = pattern.key();
    if key.is_empty() {
        return Err(Kind::Usage.error(format!(
            "{pattern} is a whole bucket: name the files in it, as in {pattern}*.csv"
        )));
    }
    let special = key.find(['*', '?', '[']);
    let found = match (pattern.head(), special) {
        // A HEAD doesn't tell whether the bucket or the object is missing; a GET does.
        (Err(error), None) if error.kind() == ErrorKind::NotFound => {
            pattern.open(None).map(|(meta, _)| meta)
        }
        (found, _) => found,
    };
    let special = match (found, special) {
        // An object may have a name that looks like a pattern.
        (Ok(meta), _) => return Ok(vec![Object::of(pattern, meta)]),
        (Err(error), Some(special)) if error.kind() == ErrorKind::NotFound => special,
        (Err(error), _) => return reading(Err(error), Kind::Usage, pattern),
    };
    let folder = key[..special].rfind('/').map_or("", |slash| &key[..slash]);
    let below = key[folder.len()..].trim_start_matches('/').to_owned();
    let found = matching(&pattern.at(folder.to_owned()), &[below], listings)?;
    match found.is_empty() {
        true => Err(Kind::Usage.error(format!("{pattern}: there is no such object"))),
        false => Ok(found),
    }
}

/// The objects below `folder` whose names, relative to it, fit one of the patterns, ordered by name.
///
/// # Errors
/// As [`named`], except that no match is fine; [`Kind::Refused`] if a run is filling the folder, or was killed while it did.
pub(super) fn matching(
    folder: &Address,
    patterns: &[String],
    listings: &mut Listings,
) -> anyhow::Result<Vec<Object>> {
    let compiled = patterns
        .iter()
        .map(|pattern| {
            Pattern::new(pattern).or_fail(Kind::Usage, || {
                format!("{pattern} is not a pattern of names")
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    // There may be many objects that lie deeper, so these are listed only if need be.
    let is_deep = patterns.iter().any(|pattern| pattern.contains('/'));
    let fits = |meta: &&Meta| {
        let name = folder.relative(&meta.key);
        let mut patterns = compiled.iter();
        patterns.any(|pattern| pattern.matches_with(name, OPTIONS))
    };
    let mut found: Vec<Meta> = listings
        .of(folder, is_deep)?
        .iter()
        .filter(fits)
        .cloned()
        .collect();
    found.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(found
        .into_iter()
        .map(|meta| Object::of(folder, meta))
        .collect())
}
