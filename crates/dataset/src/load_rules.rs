//! The rules for reading the files of a table: `[table.load]` in `dataset.toml`.
//!
//! ```toml
//! [table.load]
//! files = ["Sales.SalesOrderDetail*.csv"]  # patterns of file names; absent: <table>.csv (.gz and .zst are tried too)
//! columns = ["SalesOrderID", "OrderQty"]   # the file's names (or positions, from 1) in the table's column order; absent: as the table
//!                                          # "-": a field that no column takes; { order_qty = "Qty" }: some columns by name
//! skip_lines = 2                           # lines before the header, or before the first row
//! header = true
//! delimiter = ";"
//! quote = "\""                             # "" for files that have no quotes
//! encoding = "utf-8"                       # or "windows-1252", "utf-16le": a label of the WHATWG standard, see `encoding`
//! max_record = "4MiB"                      # the longest row; what is longer is rejected
//! decimal_mark = ","                       # or a table: { list_price = "," }
//! thousands_mark = "."                     # ".", ",", "'" or " ", or a table by column; absent: numbers have none
//! zero_fraction = ["age"]                  # columns, or true for all, whose integers may be written 8.0
//! null = ["NULL"]                          # or { "*" = ["NULL"], born = ["00000000"] }; an empty field is NULL always
//! force_null = ["name"]                    # text columns, or true for all, where quotes don't make a text of NULL
//! timestamp_formats = ["%d/%m/%Y %H:%M"]   # as strftime; ISO 8601 is understood always
//! required = ["id"]                        # neither NULL nor empty, beyond what the database demands
//!
//! [table.load.ranges]
//! order_qty = { min = 1, max = 1000 }      # both ends included; dates as strings
//!
//! [table.load.references]                  # beyond the database's own foreign keys
//! customer_id = { table = "customer", column = "id", missing = "allow" }
//! ```

use std::collections::BTreeMap;

use bytesize::ByteSize;
use serde::Deserialize;

use crate::cell_rules::{Columns, NullWords, ThousandsMarks};
use crate::encoding::Encoding;

/// The longest record by default, in bytes.
pub const DEFAULT_RECORD_BYTES: usize = 4 << 20;
/// The longest record that rules may allow, in bytes: Postgres has no longer text.
const MOST_RECORD_BYTES: u64 = 1 << 30;

/// How the files of a table are read, and which rules their rows must obey in addition to the table's own types and keys.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadRules {
    /// Patterns of file names (`*`, `?`, `[…]`). If empty, the table's name with `.csv`.
    pub files: Vec<String>,
    /// Where in the file the table's columns are.
    pub columns: FileColumns,
    /// How many lines come before the header, or before the first row.
    pub skip_lines: u64,
    /// Whether the first line names the columns.
    pub header: bool,
    /// The character between fields.
    pub delimiter: u8,
    /// The character that encloses fields with delimiters or line breaks; within such a field, two of them stand for one.
    pub quote: Option<u8>,
    /// The encoding of the bytes.
    pub encoding: Encoding,
    /// The longest record, in bytes.
    pub max_record_bytes: usize,
    /// The mark before the fraction of a number.
    pub decimal_mark: DecimalMark,
    /// The marks between the groups of three digits of numbers.
    pub thousands_mark: ThousandsMarks,
    /// Columns whose integers may have a fraction of zeros: `8.0`.
    pub zero_fraction: Columns,
    /// Words that mean NULL; an empty field always does. In columns of text and of bytes, quotes tell the empty value and a word
    /// from NULL, so there only unquoted ones mean NULL.
    pub null: NullWords,
    /// Columns of text and of bytes in which an empty field and the words mean NULL in quotes too, like `FORCE_NULL` of COPY.
    pub force_null: Columns,
    /// Formats of dates and timestamps, in addition to ISO 8601, in the notation of strftime.
    pub timestamp_formats: Vec<String>,
    /// Columns that must hold something: neither NULL nor the empty string.
    pub required: Vec<String>,
    /// The least and the greatest value of certain columns.
    pub ranges: BTreeMap<String, Range>,
    /// Columns that refer to a column of another table.
    pub references: BTreeMap<String, Reference>,
}

/// Where in the file the table's columns are.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(untagged)]
pub enum FileColumns {
    /// The same columns as the table: found by name if the file has a header, or else in the table's order.
    #[default]
    AsTable,
    /// The columns of the file in its order, if all of the names are columns of the table. Otherwise one column of the file for
    /// each column of the table, in the table's order; further columns of the table are not in the file. A field called
    /// [`NOT_LOADED`] belongs to no column.
    Listed(Vec<FileColumn>),
    /// For each column of the table, the column of the file; other columns of the table are not in the file.
    Named(BTreeMap<String, FileColumn>),
}

/// The name, in a list, of a field that belongs to no column.
pub const NOT_LOADED: &str = "-";

impl FileColumns {
    /// The least number of fields that a file without a header has.
    pub fn listed(&self) -> usize {
        match self {
            Self::Listed(columns) => columns.len(),
            Self::AsTable | Self::Named(_) => 0,
        }
    }

    fn has_position(&self, position: usize) -> bool {
        let position = FileColumn::Position(position);
        match self {
            Self::AsTable => false,
            Self::Listed(columns) => columns.contains(&position),
            Self::Named(columns) => columns.values().any(|column| *column == position),
        }
    }
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum FileColumn {
    /// A column by its position, from 1.
    Position(usize),
    /// A column by its name in the header. If there is no header, the list has the order of the file.
    Name(String),
}

/// The mark before the fraction of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecimalMark {
    /// All columns have this mark.
    Everywhere(u8),
    /// These columns have these marks; all others have a point.
    ByColumn(BTreeMap<String, u8>),
}

impl DecimalMark {
    /// The decimal mark of a column.
    pub fn of(&self, column: &str) -> u8 {
        match self {
            Self::Everywhere(mark) => *mark,
            Self::ByColumn(marks) => marks.get(column).copied().unwrap_or(b'.'),
        }
    }

    /// The columns that are named one by one.
    pub fn named(&self) -> impl Iterator<Item = &String> {
        let marks = match self {
            Self::Everywhere(_) => None,
            Self::ByColumn(marks) => Some(marks),
        };
        marks.into_iter().flat_map(BTreeMap::keys)
    }
}

/// The least and the greatest value that a column may have, both included, in the notation of the table's files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    /// The least value.
    pub min: Option<String>,
    /// The greatest value.
    pub max: Option<String>,
}

/// A column that refers to a column of another table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// The other table.
    pub table: String,
    /// The column that is referred to.
    pub column: String,
    /// What happens to a row whose value is missing there.
    #[serde(default)]
    pub missing: Missing,
}

/// What happens to a row whose parent is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// The row is rejected.
    #[default]
    Reject,
    /// The row is loaded, and counted: the source never had the parent.
    Allow,
}

impl Default for LoadRules {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            columns: FileColumns::AsTable,
            skip_lines: 0,
            header: true,
            delimiter: b',',
            quote: Some(b'"'),
            encoding: Encoding::UTF_8,
            max_record_bytes: DEFAULT_RECORD_BYTES,
            decimal_mark: DecimalMark::Everywhere(b'.'),
            thousands_mark: ThousandsMarks::default(),
            zero_fraction: Columns::default(),
            null: NullWords::default(),
            force_null: Columns::default(),
            timestamp_formats: Vec::new(),
            required: Vec::new(),
            ranges: BTreeMap::new(),
            references: BTreeMap::new(),
        }
    }
}

impl LoadRules {
    /// Checks that the rules don't contradict themselves. `has_table` says which tables the dataset has.
    ///
    /// # Errors
    /// A message about the contradiction.
    pub fn check(&self, has_table: impl Fn(&str) -> bool) -> Result<(), String> {
        if Some(self.delimiter) == self.quote {
            return Err("`delimiter` and `quote` are the same".to_owned());
        }
        // With decimal marks by column, the other columns with fractions are known only once the table is read.
        let other = String::new();
        let columns: Vec<&String> = match self.decimal_mark {
            DecimalMark::Everywhere(_) => self.thousands_mark.named().chain([&other]).collect(),
            DecimalMark::ByColumn(_) => self.decimal_mark.named().collect(),
        };
        for column in columns {
            self.check_marks(column)?;
        }
        if let FileColumns::Listed(columns) = &self.columns {
            for (index, column) in columns.iter().enumerate() {
                if !column.is_not_loaded() && columns[..index].contains(column) {
                    return Err(format!("`columns` names {column} twice"));
                }
            }
        }
        if let FileColumns::Named(columns) = &self.columns {
            for (index, (column, file)) in columns.iter().enumerate() {
                if let Some((other, _)) =
                    columns.iter().take(index).find(|(_, taken)| *taken == file)
                {
                    return Err(format!(
                        "`columns` gives {file} to `{other}` and to `{column}`: a field goes into one column"
                    ));
                }
            }
        }
        if self.columns.has_position(0) {
            return Err("`columns` counts positions from 1".to_owned());
        }
        let unknown = self.references.iter().find(|(_, to)| !has_table(&to.table));
        match unknown {
            Some((column, to)) => Err(format!(
                "`references.{column}` leads to `{}`, which is not a table",
                to.table
            )),
            None => Ok(()),
        }
    }
}

impl FileColumn {
    /// Whether this is, in a list, a field that belongs to no column.
    pub fn is_not_loaded(&self) -> bool {
        matches!(self, Self::Name(name) if name == NOT_LOADED)
    }
}

impl LoadRules {
    /// Checks that a column of numbers has a thousands mark other than its decimal mark.
    ///
    /// # Errors
    /// A message with the two options, if they are the same.
    pub fn check_marks(&self, column: &str) -> Result<(), String> {
        let decimal_mark = self.decimal_mark.of(column);
        match self.thousands_mark.of(column) {
            Some(mark) if mark.is(decimal_mark) => Err(format!(
                "`thousands_mark` and `decimal_mark` are both {:?}: give another for one of them",
                char::from(decimal_mark)
            )),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Display for FileColumn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Position(position) => write!(f, "position {position}"),
            Self::Name(name) => write!(f, "`{name}`"),
        }
    }
}

/// The longest record, in bytes, for this size.
///
/// # Errors
/// The reason why the size is not accepted.
pub fn record_bytes(ByteSize(bytes): ByteSize) -> Result<usize, String> {
    match bytes {
        0 => Err("a record has at least one byte".to_owned()),
        MOST_RECORD_BYTES.. => Err("give less than 1GiB: no text in Postgres is longer".to_owned()),
        bytes => Ok(bytes as usize),
    }
}
