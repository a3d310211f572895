//! What a backup, a restore and a verification are asked for.

use serde::{Deserialize, Serialize};
use storage::place::Place;

use crate::avro::codec::Codec;
use crate::encryption::{EncryptTo, Keys};

/// What the files of a backup are.
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
    /// The format's name, which is also how its files end.
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
    /// Tables of a schema; of the search path's where none is named.
    Tables(Option<String>, Vec<String>),
}

/// What a backup is asked for.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// The tables.
    pub asked: Asked,
    /// The place that backups lie in.
    pub to: Place,
    /// What the files are.
    pub format: Format,
    /// How the blocks of Avro files are compressed.
    pub codec: Codec,
    /// How timestamps without a zone are written in Avro.
    pub timestamps: Timestamps,
    /// How many backups are kept, the new one among them; `None` for all.
    pub keep: Option<usize>,
    /// How many connections are used at once.
    pub max_connections: usize,
    /// For whom the files are encrypted; `None` leaves them as they are.
    pub encrypt_to: Option<EncryptTo>,
}

/// What becomes of the tables that are there.
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

/// What becomes of triggers that rows would fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Triggers {
    /// Let them fire
    Fire,
    /// Disable them while rows come in
    Skip,
}

/// What a restore is asked for.
#[derive(Debug, Clone)]
pub struct RestoreOptions {
    /// A backup, the place of backups for the latest one, or an Avro file.
    pub from: Place,
    /// The tables; none for all.
    pub tables: Vec<String>,
    /// The schema that they go to; `None` for the one that they come from.
    pub into: Option<String>,
    /// What becomes of the tables that are there.
    pub mode: Mode,
    /// What becomes of triggers; `None` refuses tables that have some.
    pub triggers: Option<Triggers>,
    /// Whether foreign keys of other tables, which keep a table from being emptied, may be dropped and made again.
    pub drop_references: bool,
    /// What opens an encrypted backup.
    pub keys: Keys,
}
