//! What is restored: tables of a backup, or the rows of a file that another program wrote.

use database::Cancel;
use database::catalogue::definition::{Definition, TableDefinition};
use dataset::failure::Kind;
use storage::place::{Place, reading};

use crate::avro::container::Reader;
use crate::avro::parse;
use crate::carriage::{self, Carried};
use crate::checksum::Recorded;
use crate::encryption::BackupKey;
use crate::folder::{self, Found};
use crate::manifest::{Manifest, TableFiles};
use crate::options::{Format, Mode, RestoreOptions};
use crate::{tables, verify};

/// Where rows come from.
pub(super) enum Source {
    /// A backup; its manifest has only the tables that are restored.
    Backup {
        folder: Place,
        manifest: Box<Manifest>,
        /// The key of the backup's files, if they are encrypted.
        key: Option<BackupKey>,
    },
    /// An Avro file for one table.
    File {
        place: Place,
        schema: Option<String>,
        table: String,
    },
}

/// The rows of a table.
pub(super) struct Incoming {
    /// The definition that the table had; for a file, the one that it has.
    pub(super) definition: TableDefinition,
    /// The columns that the files have.
    pub(super) columns: Vec<Carried>,
    pub(super) format: Format,
    pub(super) files: Vec<Place>,
    /// The key of the files, if they are encrypted.
    pub(super) key: Option<BackupKey>,
    /// The size of the files.
    pub(super) bytes: u64,
    /// The content checksum that the rows must have, if it is known.
    pub(super) content: Option<Recorded>,
}

impl Source {
    /// Finds what is to be restored, and checks the files of a backup against its manifest.
    pub(super) fn open(options: &RestoreOptions, cancel: &Cancel) -> anyhow::Result<Self> {
        let place = options.from.clone().cancelled_by(cancel);
        if reading(place.is_file(), Kind::Refused, &place)? {
            return Self::of_file(place, options);
        }
        let folder = folder::find(&place)?;
        let found = folder::read(&folder)?;
        verify::check_beside(&folder, &found, cancel)?;
        let (mut manifest, key) = match found {
            Found::Plain(manifest) => (*manifest, None),
            Found::Encrypted(envelope) => {
                let (manifest, key) = envelope.open(&folder, &options.keys, cancel)?;
                (manifest, Some(key))
            }
        };
        let from = manifest.definition.schema.clone();
        let mut names = Vec::new();
        for table in &options.tables {
            let (schema, name) = tables::split(table);
            let is_there = manifest.definition.table(&name).is_some();
            if !is_there || schema.is_some_and(|schema| schema != from) {
                let all = manifest.definition.tables.iter();
                let all: Vec<_> = all.map(|table| table.name.as_str()).collect();
                return Err(Kind::Mismatch.error(format!(
                    "table `{table}` is not in the backup {}, which is of schema {from} and has {}",
                    manifest.name,
                    all.join(", ")
                )));
            }
            names.push(name);
        }
        let is_wanted = |name: &str| names.is_empty() || names.iter().any(|of| of == name);
        tracing::info!("checking the files of the backup {}", manifest.name);
        verify::check_files(&folder, &manifest, is_wanted, cancel)?;
        let is_used = |definition: &TableDefinition, of: &str| {
            let columns = definition.columns.iter();
            let plain = |name: &str| name.trim_end_matches("[]").trim_matches('"') == of;
            columns.map(|column| column.type_name.as_str()).any(plain)
        };
        if !names.is_empty() {
            let definition = &mut manifest.definition;
            definition.tables.retain(|table| is_wanted(&table.name));
            // Types may be made up of others, so all of them stay if one is used.
            let tables = &definition.tables;
            let types = &definition.types;
            if !types
                .iter()
                .any(|of| tables.iter().any(|table| is_used(table, &of.name)))
            {
                definition.types.clear();
            }
            manifest.tables.retain(|table| is_wanted(&table.table));
        }
        Ok(Self::Backup {
            folder,
            manifest: Box::new(manifest),
            key,
        })
    }

    fn of_file(place: Place, options: &RestoreOptions) -> anyhow::Result<Self> {
        let usage = |what: &str| Err(Kind::Usage.error(format!("{place} {what}")));
        let [named] = options.tables.as_slice() else {
            return usage("is the file of one table: name the table with --table");
        };
        if options.mode == Mode::Create {
            return usage(
                "does not say what the table's keys are: create the table, then restore with --mode append or replace",
            );
        }
        if place.name().ends_with(".age") {
            return usage(
                "is encrypted: name the folder of its backup with --from, and the table with --table",
            );
        }
        if place.name().ends_with(".csv") {
            return usage("is CSV and has no manifest: `extrato load` takes it, and validates it");
        }
        let (schema, table) = tables::split(named);
        Ok(Self::File {
            place,
            schema,
            table,
        })
    }

    /// The schema that the tables are restored to.
    pub(super) fn schema(&self, options: &RestoreOptions) -> anyhow::Result<String> {
        let from = match self {
            Self::Backup { manifest, .. } => Some(manifest.definition.schema.as_str()),
            Self::File { schema, .. } => schema.as_deref(),
        };
        let schema = options.into.as_deref().or(from);
        schema.map(str::to_owned).ok_or_else(|| {
            Kind::Usage
                .error("name the schema of the table with --into, or before its name in --table")
        })
    }

    /// The place of the backup or the file.
    pub(super) fn place(&self) -> &Place {
        match self {
            Self::Backup { folder, .. } => folder,
            Self::File { place, .. } => place,
        }
    }

    /// Whether the source has content checksums that the tables must match.
    pub(super) fn has_checksums(&self) -> bool {
        matches!(self, Self::Backup { .. })
    }

    /// The definition of the backup's tables; `None` for a file.
    pub(super) fn definition(&self) -> Option<&Definition> {
        match self {
            Self::Backup { manifest, .. } => Some(&manifest.definition),
            Self::File { .. } => None,
        }
    }

    /// The names of the tables.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Backup { manifest, .. } => {
                let tables = manifest.definition.tables.iter();
                tables.map(|table| table.name.as_str()).collect()
            }
            Self::File { table, .. } => vec![table.as_str()],
        }
    }

    /// The rows of each table; `live` is the definition of the tables that are there.
    pub(super) fn incoming(&self, live: Option<&Definition>) -> anyhow::Result<Vec<Incoming>> {
        match (self, live) {
            (
                Self::Backup {
                    folder,
                    manifest,
                    key,
                },
                _,
            ) => {
                let of = |table| of_backup(folder, manifest, key.as_ref(), table);
                manifest.definition.tables.iter().map(of).collect()
            }
            (Self::File { place, table, .. }, Some(live)) => {
                let name = table;
                let table = live.table(name).ok_or_else(|| {
                    Kind::Mismatch.error(format!(
                        "table `{name}` is missing in schema {}",
                        live.schema
                    ))
                })?;
                Ok(vec![of_file(place, &live.schema, table)?])
            }
            (Self::File { place, .. }, None) => {
                Err(Kind::Internal.error(format!("{place} does not describe its table")))
            }
        }
    }
}

fn of_backup(
    folder: &Place,
    manifest: &Manifest,
    key: Option<&BackupKey>,
    table: &TableDefinition,
) -> anyhow::Result<Incoming> {
    let files: &TableFiles = manifest.files(&table.name).ok_or_else(|| {
        Kind::Check.error(format!(
            "the manifest names no files of table `{}`",
            table.name
        ))
    })?;
    Ok(Incoming {
        columns: carriage::of_table(&manifest.definition.schema, table)?,
        definition: table.clone(),
        format: manifest.format,
        files: files
            .files
            .iter()
            .map(|file| folder.join(&file.path))
            .collect(),
        key: key.cloned(),
        bytes: files.files.iter().map(|file| file.bytes).sum(),
        content: Some(files.content.clone()),
    })
}

/// The rows of a file that has fields for some columns of a table; the table's defaults fill the others.
fn of_file(place: &Place, schema: &str, table: &TableDefinition) -> anyhow::Result<Incoming> {
    let refuse = |why: &str| {
        Kind::Mismatch.error(format!(
            "{place} does not fit table {schema}.{}: {why}",
            table.name
        ))
    };
    let reader = Reader::open(place, None)?;
    let fields = parse::fields(reader.schema()).map_err(|why| refuse(&why))?;
    let has = |name: &str| fields.iter().any(|field| field.column == name);
    let mut columns = carriage::of_table(schema, table)?;
    for column in &table.columns {
        let can_do_without = !column.base.forbids_null
            || column.default.is_some()
            || column.identity.is_some()
            || column.generated.is_some();
        if !has(&column.name) && !can_do_without {
            return Err(refuse(&format!(
                "it has no field for the column `{}`, which may not be NULL",
                column.name
            )));
        }
        if has(&column.name) && column.generated.is_some() {
            return Err(refuse(&format!(
                "its field `{}` is a column that the server computes",
                column.name
            )));
        }
    }
    columns.retain(|column| has(&column.name));
    Ok(Incoming {
        columns,
        definition: table.clone(),
        format: Format::Avro,
        files: vec![place.clone()],
        key: None,
        bytes: place.size_bytes().unwrap_or(0),
        content: None,
    })
}
