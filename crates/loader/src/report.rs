//! The report of a load.

use std::collections::BTreeMap;

use dataset::failure::Kind;
use serde::Serialize;
use storage::place::Place;

/// What happened to the rows of a file, a table or a load: read = loaded + rejected + skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rows {
    /// Records read: torn lines count, headers and blank lines don't.
    pub read: u64,
    /// Rows that are in the database now.
    pub loaded: u64,
    /// Rows among the loaded ones that replaced a row with the same key.
    pub updated: u64,
    /// Rows refused and recorded.
    pub rejected: u64,
    /// Rows left out as the options ask: duplicates, and rows that an earlier load has done.
    pub skipped: u64,
}

impl Rows {
    /// Adds the rows of a part, such as a file of a table.
    pub fn add(&mut self, part: &Self) {
        self.read += part.read;
        self.loaded += part.loaded;
        self.updated += part.updated;
        self.rejected += part.rejected;
        self.skipped += part.skipped;
    }

    /// Checks that every row is accounted for.
    ///
    /// # Errors
    /// [`Kind::Check`] if a row is missing from the counts, or counted twice.
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

/// What a load did: its tables, rows, rejects and times.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The dataset's name.
    pub dataset: String,
    /// The schema that holds the tables.
    pub schema: String,
    /// The load's id in `extrato_load` and `extrato_reject`.
    pub load_id: i64,
    /// Whether the dataset's tables were made by this load.
    pub created: bool,
    /// The rows of all tables.
    pub rows: Rows,
    /// What was loaded into each table, in foreign-key order.
    pub tables: Vec<TableReport>,
    /// Where the rejects of this load are; `None` if it has none.
    pub rejects: Option<Place>,
    /// The files that hold rejects of earlier loads of the same files, for rows that this load did not judge again.
    pub earlier_rejects: Vec<Place>,
    /// The seconds spent on adding keys, foreign keys and indexes to tables that were created, and on statistics.
    pub index_seconds: f64,
    /// The seconds that the whole run took.
    pub seconds: f64,
}

/// What was loaded into a table.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// The table's name.
    pub table: String,
    /// What became of the table's rows.
    pub rows: Rows,
    /// How many of the rows read were done by an earlier load.
    #[serde(skip)]
    pub(crate) done_before: u64,
    /// How often each rule was broken, by its name. A row may break several.
    pub rules: BTreeMap<&'static str, u64>,
    /// For each column, how many rows were loaded though the row that they refer to is missing, as the dataset allows.
    pub orphans: BTreeMap<String, u64>,
    /// The report of each file.
    pub files: Vec<FileReport>,
    /// The seconds from opening the first file to the end of the last row.
    pub seconds: f64,
}

/// What was loaded from a file.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    /// The file's name, `-` for standard input.
    pub file: String,
    /// The size of the file as it is stored.
    pub bytes: u64,
    /// The XXH3-128 of the file as it is stored, in hexadecimal.
    pub xxh3: String,
    /// What became of the file's rows.
    pub rows: Rows,
    /// How many lines were empty; they are not rows.
    pub blank_lines: u64,
    /// The id of the load that loaded the file before, if the file was skipped or continued because of it.
    pub loaded_before: Option<i64>,
    /// What was noticed about the file: a byte order mark, line ends, a header that was not declared.
    pub notes: Vec<String>,
}
