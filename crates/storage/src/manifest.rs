//! Manifests: a line of JSON about the run, then one line for each file.

use std::io;

use dataset::failure::{Kind, OrFail};
use serde::{Deserialize, Serialize};

use crate::place::Place;

/// The name of a manifest in a folder of partitions. The underscore hides it from readers of the data.
pub const IN_FOLDER: &str = "_manifest.jsonl";
/// The name of an empty file whose presence says that the folder is whole.
pub const SUCCESS: &str = "_SUCCESS";

/// The name of the object that a run into a bucket writes first.
pub const RUN: &str = "_run.json";

/// The end of the name of a manifest beside a single file.
pub const SUFFIX: &str = ".manifest.jsonl";

/// The name of the manifest that belongs to the single file of this name.
pub fn beside(file: &str) -> String {
    format!("{file}{SUFFIX}")
}

/// What a manifest says of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// The file's path, relative to the manifest.
    pub path: String,
    /// The file's rows, without the header.
    pub rows: u64,
    /// The file's size.
    pub bytes: u64,
    /// XXH3-128 of the contents, as 32 hexadecimal digits.
    #[serde(with = "hexadecimal")]
    pub xxh3_128: u128,
}

mod hexadecimal {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(hash: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{hash:032x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}

/// Writes a manifest: `header` on its first line, then the files. It waits until all of them are there.
///
/// # Errors
/// [`Kind::Output`] if the manifest, or one of the files, cannot be written.
pub fn write(place: &Place, header: &impl Serialize, files: &[FileEntry]) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        place.settle()?;
        let mut file = Vec::new();
        serde_json::to_writer(&mut file, header)?;
        file.push(b'\n');
        for entry in files {
            serde_json::to_writer(&mut file, entry)?;
            file.push(b'\n');
        }
        place.create(&file)
    };
    write().or_fail(Kind::Output, || format!("cannot write {place}"))
}

/// Writes the manifest of a folder and then the empty file that says that the folder is whole. The folder's files must all be
/// written.
///
/// # Errors
/// As [`write()`].
pub fn complete(
    folder: &Place,
    header: &impl Serialize,
    files: &[FileEntry],
) -> anyhow::Result<()> {
    write(&folder.join(IN_FOLDER), header, files)?;
    let success = folder.join(SUCCESS);
    success
        .create(&[])
        .or_fail(Kind::Output, || format!("cannot write {success}"))
}
