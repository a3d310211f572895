//! The marker of a place that is being filled, and the messages about such a place.

use std::fmt;

use dataset::failure::Kind;

use crate::place::{Place, reading};

/// The name of the marker in a place that is being filled: on disk, the folder that holds the files until all are written; in a
/// bucket, an object beside them.
pub const MARKER: &str = ".extrato-loading";

/// Checks that a place in a bucket is not half filled, by a run that is filling it or was killed while it did. On disk, files are
/// moved into place only when all are written.
///
/// # Errors
/// [`Kind::Refused`] if the marker is there; [`Kind::Connection`] if the bucket gives no answer.
pub fn check_filled(place: &Place) -> anyhow::Result<()> {
    let Place::Bucket(address) = place else {
        return Ok(());
    };
    match reading(address.join(MARKER).is_there(), Kind::Refused, place)? {
        false => Ok(()),
        true => Err(not_filled(place)),
    }
}

/// The error for reading a place in a bucket where the marker lies.
pub(crate) fn not_filled(place: impl fmt::Display) -> anyhow::Error {
    Kind::Refused.error(format!(
        "{place} is not whole: `extrato generate` is filling it, or was killed while it did (the object {MARKER} in it says so): \
         wait until it ends, or run it again into an empty place"
    ))
}

/// The message of an error about a place that cannot be written.
pub fn cannot_write(place: impl fmt::Display) -> String {
    format!("cannot write {place}")
}
