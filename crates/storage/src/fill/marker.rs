//! What says that a place is being filled, and what is said of such a place.

use std::fmt;

use dataset::failure::Kind;

use crate::place::{Place, reading};

/// What lies in a place while it is being filled: on disk the folder that holds the files until all are written, in a bucket an object
/// beside them.
pub const MARKER: &str = ".extrato-loading";

/// Checks that no run is filling a place in a bucket, nor was killed while it did: what lies there may be half of it. On disk it is
/// not there before it is whole.
///
/// # Errors
/// [`Kind::Refused`] if a run is, or was; [`Kind::Connection`] if the bucket gives no answer.
pub fn check_filled(place: &Place) -> anyhow::Result<()> {
    let Place::Bucket(address) = place else {
        return Ok(());
    };
    match reading(address.join(MARKER).is_there(), Kind::Refused, place)? {
        false => Ok(()),
        true => Err(not_filled(place)),
    }
}

/// The refusal of a place in a bucket in which the marker lies.
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
