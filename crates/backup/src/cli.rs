//! The arguments of `backup` and `restore`.

use std::path::PathBuf;

use clap::Subcommand;
use database::{ConnectionArgs, Environment};
use dataset::Dataset;
use dataset::failure::Kind;
use storage::place::Place;

use crate::avro::codec::Codec;
use crate::encryption::{EncryptTo, Keys};
use crate::options::{Asked, BackupOptions, Format, Mode, RestoreOptions, Timestamps, Triggers};

const DEFAULT_FOLDER: &str = "data/backup";

/// Shown below the help of `backup`.
pub const EXAMPLES: &str = "\
Examples:
  extrato backup --dataset cards                 its tables into a new folder in data/backup
  extrato backup --schema sales --to /mnt/backup --keep 7
                                                 all tables of a schema; the last seven backups stay
  extrato backup --table sales.orders --format csv
  extrato backup --schema sales --encrypt-to age1…     for whoever holds the secret key
  EXTRATO_PASSPHRASE=… extrato backup --schema sales --encrypt-to passphrase
  extrato backup --schema sales --to s3://bucket/backups --keep 7
                                                 into a bucket
  extrato backup verify data/backup/latest       whether its files are unchanged
  extrato backup verify data/backup/latest --against-database
                                                 and whether the tables still have the same contents
  extrato backup list data/backup";

/// Shown below the help of `restore`.
pub const RESTORE_EXAMPLES: &str = "\
Examples:
  extrato restore --from data/backup/latest --into trial
                                                 all tables, created in the schema trial
  extrato restore --from data/backup/latest --mode replace
                                                 their rows replace those that are there
  extrato restore --from /mnt/backup/20260131T235959Z --table orders --mode append
  extrato restore --from /mnt/backup --identity key.txt
                                                 an encrypted one, by a key that age-keygen made
  extrato restore --from orders.avro --table sales.orders --mode append
                                                 a file that another program wrote";

/// Back up tables into Avro or CSV files, with checksums of their contents
///
/// All tables are read in one snapshot into a new folder, named after the time. With them go the SQL that recreates the
/// tables (schema.sql) and a checksum of each table's contents that the server can compute too. The folder appears whole or
/// not at all. `latest`, or `_latest.json` in a bucket, leads to the newest one.
#[derive(Debug, Clone, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BackupArgs {
    #[command(subcommand)]
    /// What to do instead of a backup.
    pub command: Option<BackupCommand>,

    #[command(flatten)]
    /// What to back up.
    pub new: NewBackupArgs,
}

/// What to back up.
#[derive(Debug, Clone, clap::Args)]
pub struct NewBackupArgs {
    /// The tables of a dataset: a built-in one, or the folder of your own
    #[arg(
        long,
        value_name = "NAME|DIR",
        help_heading = "Tables",
        conflicts_with = "table"
    )]
    pub dataset: Option<String>,

    /// A table, view or foreign table, perhaps with its schema, as `sales.orders`. May be given several times
    #[arg(long, value_name = "TABLE", help_heading = "Tables")]
    pub table: Vec<String>,

    /// The folder that holds the backups, or s3://BUCKET/PREFIX
    #[arg(long, value_name = "PLACE", default_value = DEFAULT_FOLDER, help_heading = "Output")]
    pub to: Place,

    /// The format of the files
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub format: Format,

    /// How the blocks of Avro files are compressed [default: deflate]
    #[arg(long, value_enum, help_heading = "Output")]
    pub codec: Option<Codec>,

    /// How timestamps without a zone are written in Avro [default: local]
    #[arg(long, value_enum, help_heading = "Output")]
    pub timestamps: Option<Timestamps>,

    /// Keep the last N backups of these tables in the folder, including this one, and delete older ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Output")]
    pub keep: Option<u32>,

    /// Encrypt the files for a public key (age1…), for the public keys in a file, or with the passphrase in
    /// EXTRATO_PASSPHRASE. May be given several times [default: what EXTRATO_ENCRYPT_TO names]
    #[arg(long, value_name = "KEY|FILE|passphrase", help_heading = "Encryption")]
    pub encrypt_to: Vec<String>,

    /// The most connections at once: one holds the snapshot and the others read; with 1, the same one does both
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "Connection")]
    pub max_connections: u16,

    #[command(flatten)]
    /// Where the tables are.
    pub connection: ConnectionArgs,
}

/// What there is to do with backups.
#[derive(Debug, Clone, Subcommand)]
pub enum BackupCommand {
    /// Check a backup against its manifest, or against the tables too
    Verify(VerifyArgs),
    /// List the backups of a folder
    List(ListArgs),
}

/// Which backup to verify.
#[derive(Debug, Clone, clap::Args)]
pub struct VerifyArgs {
    /// A backup, or the folder of backups for the latest one; or s3://BUCKET/PREFIX of either
    #[arg(value_name = "PLACE", default_value = DEFAULT_FOLDER)]
    pub path: Place,

    /// Compare the contents of the tables too: the server reads them and computes the same checksum
    #[arg(long, help_heading = "Comparison")]
    pub against_database: bool,

    #[command(flatten)]
    /// What opens the backup.
    pub keys: KeyArgs,

    #[command(flatten)]
    /// Where the tables are.
    pub connection: ConnectionArgs,
}

/// What opens an encrypted backup.
#[derive(Debug, Clone, clap::Args)]
pub struct KeyArgs {
    /// A file of secret keys from age-keygen, for an encrypted backup [default: the key in EXTRATO_IDENTITY; a passphrase is
    /// taken from EXTRATO_PASSPHRASE]. May be given several times
    #[arg(long, value_name = "FILE", help_heading = "Encryption")]
    pub identity: Vec<PathBuf>,
}

impl KeyArgs {
    /// The keys that the arguments and the environment name.
    ///
    /// # Errors
    /// As [`Keys::read`].
    pub fn keys(&self, environment: &Environment) -> anyhow::Result<Keys> {
        Keys::read(&self.identity, environment)
    }
}

/// Which backups to list.
#[derive(Debug, Clone, clap::Args)]
pub struct ListArgs {
    /// The folder of backups, or s3://BUCKET/PREFIX
    #[arg(value_name = "PLACE", default_value = DEFAULT_FOLDER)]
    pub path: Place,
}

/// Restore tables from a backup, all or nothing, and check their contents
///
/// First the files are checked. Then all rows go into the database in one transaction, which is committed only if the server
/// computes the same checksums from the restored tables. Foreign keys are added at the end. With --mode replace nobody else
/// can read or write the tables while their rows are replaced; with append they can.
#[derive(Debug, Clone, clap::Args)]
pub struct RestoreArgs {
    /// A backup, the folder of backups for the latest one, or an Avro file for one table; or s3://BUCKET/PREFIX of one of these
    #[arg(long, value_name = "PLACE", help_heading = "Source")]
    pub from: Place,

    /// A table of the backup [default: all]. May be given several times
    #[arg(long, value_name = "TABLE", help_heading = "Source")]
    pub table: Vec<String>,

    /// The schema that the tables go to [default: the one that they come from]
    #[arg(long, value_name = "SCHEMA", help_heading = "Target")]
    pub into: Option<String>,

    /// What to do with tables that exist already
    #[arg(long, value_enum, default_value_t, help_heading = "Target")]
    pub mode: Mode,

    /// What to do with triggers that the rows would fire [default: refuse tables that have any]
    #[arg(long, value_enum, help_heading = "Target")]
    pub triggers: Option<Triggers>,

    /// Drop the foreign keys by which other tables refer to the replaced ones, and add them again
    #[arg(long, help_heading = "Target")]
    pub drop_references: bool,

    #[command(flatten)]
    /// What opens the backup.
    pub keys: KeyArgs,

    #[command(flatten)]
    /// Where the tables go.
    pub connection: ConnectionArgs,
}

impl NewBackupArgs {
    /// The options that the arguments name.
    ///
    /// # Errors
    /// As [`Dataset::open`] and [`EncryptTo::read`]; [`Kind::Usage`] if no tables are named, or options make no sense together.
    pub fn options(&self, environment: &Environment) -> anyhow::Result<BackupOptions> {
        let schema = self.connection.schema.clone();
        let asked = match (&self.dataset, self.table.is_empty(), schema) {
            (Some(dataset), _, schema) => {
                let dataset = Dataset::open(dataset)?;
                let schema = dataset.schema(schema.as_deref()).to_owned();
                let tables = dataset.tables.iter().map(|table| table.name.clone());
                Asked::Tables(Some(schema), tables.collect())
            }
            (None, false, schema) => Asked::Tables(schema, self.table.clone()),
            (None, true, Some(schema)) => Asked::Schema(schema),
            (None, true, None) => {
                return Err(Kind::Usage.error(
                    "say what to back up: --schema SCHEMA for all its tables, --table TABLE, or --dataset NAME",
                ));
            }
        };
        if self.format == Format::Csv && (self.codec.is_some() || self.timestamps.is_some()) {
            return Err(Kind::Usage
                .error("--codec and --timestamps are for Avro: leave them out with --format csv"));
        }
        Ok(BackupOptions {
            asked,
            to: self.to.clone(),
            format: self.format,
            codec: self.codec.unwrap_or_default(),
            timestamps: self.timestamps.unwrap_or_default(),
            keep: self.keep.map(|keep| keep as usize),
            max_connections: self.max_connections.into(),
            encrypt_to: EncryptTo::read(&self.encrypt_to, environment)?,
        })
    }
}

impl VerifyArgs {
    /// Checks that a connection is named for something.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it would not be used.
    pub fn check(&self) -> anyhow::Result<()> {
        let unused = self.connection.url.is_some() || self.connection.schema.is_some();
        match unused && !self.against_database {
            true => Err(Kind::Usage.error(
                "--url and --schema need --against-database: without it no database is asked",
            )),
            false => Ok(()),
        }
    }
}

impl RestoreArgs {
    /// The options that the arguments name.
    ///
    /// # Errors
    /// As [`Keys::read`]; [`Kind::Usage`] if options make no sense together.
    pub fn options(&self, environment: &Environment) -> anyhow::Result<RestoreOptions> {
        if self.connection.schema.is_some() {
            return Err(Kind::Usage.error(
                "a restore goes to the schema that the tables come from, or to the one that --into names: give --into \
                 instead of --schema",
            ));
        }
        if self.drop_references && self.mode != Mode::Replace {
            return Err(Kind::Usage.error("--drop-references is for --mode replace only"));
        }
        if self.triggers.is_some() && self.mode == Mode::Create {
            return Err(Kind::Usage.error(
                "--triggers is for --mode replace and append: a new table has no triggers",
            ));
        }
        Ok(RestoreOptions {
            from: self.from.clone(),
            tables: self.table.clone(),
            into: self.into.clone(),
            mode: self.mode,
            triggers: self.triggers,
            drop_references: self.drop_references,
            keys: self.keys.keys(environment)?,
        })
    }
}
