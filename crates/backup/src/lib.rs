//! Writes tables of Postgres into files that other engines open, reads them back, and proves both equal.
//!
//! A backup reads all tables in one snapshot and publishes a whole folder or nothing. A restore is one transaction, committed only
//! if the contents of the tables are those of the backup.
//!
//! ```no_run
//! use backup::options::{Asked, BackupOptions, Format, Timestamps};
//! use database::{Cancel, Settings};
//!
//! fn main() -> anyhow::Result<()> {
//!     let settings = Settings::from_url("postgresql://ana@db.example/shop")?;
//!     let options = BackupOptions {
//!         asked: Asked::Schema("sales".to_owned()),
//!         to: "backups".parse()?,
//!         format: Format::Avro,
//!         codec: Default::default(),
//!         timestamps: Timestamps::Local,
//!         keep: Some(7),
//!         max_connections: 3,
//!         encrypt_to: None,
//!     };
//!     let report = backup::backup(&settings, &options, &Cancel::default())?;
//!     println!("{}", report.path);
//!     Ok(())
//! }
//! ```

mod avro;
mod backup;
mod carriage;
mod checksum;
pub mod cli;
mod copy_rows;
mod describe;
pub mod encryption;
mod envelope;
mod file;
mod folder;
mod intact;
mod manifest;
mod name;
pub mod options;
mod report;
mod restore;
mod row_place;
mod schema_sql;
mod staged;
mod tables;
#[cfg(any(test, feature = "fuzzing"))]
pub mod trial;
mod verify;
mod write;

pub use avro::codec::Codec;
pub use backup::backup;
pub use folder::told as list;
pub use report::{
    BackupReport, EncryptionReport, Listed, RestoreReport, TableReport, VerifyReport,
};
pub use restore::restore;
pub use verify::verify;
