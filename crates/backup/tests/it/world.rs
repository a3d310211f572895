//! A database and a folder of backups.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use backup::encryption::Keys;
use backup::options::{Asked, BackupOptions, Format, Mode, RestoreOptions, Timestamps};
use backup::{BackupReport, Codec, RestoreReport};
use database::Cancel;
use dataset::failure::{Failure, Kind};
use postgres::Client;
use tempfile::TempDir;
use testkit::Database;

/// A backup on disk, and where it lies.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) path: PathBuf,
    pub(crate) report: BackupReport,
}

impl Deref for Made {
    type Target = BackupReport;

    fn deref(&self) -> &BackupReport {
        &self.report
    }
}

impl From<BackupReport> for Made {
    fn from(report: BackupReport) -> Self {
        let path = report.path.path().unwrap().to_owned();
        Self { path, report }
    }
}

pub(crate) struct World {
    pub(crate) database: Database,
    folder: TempDir,
}

impl World {
    /// A database in which these statements were run.
    pub(crate) fn of(sql: &str) -> Self {
        let world = Self {
            database: Database::create(),
            folder: tempfile::tempdir().unwrap(),
        };
        world.run(sql);
        world
    }

    pub(crate) fn run(&self, sql: &str) {
        self.database.connect().batch_execute(sql).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The options for a backup of the schema `s`.
    pub(crate) fn asked(&self, format: Format) -> BackupOptions {
        BackupOptions {
            asked: Asked::Schema("s".to_owned()),
            to: self.path("backups").into(),
            format,
            codec: Codec::default(),
            timestamps: Timestamps::Local,
            keep: None,
            max_connections: 3,
            encrypt_to: None,
        }
    }

    pub(crate) fn try_backup(&self, options: &BackupOptions) -> anyhow::Result<Made> {
        let report = backup::backup(&self.database.settings(), options, &Cancel::default());
        report.map(Made::from)
    }

    pub(crate) fn backup(&self, format: Format) -> Made {
        self.try_backup(&self.asked(format)).unwrap()
    }

    /// The options for a restore of the latest backup.
    pub(crate) fn wanted(&self, mode: Mode, into: &str) -> RestoreOptions {
        RestoreOptions {
            from: self.path("backups").into(),
            tables: Vec::new(),
            into: Some(into.to_owned()),
            mode,
            triggers: None,
            drop_references: false,
            keys: Keys::default(),
        }
    }

    pub(crate) fn try_restore(&self, options: &RestoreOptions) -> anyhow::Result<RestoreReport> {
        backup::restore(&self.database.settings(), options, &Cancel::default())
    }

    pub(crate) fn restore(&self, mode: Mode, into: &str) -> RestoreReport {
        self.try_restore(&self.wanted(mode, into)).unwrap()
    }

    /// The backups in the folder.
    pub(crate) fn list(&self) -> anyhow::Result<Vec<backup::Listed>> {
        backup::list(&self.path("backups").into(), &Cancel::default())
    }

    pub(crate) fn verify(&self, path: &Path) -> anyhow::Result<backup::VerifyReport> {
        backup::verify(&path.into(), &Keys::default(), None, &Cancel::default())
    }

    /// Checks that two tables have the same rows, as many as `rows`, value by value: Postgres compares the binary forms of their
    /// records.
    pub(crate) fn check_same(&self, one: &str, other: &str, rows: i64) {
        let mut client = self.database.connect();
        let texts = [one, other].map(|table| sorted_rows(&mut client, table));
        assert_eq!(texts[0].len() as i64, rows, "{one}");
        assert_eq!(texts[0], texts[1], "{one} and {other}");
    }
}

/// The rows of a table as text, in order.
pub(crate) fn sorted_rows(client: &mut Client, table: &str) -> Vec<String> {
    let rows = client
        .query(
            &format!("SELECT whole::text FROM {table} AS whole ORDER BY whole::text COLLATE \"C\""),
            &[],
        )
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// The message of an error that has this kind.
pub(crate) fn message<T>(result: anyhow::Result<T>, kind: Kind) -> String {
    let error = result.err().expect("an error");
    assert_eq!(Failure::kind_of(&error), Some(kind), "{error:#}");
    format!("{error:#}")
}
