//! The options of a backup, a restore and a verification.

use serde::{Deserialize, Serialize};
use storage::place::Place;

use crate::avro::codec::Codec;
use crate::encryption::{EncryptTo, Keys};

/// The format of a backup's files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Avro object container files, with exact types
    #[default]
    Avro,
    /// CSV as Postgres's own COPY writes it, which holds any value of any type
    Csv,
}

impl Format {
    /// The format's name, which is also the ending of its files' names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avro => "avro",
            Self::Csv => "csv",
        }
    }
}

/// How timestamps without a zone are written in Avro.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Timestamps {
    /// local-timestamp-micros, which is what they are
    #[default]
    Local,
    /// timestamp-micros, as if they were in UTC: for readers that know nothing else, such as DuckDB
    Utc,
}

/// What to back up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// All tables of a schema.
    Schema(String),
    /// Tables of a schema, or of the search path's schemas if none is named.
    Tables(Option<String>, Vec<String>),
}

/// The options of a backup.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// The tables to back up.
    pub asked: Asked,
    /// The place where backups lie.
    pub to: Place,
    /// The format of the files.
    pub format: Format,
    /// How the blocks of Avro files are compressed.
    pub codec: Codec,
    /// How timestamps without a zone are written in Avro.
    pub timestamps: Timestamps,
    /// How many backups are kept, counting the new one; `None` keeps all.
    pub keep: Option<usize>,
    /// The most connections that are used at once.
    pub max_connections: usize,
    /// The people for whom the files are encrypted; `None` leaves them plain.
    pub encrypt_to: Option<EncryptTo>,
}

/// What a restore does with tables that are already there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Create the tables, which must not exist
    #[default]
    Create,
    /// Replace the rows that the tables have
    Replace,
    /// Add the rows to those that the tables have
    Append,
}

/// What a restore does with triggers that its rows would fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Triggers {
    /// Let them fire
    Fire,
    /// Disable them while rows come in
    Skip,
}

/// The options of a restore.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// A backup, a place of backups (of which the latest is taken), or an Avro file.
    pub from: Place,
    /// The tables to restore; empty for all of them.
    pub tables: Vec<String>,
    /// The schema that the tables go to; `None` for the one that they come from.
    pub into: Option<String>,
    /// What is done with tables that are already there.
    pub mode: Mode,
    /// What is done with triggers; `None` refuses tables that have any.
    pub triggers: Option<Triggers>,
    /// Whether foreign keys of other tables, which keep a table from being emptied, may be dropped and created again.
    pub drop_references: bool,
    /// The keys that open an encrypted backup.
    pub keys: Keys,
}
