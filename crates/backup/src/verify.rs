//! Checks whether a backup is still what it was, and whether tables still have its contents.

use std::time::Instant;

use anyhow::Context;
use database::{Cancel, Settings, transaction};
use dataset::failure::{Failure, Kind};
use storage::place::Place;

use crate::backup::is_alone;
use crate::checksum::Recorded;
use crate::encryption::Keys;
use crate::envelope::Envelope;
use crate::folder::Found;
use crate::manifest::{FILE, Manifest, SCHEMA_SQL, TableFiles};
use crate::report::{EncryptionReport, TableReport, VerifyReport};
use crate::{carriage, checksum, folder, intact};

/// Reads every file of a backup again and compares it with its checksum. With a database, also compares the contents of its tables,
/// in the schema that the backup comes from or in another that is named. For an encrypted backup only the bytes are compared,
/// unless there is a key: then also the manifest and, with a database, the tables.
///
/// # Errors
/// [`Kind::Check`] naming every file that is missing, changed or not listed, or every table whose contents differ; [`Kind::Usage`]
/// and [`Kind::Refused`] if keys are needed but missing, or don't open the backup; [`Kind::Connection`] if a server or a bucket
/// gives no answer.
pub fn verify(
    path: &Place,
    keys: &Keys,
    database: Option<(&Settings, Option<&str>)>,
    cancel: &Cancel,
) -> anyhow::Result<VerifyReport> {
    let path = path.clone().cancelled_by(cancel);
    // The error of a request that was cut short tells less.
    verified(&path, keys, database, cancel).map_err(|error| cancel.check().err().unwrap_or(error))
}

fn verified(
    path: &Place,
    keys: &Keys,
    database: Option<(&Settings, Option<&str>)>,
    cancel: &Cancel,
) -> anyhow::Result<VerifyReport> {
    let began = Instant::now();
    let path = folder::find(path)?;
    let found = folder::read(&path).map_err(|error| match Failure::kind_of(&error) {
        Some(Kind::Connection | Kind::Usage) => error,
        _ => Kind::Check.caused_by(error, "the backup cannot be verified"),
    })?;
    let (manifest, encryption, tables) = match found {
        Found::Plain(manifest) => {
            let tables = plain(&path, &manifest, cancel)?;
            (manifest, None, tables)
        }
        Found::Encrypted(envelope) => {
            check_envelope(&path, &envelope, cancel)?;
            let mut report = EncryptionReport {
                lock: envelope.lock,
                is_opened: false,
                files: envelope.files.len() as u64,
                bytes: envelope.bytes(),
            };
            if database.is_none() && !keys.may_open(envelope.lock) {
                return Ok(VerifyReport {
                    path,
                    name: envelope.name,
                    schema: None,
                    tables: Vec::new(),
                    encryption: Some(report),
                    database: None,
                    seconds: began.elapsed().as_secs_f64(),
                });
            }
            // The manifest's files are those of the envelope, which were read already.
            let (manifest, _) = envelope.open(&path, keys, cancel)?;
            report.is_opened = true;
            let tables = manifest.tables.iter();
            let tables = tables.map(|table| told(table, 0.0)).collect();
            (Box::new(manifest), Some(report), tables)
        }
    };
    let compared = match database {
        None => None,
        Some((settings, schema)) => {
            let schema = schema.unwrap_or(&manifest.definition.schema);
            compare(settings, &manifest, schema, cancel)?;
            Some(schema.to_owned())
        }
    };
    Ok(VerifyReport {
        path,
        schema: Some(manifest.definition.schema),
        name: manifest.name,
        tables,
        encryption,
        database: compared,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Checks all files of a backup that is not encrypted.
fn plain(path: &Place, manifest: &Manifest, cancel: &Cancel) -> anyhow::Result<Vec<TableReport>> {
    let (mut tables, mut problems) = (Vec::new(), Vec::new());
    for table in &manifest.tables {
        let (report, found) = table_files(path, table, cancel)?;
        tables.push(report);
        problems.extend(found);
    }
    problems.extend(beside(path, manifest, cancel)?);
    intact::refuse(path, &problems)?;
    Ok(tables)
}

/// Checks the bytes of all files of an encrypted backup.
fn check_envelope(path: &Place, envelope: &Envelope, cancel: &Cancel) -> anyhow::Result<()> {
    let mut problems = Vec::new();
    for file in &envelope.files {
        let (name, sha256) = (&file.path, &file.sha256);
        problems.extend(intact::changed(path, name, file.bytes, sha256, cancel)?);
    }
    problems.extend(beside_envelope(path, envelope, cancel)?);
    intact::refuse(path, &problems)
}

/// Checks the files beside those with rows, and that nothing else lies there.
///
/// # Errors
/// The errors of [`verify`].
pub(crate) fn check_beside(path: &Place, found: &Found, cancel: &Cancel) -> anyhow::Result<()> {
    let problems = match found {
        Found::Plain(manifest) => beside(path, manifest, cancel),
        Found::Encrypted(envelope) => beside_envelope(path, envelope, cancel),
    };
    intact::refuse(path, &problems?)
}

/// Checks only the files of these tables.
///
/// # Errors
/// The errors of [`verify`].
pub(crate) fn check_files(
    path: &Place,
    manifest: &Manifest,
    is_wanted: impl Fn(&str) -> bool,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let mut problems = Vec::new();
    let wanted = manifest.tables.iter();
    for table in wanted.filter(|table| is_wanted(&table.table)) {
        problems.extend(table_files(path, table, cancel)?.1);
    }
    intact::refuse(path, &problems)
}

/// What is wrong with the files of a table.
fn table_files(
    path: &Place,
    table: &TableFiles,
    cancel: &Cancel,
) -> anyhow::Result<(TableReport, Vec<String>)> {
    let began = Instant::now();
    let mut problems = Vec::new();
    for entry in &table.files {
        let (name, sha256) = (&entry.path, &entry.sha256);
        problems.extend(intact::changed(path, name, entry.bytes, sha256, cancel)?);
    }
    let listed: u64 = table.files.iter().map(|file| file.rows).sum();
    if listed != table.content.rows {
        problems.push(format!(
            "the manifest has two numbers of rows for {}",
            table.table
        ));
    }
    let report = told(table, began.elapsed().as_secs_f64());
    Ok((report, problems))
}

/// The report about a table.
fn told(table: &TableFiles, seconds: f64) -> TableReport {
    TableReport {
        table: table.table.clone(),
        rows: table.content.rows,
        files: table.files.len() as u64,
        bytes: table.files.iter().map(|file| file.bytes).sum(),
        seconds,
    }
}

/// What is wrong with the files beside those of the tables.
fn beside(path: &Place, manifest: &Manifest, cancel: &Cancel) -> anyhow::Result<Vec<String>> {
    let files = manifest.entries();
    let files = files.map(|file| (file.path.as_str(), file.sha256.as_str()));
    let files: Vec<_> = files.collect();
    intact::beside(path, &[FILE, SCHEMA_SQL], &files, cancel)
}

/// What is wrong with the files beside the encrypted ones.
fn beside_envelope(
    path: &Place,
    envelope: &Envelope,
    cancel: &Cancel,
) -> anyhow::Result<Vec<String>> {
    let listed: Vec<_> = envelope.sums().collect();
    intact::beside(path, &[FILE], &listed, cancel)
}

/// Compares the contents of tables with those of a backup.
fn compare(
    settings: &Settings,
    manifest: &Manifest,
    schema: &str,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let mut connection = settings.connect(cancel)?;
    let differing = transaction::reading(&mut connection, |client| {
        let mut differing = Vec::new();
        for table in &manifest.definition.tables {
            let columns = carriage::of_table(schema, table)?;
            let files = manifest.files(&table.name);
            let files = files.with_context(|| format!("table `{}` has no files", table.name))?;
            let alone = is_alone(table);
            let sum = checksum::of_table(client, schema, &table.name, alone, &columns, cancel)
                .with_context(|| format!("comparing table {schema}.{}", table.name))?;
            let now = Recorded::from(sum);
            match now {
                now if now == files.content => {}
                now if now.rows != files.content.rows => differing.push(format!(
                    "{} has {} rows, but {} in the backup",
                    table.name, now.rows, files.content.rows
                )),
                _ => differing.push(format!("{} has other values in its rows", table.name)),
            }
        }
        Ok(differing)
    })?;
    match differing.is_empty() {
        true => Ok(()),
        false => Err(Kind::Check.error(format!(
            "schema {schema} does not have the contents of the backup {}: {}",
            manifest.name,
            differing.join("; ")
        ))),
    }
}
