//! What to load, and how.

use std::str::FromStr;

use dataset::Dataset;
use dataset::cell_rules::{Columns, ThousandsMark, ThousandsMarks};
use dataset::encoding::Encoding;
use dataset::failure::Kind;
use dataset::load_rules::{DecimalMark, LoadRules};
use serde::Deserialize;
use storage::place::Place;

/// How many rejects each table may have, unless the options give a limit for the whole load.
pub(crate) const DEFAULT_MAX_REJECTS: RejectLimit = RejectLimit::Percent(10.0);

/// The memory for keys unless the options say otherwise.
pub const DEFAULT_MEMORY_BYTES: u64 = 256 << 20;

/// What to load, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The dataset whose tables are loaded.
    pub dataset: Dataset,
    /// The schema that holds the tables.
    pub schema: String,
    /// The folder, or the place in a bucket, that is searched for files by the patterns that the dataset has for each table.
    pub from: Option<Place>,
    /// Files given for a table: a path, an address in a bucket, a pattern, or `-` for standard input. The folder is not searched
    /// for files of these tables.
    pub tables: Vec<(String, String)>,
    /// The folder, or the place in a bucket, for files of rejects.
    pub rejects: Place,
    /// Whether rejects go into the table `extrato_reject` too.
    pub reject_table: bool,
    /// How many rejects a load may have; with more of them nothing is loaded. `None` allows a tenth of the rows of each
    /// table, but no file in which every row is rejected.
    pub max_rejects: Option<RejectLimit>,
    /// What to do about a row whose key is there already, and about a file that was loaded before.
    pub on_duplicate: OnDuplicate,
    /// Whether files that were loaded before are loaded again.
    pub force: bool,
    /// Whether the tables that files are loaded into are emptied first.
    pub truncate: bool,
    /// Whether a table is emptied even if its files have no row; without this option such a load is refused.
    pub allow_empty: bool,
    /// The number of rows read after which the load commits; with `None` all rows are one transaction.
    pub commit_every: Option<u64>,
    /// The memory for keys, in bytes.
    pub memory_bytes: u64,
    /// How many threads validate rows, at least 1.
    pub workers: usize,
    /// How the files are written, where that differs from what the dataset says.
    pub dialect: Dialect,
}

impl Options {
    /// The options that the command line has by default: the schema named after the dataset, no files yet, rejects both
    /// in the folder `rejects` and in the table, and one thread that validates.
    pub fn new(dataset: Dataset) -> Self {
        Self {
            schema: dataset.name.clone(),
            dataset,
            from: None,
            tables: Vec::new(),
            rejects: Place::Disk("rejects".into()),
            reject_table: true,
            max_rejects: None,
            on_duplicate: OnDuplicate::default(),
            force: false,
            truncate: false,
            allow_empty: false,
            commit_every: None,
            memory_bytes: DEFAULT_MEMORY_BYTES,
            workers: 1,
            dialect: Dialect::default(),
        }
    }

    /// Checks that the options make sense together.
    ///
    /// # Errors
    /// [`Kind::Usage`] for options that contradict each other.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.commit_every == Some(0) {
            return Err(Kind::Usage.error("--commit-every 0: give a number of rows"));
        }
        let stdin = self.tables.iter().filter(|(_, file)| file == "-").count();
        if stdin > 1 {
            return Err(Kind::Usage.error("standard input can be read for one table only"));
        }
        Ok(())
    }
}

/// How the files of all tables are written, where that differs from what the dataset says.
#[derive(Debug, Clone, Default)]
pub struct Dialect {
    /// See [`LoadRules::skip_lines`].
    pub skip_lines: Option<u64>,
    /// See [`LoadRules::max_record_bytes`].
    pub max_record_bytes: Option<usize>,
    /// See [`LoadRules::header`].
    pub header: Option<bool>,
    /// See [`LoadRules::delimiter`].
    pub delimiter: Option<u8>,
    /// See [`LoadRules::quote`].
    pub quote: Option<Option<u8>>,
    /// See [`LoadRules::encoding`].
    pub encoding: Option<Encoding>,
    /// See [`LoadRules::decimal_mark`].
    pub decimal_mark: Option<u8>,
    /// See [`LoadRules::thousands_mark`].
    pub thousands_mark: Option<ThousandsMark>,
    /// See [`LoadRules::zero_fraction`].
    pub zero_fraction: bool,
    /// Words that mean NULL in all columns: see [`LoadRules::null`].
    pub null: Vec<String>,
    /// See [`LoadRules::force_null`].
    pub force_null: bool,
    /// See [`LoadRules::timestamp_formats`].
    pub timestamp_formats: Vec<String>,
}

impl Dialect {
    /// A table's rules, with those of this dialect in place of the ones that differ.
    pub fn over(&self, rules: &LoadRules) -> LoadRules {
        let mut rules = rules.clone();
        rules.skip_lines = self.skip_lines.unwrap_or(rules.skip_lines);
        rules.max_record_bytes = self.max_record_bytes.unwrap_or(rules.max_record_bytes);
        rules.header = self.header.unwrap_or(rules.header);
        rules.delimiter = self.delimiter.unwrap_or(rules.delimiter);
        rules.quote = self.quote.unwrap_or(rules.quote);
        rules.encoding = self.encoding.unwrap_or(rules.encoding);
        if let Some(mark) = self.decimal_mark {
            rules.decimal_mark = DecimalMark::Everywhere(mark);
        }
        if let Some(mark) = self.thousands_mark {
            rules.thousands_mark = ThousandsMarks::Everywhere(mark);
        }
        if self.zero_fraction {
            rules.zero_fraction = Columns::All(true);
        }
        if !self.null.is_empty() {
            rules.null.everywhere.clone_from(&self.null);
        }
        if self.force_null {
            rules.force_null = Columns::All(true);
        }
        if !self.timestamp_formats.is_empty() {
            rules.timestamp_formats.clone_from(&self.timestamp_formats);
        }
        rules
    }
}

/// What to do about a row whose key is already there: in the table, in an earlier file or on an earlier line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDuplicate {
    /// Reject it, and refuse a file that was loaded before
    #[default]
    Reject,
    /// Skip it and count it, and skip a file that was loaded before
    Skip,
    /// Let it replace the row that has its primary key
    Update,
}

/// How many rejects a load may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RejectLimit {
    /// A number of rows.
    Rows(u64),
    /// A share of the rows read, in per cent.
    Percent(f64),
}

impl RejectLimit {
    /// Whether `rejected` of `read` rows are too many.
    pub fn is_exceeded(self, rejected: u64, read: u64) -> bool {
        match self {
            Self::Rows(most) => rejected > most,
            Self::Percent(most) => rejected as f64 * 100.0 > most * read as f64,
        }
    }
}

impl std::fmt::Display for RejectLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(most) => write!(f, "{most}"),
            Self::Percent(most) => write!(f, "{most}%"),
        }
    }
}

impl FromStr for RejectLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let limit = match text.strip_suffix('%') {
            Some(share) => share
                .trim()
                .parse()
                .ok()
                .filter(|share| (0.0..=100.0).contains(share))
                .map(Self::Percent),
            None => text.parse().ok().map(Self::Rows),
        };
        limit
            .ok_or_else(|| format!("`{text}` is neither a number of rows nor a share such as 0.5%"))
    }
}
