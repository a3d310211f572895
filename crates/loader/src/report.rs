//! What a load did.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dataset::failure::Kind;
use serde::Serialize;

/// What happened to the rows of a file, a table or a load: read = loaded + rejected + skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Records read, torn lines included; headers and blank lines are none.
    pub read: u64,
    /// Rows that are in the database now.
    pub loaded: u64,
    /// … of which replaced a row with the same key.
    pub updated: u64,
    /// Rows refused and recorded.
    pub rejected: u64,
    /// Rows left out as they were asked to be: duplicates, and rows that an earlier load had done.
    pub skipped: u64,
}

impl Rows {
    /// Adds those of a part.
    pub fn add(&mut self, part: &Self) {
        self.read += part.read;
        self.loaded += part.loaded;
        self.updated += part.updated;
        self.rejected += part.rejected;
        self.skipped += part.skipped;
    }

    /// Whether every row is accounted for.
    ///
    /// # Errors
    /// [`Kind::Check`].
    pub(crate) fn check(&self, of: &str) -> anyhow::Result<()> {
        if self.read == self.loaded + self.rejected + self.skipped {
            return Ok(());
        }
        Err(Kind::Check.error(format!(
            "{of}: {} rows were read, but {} loaded, {} rejected and {} skipped",
            self.read, self.loaded, self.rejected, self.skipped
        )))
    }
}

/// What a load did.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The dataset's name.
    pub dataset: String,
    /// The schema.
    pub schema: String,
    /// The load's id in `extrato_load` and `extrato_reject`.
    pub load_id: i64,
    /// Whether the dataset's tables were made by this load.
    pub created: bool,
    /// All rows.
    pub rows: Rows,
    /// Table by table, in foreign-key order.
    pub tables: Vec<TableReport>,
    /// Where the rejects are; `None` if there are none.
    pub rejects: Option<PathBuf>,
    /// The whole run.
    pub seconds: f64,
}

/// What was loaded into a table.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: Rows,
    /// Broken rules by name: how often. A row may break several.
    pub rules: BTreeMap<&'static str, u64>,
    /// Rows loaded though what they refer to is missing, as the dataset allows: column by column.
    pub orphans: BTreeMap<String, u64>,
    /// File by file.
    pub files: Vec<FileReport>,
    /// From the first file's opening to the last row's end.
    pub seconds: f64,
}

/// What a file gave.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    /// The file, `-` for standard input.
    pub file: String,
    /// Its size as it is stored.
    pub bytes: u64,
    /// Its XXH3-128 as it is stored, in hexadecimal.
    pub xxh3: String,
    /// Its rows.
    pub rows: Rows,
    /// Empty lines, which are no rows.
    pub blank_lines: u64,
    /// The load that had loaded it before, if that is why it was skipped or continued.
    pub loaded_before: Option<i64>,
    /// What was noticed: a byte order mark, line ends, a header that was not declared.
    pub notes: Vec<String>,
}
