//! Reads a published output again. Every file, its size, checksum, rows and sums are compared with the manifest, and, on request,
//! every row with what the database gives for the model.

pub(crate) mod adopted;
mod canonical;
mod comparison;
mod database;
mod error;
mod first_line;
mod form;
mod in_dialect;
mod json_lines;
mod latest;
mod output;
mod parquet;
mod query;
mod records;
mod rows;
mod sums;
mod ties;
mod verified;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ::database::{Cancel, Settings};
use dataset::failure::{Kind, OrFail};
use storage::bucket::publication;
use storage::manifest;
use storage::place::{Place, reading};

pub use database::Source;
use error::cannot_read;
pub(crate) use form::Form;
pub use latest::Latest;
use output::Output;
pub(crate) use records::{fields, value};
pub(crate) use rows::Rows;
pub use verified::{AgainstDatabase, Verified};

/// Verifies the outputs at a place: a folder of partitions, a single file, or a folder that holds several.
///
/// # Errors
/// [`Kind::Usage`] if there is no output, [`Kind::Check`] naming the first file that is not as its manifest
/// says, and how; [`Kind::Interrupted`].
pub fn verify(place: impl Into<Place>, cancel: &Cancel) -> anyhow::Result<Vec<Verified>> {
    let outputs = outputs(&place.into().cancelled_by(cancel))?;
    outputs.iter().map(|output| output.check(cancel)).collect()
}

/// Lists the outputs at a place: a folder of partitions, a single file, or a folder that holds the outputs of several models. Only
/// manifests are read.
///
/// # Errors
/// [`Kind::Usage`] if there is no output, [`Kind::Check`] if a manifest is damaged.
pub fn latest(place: impl Into<Place>, cancel: &Cancel) -> anyhow::Result<Vec<Latest>> {
    let outputs = outputs(&place.into().cancelled_by(cancel))?;
    Ok(outputs.iter().map(Latest::of).collect())
}

/// Verifies the outputs at a place, then compares those of the dataset, row by row, with what their models' SELECTs give in
/// Postgres, all in one snapshot. The database does the joins. Outputs of other datasets are not compared.
///
/// # Errors
/// As [`verify`]; [`Kind::Check`] naming file, row and column of the first difference; [`Kind::Usage`] if no output is one of the
/// dataset's; any error of the database.
pub fn verify_against_database(
    place: impl Into<Place>,
    settings: &Settings,
    source: &Source,
    cancel: &Cancel,
) -> anyhow::Result<Vec<Verified>> {
    let all = outputs(&place.into().cancelled_by(cancel))?;
    let is_ours = |output: &Output| output.run.dataset == source.dataset.name;
    let (ours, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_ours);
    let source = &source.with_parameters_of(&ours);
    if ours.is_empty() {
        // The error about the first output says which dataset it is of.
        for output in &others {
            source.model_of(output)?;
        }
    }
    for output in &others {
        tracing::info!(
            "not compared with the database: {} is an output of dataset `{}`",
            output.manifest,
            output.run.dataset
        );
    }
    let models = ours
        .iter()
        .map(|output| source.model_of(output))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let check = |outputs: &[Output]| {
        let checked = outputs.iter().map(|output| output.check(cancel));
        checked.collect::<anyhow::Result<Vec<_>>>()
    };
    let (mut verified, others) = (check(&ours)?, check(&others)?);
    // The server has its own words for a statement that was cancelled; ours are clearer.
    let compared = database::compare(settings, source, &ours, &models, cancel)
        .map_err(|error| cancel.check().err().unwrap_or(error))?;
    for (verified, compared) in verified.iter_mut().zip(compared) {
        verified.database = Some(compared);
    }
    verified.extend(others);
    Ok(verified)
}

fn outputs(place: &Place) -> anyhow::Result<Vec<Output>> {
    let mut manifests = manifests(place)?;
    manifests.sort();
    if manifests.is_empty() {
        let found_by = match place.is_bucket() {
            true => publication::POINTER,
            false => manifest::IN_FOLDER,
        };
        return Err(Kind::Usage.error(format!(
            "{place} is not an output of transform: there is no {found_by} in it, nor a manifest beside it"
        )));
    }
    manifests.into_iter().map(Output::read).collect()
}

fn manifests(place: &Place) -> anyhow::Result<Vec<Place>> {
    let path = match place {
        Place::Disk(path) => path,
        Place::Bucket(address) => {
            let found = publication::manifests(address);
            let kind = match &found {
                Err(error) if error.kind() == ErrorKind::InvalidData => Kind::Check,
                _ => Kind::Usage,
            };
            let found = reading(found, kind, place)?;
            return Ok(found.into_iter().map(Place::Bucket).collect());
        }
    };
    let in_folder = path.join(manifest::IN_FOLDER);
    if in_folder.is_file() {
        return Ok(vec![in_folder.into()]);
    }
    if path.is_file() {
        let beside = place.beside(&manifest::beside(&place.name()));
        let is_there = beside.path().is_some_and(Path::is_file);
        return Ok(Some(beside).filter(|_| is_there).into_iter().collect());
    }
    let entries = fs::read_dir(path).or_fail(Kind::Usage, || cannot_read(place))?;
    Ok(entries
        .flatten()
        .map(|entry| entry.path())
        .filter_map(|path| {
            let in_folder = path.join(manifest::IN_FOLDER);
            let is_beside = path.to_string_lossy().ends_with(manifest::SUFFIX);
            match is_beside {
                true => Some(path.into()),
                false => in_folder.is_file().then(|| in_folder.into()),
            }
        })
        .collect())
}
