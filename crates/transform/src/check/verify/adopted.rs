//! Checks and sums files that another engine wrote.

use database::Cancel;
use dataset::failure::{Kind, OrFail};
use storage::manifest::FileEntry;
use storage::place::Place;

use super::error::cannot_read;
use super::form::Form;
use super::rows::Rows;
pub(crate) use super::sums::Summed;

/// Makes the manifest's entry of the file at a place, under the name `path`, and the sums of its rows.
///
/// # Errors
/// [`Kind::Check`] if it is not a file of this form.
pub(crate) fn read(
    place: Place,
    path: String,
    form: &Form,
    summed: &Summed,
    cancel: &Cancel,
) -> anyhow::Result<(FileEntry, Vec<i128>)> {
    let bytes = place
        .size_bytes()
        .or_fail(Kind::Check, || cannot_read(&place))?;
    let mut rows = Rows::open(place.clone(), form)?;
    rows.check_names(&place, form.names())?;
    let (count, sums) = summed.of_rows(&mut rows, &place, cancel)?;
    let entry = FileEntry {
        path,
        rows: count,
        bytes,
        xxh3_128: rows.checksum()?,
    };
    Ok((entry, sums))
}
