//! The envelope of an encrypted backup, which is not encrypted: as much as is needed to list the backup, to tell which older ones
//! it replaces, and to check its bytes without a key. It has no names of databases, schemas, tables or columns, no numbers of rows
//! and no formats.

use std::collections::BTreeSet;

use anyhow::Context;
use database::Cancel;
use dataset::failure::Kind;
use postgres::Client;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage::place::Place;

use crate::encryption::{BackupKey, EncryptTo, Keys, Lock, Recipient};
use crate::file::{self, Contents};
use crate::intact;
use crate::manifest::{self, FileEntry, Manifest};

/// The value of an envelope's `kind`.
pub(crate) const KIND: &str = "extrato backup, encrypted";
/// The version of an envelope's form.
const VERSION: u32 = 1;
/// The name of the file with the key, itself encrypted, that the other files are encrypted to.
pub(crate) const KEY: &str = "key.age";
/// The name of the file with the manifest.
pub(crate) const MANIFEST: &str = "manifest.json.age";
/// The name of the file with the statements that create the tables.
pub(crate) const SCHEMA_SQL: &str = "schema.sql.age";

/// The part of an encrypted backup that is not encrypted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// Says that this is an encrypted backup of ours.
    pub(crate) kind: String,
    /// The version of this form.
    pub(crate) version: u32,
    /// The name of the backup: when it was begun, in UTC.
    pub(crate) name: String,
    /// What opens the backup.
    pub(crate) lock: Lock,
    /// The series of backups that this one belongs to.
    pub(crate) series: Series,
    /// All other files of the backup except the list of checksums, in the order of that list.
    pub(crate) files: Vec<EncryptedFile>,
}

/// A file in its encrypted form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EncryptedFile {
    /// The file's name in the backup.
    pub(crate) path: String,
    /// The file's size.
    pub(crate) bytes: u64,
    /// The SHA-256 of its encrypted contents, in hexadecimal digits.
    pub(crate) sha256: String,
}

/// The series that a backup belongs to, as marks that tell no names: the backups of the same schema of the same database for the
/// same recipients. The marks are hashes that include things an outsider doesn't know, the server's identifier and the recipients'
/// public keys; so nobody can find out names by guessing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Series {
    /// The mark of database, schema and recipients.
    of: String,
    /// The marks of the tables.
    tables: BTreeSet<String>,
}

impl Series {
    /// The series of a backup; `server` is the server's identifier.
    pub(crate) fn new(server: &str, to: &EncryptTo, manifest: &Manifest) -> Self {
        let recipients = match to {
            EncryptTo::Recipients(recipients) => Recipient::texts(recipients),
            EncryptTo::Passphrase(_) => BTreeSet::new(),
        };
        let schema = &manifest.definition.schema;
        let mark = |table: Option<&str>| {
            // The debug format shows unambiguously where each part ends.
            let parts = format!(
                "{:?}",
                (server, &manifest.database, schema, &recipients, table)
            );
            let mut mark = file::hexadecimal(Sha256::new_with_prefix(parts));
            mark.truncate(32);
            mark
        };
        Self {
            of: mark(None),
            tables: manifest
                .tables
                .iter()
                .map(|table| mark(Some(&table.table)))
                .collect(),
        }
    }

    /// Whether a backup of this series replaces a backup of the other: it has all of the other's tables.
    pub(crate) fn stands_for(&self, other: &Self) -> bool {
        self.of == other.of && other.tables.is_subset(&self.tables)
    }

    /// How many tables there are.
    pub(crate) fn tables(&self) -> u64 {
        self.tables.len() as u64
    }
}

/// The server's identifier, which is the same in all its databases and its replicas.
///
/// # Errors
/// An error if the role may not read it.
pub(crate) fn server_identifier(client: &mut Client) -> anyhow::Result<String> {
    let query = "SELECT system_identifier::text FROM pg_catalog.pg_control_system()";
    let row = client.query_one(query, &[]).context(
        "asking the server for its identifier, by which encrypted backups of it are told from others (the role needs EXECUTE on \
         pg_control_system())",
    )?;
    Ok(row.get(0))
}

impl Envelope {
    /// Parses the text of an envelope, which lies at `path`.
    ///
    /// # Errors
    /// [`Kind::Refused`] if it is not ours, or of a later version than this program knows.
    pub(crate) fn parse(text: &[u8], path: &Place) -> anyhow::Result<Self> {
        let envelope: Self = manifest::parsed(text, path)?;
        manifest::check_version(&envelope.kind, KIND, envelope.version, VERSION, path)?;
        Ok(envelope)
    }

    /// The envelope of a backup with these files, followed by the files of its manifest.
    pub(crate) fn new(
        lock: Lock,
        series: Series,
        own: impl IntoIterator<Item = EncryptedFile>,
        manifest: &Manifest,
    ) -> Self {
        let rows = manifest.entries().map(EncryptedFile::from);
        Self {
            kind: KIND.to_owned(),
            version: VERSION,
            name: manifest.name.clone(),
            lock,
            series,
            files: own.into_iter().chain(rows).collect(),
        }
    }

    /// The names of the files and their checksums.
    pub(crate) fn sums(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|file| (file.path.as_str(), file.sha256.as_str()))
    }

    /// The size of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Opens the backup in a folder.
    ///
    /// # Errors
    /// The errors of [`Keys::open`]; [`Kind::Check`] if the manifest, or the key that opens it, is not what was written.
    pub(crate) fn open(
        &self,
        folder: &Place,
        keys: &Keys,
        cancel: &Cancel,
    ) -> anyhow::Result<(Manifest, BackupKey)> {
        let own = |file: &&EncryptedFile| [KEY, MANIFEST, SCHEMA_SQL].contains(&file.path.as_str());
        let mut problems = Vec::new();
        for file in self.files.iter().filter(own) {
            problems.extend(intact::changed(
                folder,
                &file.path,
                file.bytes,
                &file.sha256,
                cancel,
            )?);
        }
        intact::refuse(folder, &problems)?;
        let locked = Contents::read_all(&folder.join(KEY), None)?;
        let key = keys.open(self.lock, &locked, &self.name)?;
        let text = Contents::read_all(&folder.join(MANIFEST), Some(&key))?;
        let manifest = Manifest::parse(&text, &folder.join(MANIFEST))?;
        self.check_agrees(folder, &manifest)?;
        Ok((manifest, key))
    }

    /// Checks that the files in the envelope are those of the manifest, which nobody without the key could have written.
    fn check_agrees(&self, folder: &Place, manifest: &Manifest) -> anyhow::Result<()> {
        let rows = self.files.iter().skip(3).cloned();
        match self.name == manifest.name && rows.eq(manifest.entries().map(EncryptedFile::from)) {
            true => Ok(()),
            false => Err(Kind::Check.error(format!(
                "the backup {folder} was changed: its manifest that is not encrypted differs from the encrypted one: \
                 take another copy \
                 of it, or an older backup"
            ))),
        }
    }
}

impl From<&FileEntry> for EncryptedFile {
    fn from(entry: &FileEntry) -> Self {
        Self {
            path: entry.path.clone(),
            bytes: entry.bytes,
            sha256: entry.sha256.clone(),
        }
    }
}
