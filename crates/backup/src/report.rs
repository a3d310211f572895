//! The reports of a backup, a restore, a verification and a list.

use serde::Serialize;
use storage::place::Place;

use crate::encryption::Lock;
use crate::options::{Format, Mode};

/// A table in a report: its rows, its files and its time.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// The table's name, without the schema.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// How many files the table has.
    pub files: u64,
    /// The size of the table's files, in bytes.
    pub bytes: u64,
    /// The seconds spent on the table; tables overlap.
    pub seconds: f64,
}

/// The report of a backup.
#[derive(Debug, Clone, Serialize)]
pub struct BackupReport {
    /// The place of the backup.
    pub path: Place,
    /// The schema that holds the tables.
    pub schema: String,
    /// The format of the files.
    pub format: Format,
    /// What opens the backup, if it is encrypted.
    pub lock: Option<Lock>,
    /// The snapshot in which the tables were read.
    pub snapshot: String,
    /// The tables.
    pub tables: Vec<TableReport>,
    /// Notes about what the backup does not hold, and about what became of those that are not plain tables.
    pub notes: Vec<String>,
    /// The names of older backups that were deleted.
    pub deleted: Vec<String>,
    /// The seconds that the run took.
    pub seconds: f64,
}

/// The report of a restore.
#[derive(Debug, Clone, Serialize)]
pub struct RestoreReport {
    /// The place of the files.
    pub from: Place,
    /// The schema that holds the tables now.
    pub schema: String,
    /// What was done with tables that were already there.
    pub mode: Mode,
    /// The tables.
    pub tables: Vec<TableReport>,
    /// Notes about what was left out, and about what was created again.
    pub notes: Vec<String>,
    /// Whether content checksums were compared; files of other programs have none.
    pub is_proved: bool,
    /// The seconds that the run took.
    pub seconds: f64,
}

/// The report of a verification that found everything right.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// The place of the backup.
    pub path: Place,
    /// The backup's name.
    pub name: String,
    /// The schema that the tables come from, if it is known without a key.
    pub schema: Option<String>,
    /// The tables, if they are known without a key.
    pub tables: Vec<TableReport>,
    /// How the backup is encrypted, if it is.
    pub encryption: Option<EncryptionReport>,
    /// The schema whose tables have the same contents, if these were compared.
    pub database: Option<String>,
    /// The seconds that the run took.
    pub seconds: f64,
}

/// The part of a verification's report that is about encryption.
#[derive(Debug, Clone, Serialize)]
pub struct EncryptionReport {
    /// What opens the backup.
    pub lock: Lock,
    /// Whether the backup was opened. Without a key, only its bytes were compared.
    pub is_opened: bool,
    /// How many encrypted files there are.
    pub files: u64,
    /// The size of these files, in bytes.
    pub bytes: u64,
}

/// A backup in a list.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The backup's name.
    pub name: String,
    /// The schema that the tables come from; `None` if the backup is encrypted.
    pub schema: Option<String>,
    /// The format of the files; `None` if the backup is encrypted.
    pub format: Option<Format>,
    /// What opens the backup, if it is encrypted.
    pub lock: Option<Lock>,
    /// How many tables there are.
    pub tables: u64,
    /// How many rows the tables have; `None` if the backup is encrypted.
    pub rows: Option<u64>,
    /// The size of the tables' files, in bytes.
    pub bytes: u64,
    /// Whether the pointer `latest` leads to this backup.
    pub is_latest: bool,
}
