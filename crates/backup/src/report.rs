//! What a backup, a restore and a verification have done.

use serde::Serialize;
use storage::place::Place;

use crate::encryption::Lock;
use crate::options::{Format, Mode};

/// A table, and the time that it took.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// The table's name, without the schema.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// How many files it has.
    pub files: u64,
    /// The size of its files.
    pub bytes: u64,
    /// How long it took; tables overlap.
    pub seconds: f64,
}

/// What a backup has done.
#[derive(Debug, Clone, Serialize)]
pub struct BackupReport {
    /// Where it lies.
    pub path: Place,
    /// The schema that holds the tables.
    pub schema: String,
    /// What the files are.
    pub format: Format,
    /// What opens it, if it is encrypted.
    pub lock: Option<Lock>,
    /// The snapshot.
    pub snapshot: String,
    /// The tables.
    pub tables: Vec<TableReport>,
    /// What the backup does not hold, and what it makes of what is no plain table.
    pub notes: Vec<String>,
    /// The older backups that were deleted.
    pub deleted: Vec<String>,
    /// The time that it took.
    pub seconds: f64,
}

/// What a restore has done.
#[derive(Debug, Clone, Serialize)]
pub struct RestoreReport {
    /// Where the files lie.
    pub from: Place,
    /// The schema that holds the tables now.
    pub schema: String,
    /// What became of the tables that were there.
    pub mode: Mode,
    /// The tables.
    pub tables: Vec<TableReport>,
    /// What was not made, and what was made again.
    pub notes: Vec<String>,
    /// Whether content checksums were compared; files of other writers have none.
    pub is_proved: bool,
    /// The time that it took.
    pub seconds: f64,
}

/// What a verification has found to be right.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// Where the backup lies.
    pub path: Place,
    /// The backup's name.
    pub name: String,
    /// The schema that the tables come from, if that can be told.
    pub schema: Option<String>,
    /// The tables, if they can be told.
    pub tables: Vec<TableReport>,
    /// How it is encrypted, if it is.
    pub encryption: Option<EncryptionReport>,
    /// The schema whose tables have the same contents, if they were compared.
    pub database: Option<String>,
    /// The time that it took.
    pub seconds: f64,
}

/// What a verification has found of an encrypted backup.
#[derive(Debug, Clone, Serialize)]
pub struct EncryptionReport {
    /// What opens it.
    pub lock: Lock,
    /// Whether it was opened. Without a key its bytes alone were compared.
    pub is_opened: bool,
    /// How many encrypted files there are.
    pub files: u64,
    /// The size of these.
    pub bytes: u64,
}

/// A backup in a list.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The backup's name.
    pub name: String,
    /// The schema that the tables come from, which lies open if the backup is not encrypted.
    pub schema: Option<String>,
    /// What the files are, which lies open if the backup is not encrypted.
    pub format: Option<Format>,
    /// What opens the backup, if it is encrypted.
    pub lock: Option<Lock>,
    /// How many tables there are.
    pub tables: u64,
    /// How many rows they have, which lies open if the backup is not encrypted.
    pub rows: Option<u64>,
    /// The size of their files.
    pub bytes: u64,
    /// Whether `latest` leads to it.
    pub is_latest: bool,
}
