//! The manifest of a backup: what the backup says about itself.

use std::io::ErrorKind;

use database::catalogue::definition::Definition;
use dataset::failure::{Kind, OrFail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storage::place::{Place, reading};

use crate::avro::codec::Codec;
use crate::checksum::Recorded;
use crate::options::Format;

/// The name of the manifest in a backup.
pub(crate) const FILE: &str = "manifest.json";
/// The name of the file with the statements that create the tables.
pub(crate) const SCHEMA_SQL: &str = "schema.sql";
/// The name of the list of checksums, which `sha256sum --check` reads too.
pub(crate) const SUMS: &str = "SHA256SUMS";
/// The value of a manifest's `kind`.
const KIND: &str = "extrato backup";
/// The version of a manifest's form.
const VERSION: u32 = 1;

/// The manifest of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Says that this is a backup of ours.
    pub(crate) kind: String,
    /// The version of this form.
    pub(crate) version: u32,
    /// The name of the backup: when it was begun, in UTC.
    pub(crate) name: String,
    /// The database that the tables come from.
    pub(crate) database: String,
    /// The version of the server.
    pub(crate) server_version: String,
    /// The encoding of the database. The files themselves are in UTF-8.
    pub(crate) encoding: String,
    /// The snapshot that all tables were read in.
    pub(crate) snapshot: String,
    /// The format of the files.
    pub(crate) format: Format,
    /// How the blocks of Avro files are compressed.
    pub(crate) codec: Option<Codec>,
    /// Whether timestamps without a zone are written as instants in UTC.
    pub(crate) timestamps_utc: bool,
    /// The definition of the tables.
    pub(crate) definition: Definition,
    /// The files of the tables, in the order of the tables.
    pub(crate) tables: Vec<TableFiles>,
}

/// The files of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct TableFiles {
    /// The table's name, without the schema.
    pub(crate) table: String,
    /// How many rows there are, and their content checksum.
    pub(crate) content: Recorded,
    /// The files.
    pub(crate) files: Vec<FileEntry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// The file's name in the backup.
    pub(crate) path: String,
    /// How many rows it has.
    pub(crate) rows: u64,
    /// The file's size.
    pub(crate) bytes: u64,
    /// The SHA-256 of its contents, in hexadecimal digits.
    pub(crate) sha256: String,
}

impl Manifest {
    /// The `kind` and `version` that mark a manifest as ours.
    pub(crate) fn mark() -> (String, u32) {
        (KIND.to_owned(), VERSION)
    }

    /// The text of a backup's manifest or envelope.
    ///
    /// # Errors
    /// [`Kind::Refused`] if there is none; [`Kind::Connection`] if a bucket gives no answer.
    pub(crate) fn text(folder: &Place) -> anyhow::Result<Vec<u8>> {
        let place = folder.join(FILE);
        match place.read() {
            // Whether there is a manifest cannot be known.
            Err(error) if place.is_bucket() && error.kind() != ErrorKind::NotFound => {
                reading(Err(error), Kind::Refused, &place)
            }
            read => read.or_fail(Kind::Refused, || {
                format!(
                    "{folder} is not a backup, since it has no {FILE} that can be read: name a folder that `extrato \
                     backup` made"
                )
            }),
        }
    }

    /// Parses the text of a manifest, which lies at `path`.
    ///
    /// # Errors
    /// [`Kind::Refused`] if it is not ours, or of a later version.
    pub(crate) fn parse(text: &[u8], path: &Place) -> anyhow::Result<Self> {
        let manifest: Self = parsed(text, path)?;
        check_version(&manifest.kind, KIND, manifest.version, VERSION, path)?;
        Ok(manifest)
    }

    /// All files with rows, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &FileEntry> {
        self.tables.iter().flat_map(|table| &table.files)
    }

    /// The files of a table; `None` if the backup doesn't have the table.
    pub(crate) fn files(&self, table: &str) -> Option<&TableFiles> {
        self.tables.iter().find(|files| files.table == table)
    }

    /// How many rows all tables have.
    pub(crate) fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.content.rows).sum()
    }

    /// How many bytes all files of tables have.
    pub(crate) fn bytes(&self) -> u64 {
        self.entries().map(|file| file.bytes).sum()
    }
}

/// Parses the text of a manifest or an envelope, which lies at `path`.
///
/// # Errors
/// [`Kind::Refused`] if it is not ours.
pub(crate) fn parsed<T: DeserializeOwned>(text: &[u8], path: &Place) -> anyhow::Result<T> {
    serde_json::from_slice(text).or_fail(Kind::Refused, || {
        format!("{path} is damaged, or was not written by `extrato backup`")
    })
}

/// Checks that a manifest is of the right kind, and that its version is known.
///
/// # Errors
/// [`Kind::Refused`] if not.
pub(crate) fn check_version(
    kind: &str,
    known_kind: &str,
    version: u32,
    known: u32,
    path: &Place,
) -> anyhow::Result<()> {
    match kind == known_kind && version <= known {
        true => Ok(()),
        false => Err(Kind::Refused.error(format!(
            "{path} was written by a later version of `extrato backup`: use that version"
        ))),
    }
}
