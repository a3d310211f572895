//! Whether a backup is what it was, and whether tables still have its contents.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use database::{Cancel, Settings, transaction};
use dataset::failure::{Kind, OrFail};

use crate::backup::is_alone;
use crate::checksum::Recorded;
use crate::manifest::{FILE, Manifest, SCHEMA_SQL, SUMS, TableFiles};
use crate::report::{TableReport, VerifyReport};
use crate::{carriage, checksum, file, folder};

/// Reads every file of a backup again. With a database, whose tables lie in the schema that they come from or in another that is
/// named, compares their contents too.
///
/// # Errors
/// [`Kind::Check`] naming every file that is missing, changed or not listed, or every table whose contents differ.
pub fn verify(
    path: &Path,
    database: Option<(&Settings, Option<&str>)>,
    cancel: &Cancel,
) -> anyhow::Result<VerifyReport> {
    let began = Instant::now();
    let path = folder::find(path)?;
    let manifest =
        Manifest::read(&path).or_fail(Kind::Check, || "the backup cannot be verified")?;
    let mut tables = Vec::new();
    let mut problems = Vec::new();
    for table in &manifest.tables {
        let (report, found) = table_files(&path, table, cancel)?;
        tables.push(report);
        problems.extend(found);
    }
    problems.extend(beside(&path, &manifest, cancel)?);
    refuse(&path, &problems)?;
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
        schema: manifest.definition.schema,
        name: manifest.name,
        tables,
        database: compared,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Checks the files of these tables alone, and what lies beside them.
///
/// # Errors
/// As [`verify`].
pub(crate) fn check_files(
    path: &Path,
    manifest: &Manifest,
    is_wanted: impl Fn(&str) -> bool,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let mut problems = beside(path, manifest, cancel)?;
    for table in manifest
        .tables
        .iter()
        .filter(|table| is_wanted(&table.table))
    {
        problems.extend(table_files(path, table, cancel)?.1);
    }
    refuse(path, &problems)
}

fn refuse(path: &Path, problems: &[String]) -> anyhow::Result<()> {
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Kind::Check.error(format!(
            "the backup {} is not what it was: {}: take another copy of it, or an older backup",
            path.display(),
            problems.join("; ")
        ))),
    }
}

/// What is wrong with the files of a table.
fn table_files(
    path: &Path,
    table: &TableFiles,
    cancel: &Cancel,
) -> anyhow::Result<(TableReport, Vec<String>)> {
    let began = Instant::now();
    let mut problems = Vec::new();
    for entry in &table.files {
        let name = &entry.path;
        let at = path.join(name);
        if name.contains('/') || !at.is_file() {
            problems.push(format!("{name} is missing"));
            continue;
        }
        let found = file::sum(&at, cancel)?;
        if found.bytes != entry.bytes {
            problems.push(format!(
                "{name} has {} bytes instead of {}",
                found.bytes, entry.bytes
            ));
        } else if found.sha256 != entry.sha256 {
            problems.push(format!("{name} has other contents"));
        }
    }
    let listed: u64 = table.files.iter().map(|file| file.rows).sum();
    if listed != table.content.rows {
        problems.push(format!(
            "the manifest has two numbers of rows of {}",
            table.table
        ));
    }
    let report = TableReport {
        table: table.table.clone(),
        rows: table.content.rows,
        files: table.files.len() as u64,
        bytes: table.files.iter().map(|file| file.bytes).sum(),
        seconds: began.elapsed().as_secs_f64(),
    };
    Ok((report, problems))
}

/// What is wrong with what lies beside the files of the tables.
fn beside(path: &Path, manifest: &Manifest, cancel: &Cancel) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let files = || manifest.tables.iter().flat_map(|table| &table.files);
    let mut known: BTreeSet<&str> = files().map(|file| file.path.as_str()).collect();
    known.extend([FILE, SCHEMA_SQL, SUMS]);
    let entries = std::fs::read_dir(path)
        .or_fail(Kind::Check, || format!("cannot read {}", path.display()))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if !name.to_str().is_some_and(|name| known.contains(name)) {
            problems.push(format!("{} is not of the backup", name.to_string_lossy()));
        }
    }
    for name in [SCHEMA_SQL, SUMS] {
        if !path.join(name).is_file() {
            problems.push(format!("{name} is missing"));
        }
    }
    if !problems.is_empty() {
        return Ok(problems);
    }
    let mut expected = String::new();
    for name in [FILE, SCHEMA_SQL] {
        let found = file::sum(&path.join(name), cancel)?;
        let _ = writeln!(expected, "{}  {name}", found.sha256);
    }
    for file in files() {
        let _ = writeln!(expected, "{}  {}", file.sha256, file.path);
    }
    let sums = std::fs::read(path.join(SUMS)).or_fail(Kind::Check, || "reading checksums")?;
    if sums != expected.as_bytes() {
        problems.push(format!("{FILE}, {SCHEMA_SQL} or {SUMS} has other contents"));
    }
    Ok(problems)
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
                    "{} has {} rows, and {} in the backup",
                    table.name, now.rows, files.content.rows
                )),
                _ => differing.push(format!("{} has other values in its rows", table.name)),
            }
        }
        Ok(differing)
    });
    let differing = differing.map_err(|error| cancel.check().err().unwrap_or(error))?;
    match differing.is_empty() {
        true => Ok(()),
        false => Err(Kind::Check.error(format!(
            "schema {schema} does not have the contents of the backup {}: {}",
            manifest.name,
            differing.join("; ")
        ))),
    }
}
