//! The manifest: a line of JSON about the run, then one for each file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use dataset::failure::{Kind, OrFail};
use serde::{Deserialize, Serialize};

use super::Format;
use crate::TableReport;
use crate::check::reconcile::Reconciliation;

/// Its name in a folder of partitions. The underscore hides it from readers of the data.
pub(crate) const IN_FOLDER: &str = "_manifest.jsonl";
/// Empty; its presence says that the folder is whole.
pub(crate) const SUCCESS: &str = "_SUCCESS";

/// The end of its name beside a single file.
pub(crate) const SUFFIX: &str = ".manifest.jsonl";

/// Its name beside the single file of this name.
pub(crate) fn beside(file: &str) -> String {
    format!("{file}{SUFFIX}")
}

/// The first line.
#[derive(Serialize)]
pub(crate) struct Run<'a> {
    pub(crate) run: &'a str,
    pub(crate) extrato: &'static str,
    pub(crate) dataset: &'a str,
    pub(crate) model: &'a str,
    pub(crate) format: Format,
    /// The snapshot that every table was read in, as Postgres names it.
    pub(crate) snapshot: &'a str,
    pub(crate) tables: &'a [TableReport],
    pub(crate) columns: Vec<(&'a str, String)>,
    pub(crate) partition_by: &'a [String],
    pub(crate) rows: u64,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// The sums of what was written, by output column.
    pub(crate) sums: BTreeMap<&'a str, String>,
    pub(crate) reconciliation: Option<&'a Reconciliation>,
}

/// A line for each file, in the order of the partitions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// Relative to the manifest.
    pub(crate) path: String,
    /// Without the header.
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// XXH3-128 of the contents, as 32 hexadecimal digits.
    #[serde(with = "hexadecimal")]
    pub(crate) xxh3_128: u128,
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

/// Writes a manifest: `header` on its first line, then the files.
///
/// # Errors
/// [`Kind::Output`] if it cannot be written.
pub(crate) fn write(
    path: &Path,
    header: &impl Serialize,
    files: &[FileEntry],
) -> anyhow::Result<()> {
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(File::create_new(path)?);
        serde_json::to_writer(&mut file, header)?;
        file.write_all(b"\n")?;
        for entry in files {
            serde_json::to_writer(&mut file, entry)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    };
    write().or_fail(Kind::Output, || format!("cannot write {}", path.display()))
}

/// Writes the manifest of a folder, whose files are all there, and what says that it is whole.
///
/// # Errors
/// As [`write()`].
pub(crate) fn complete(
    folder: &Path,
    header: &impl Serialize,
    files: &[FileEntry],
) -> anyhow::Result<()> {
    write(&folder.join(IN_FOLDER), header, files)?;
    let success = folder.join(SUCCESS);
    File::create_new(&success)
        .map(drop)
        .or_fail(Kind::Output, || {
            format!("cannot write {}", success.display())
        })
}
