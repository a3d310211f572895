//! Compares the files of an output with the records of its query, row by row; both are in the same order.

use super::canonical;
use super::output::Output;
use super::query::Query;
use super::records::{Records, fields, split, value};
use super::rows::Rows;
use super::ties::{Ties, Unmatched};
use crate::sink::{NULL_FOLDER, escape};
use storage::manifest::FileEntry;
use storage::place::Place;

/// Progress is told every so many rows.
const TELL_EVERY_ROWS: u64 = 1 << 13;
/// A value in a message is cut to this many characters.
const MOST_SHOWN: usize = 100;

/// Why a comparison ends early.
pub(super) enum Stop {
    /// Something could not be read.
    Failed(anyhow::Error),
    /// The first difference: file, row, column and both values.
    Different(String),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// The comparison of an output with the records of its query.
pub(super) struct Comparison<'a> {
    output: &'a Output,
    /// The files that are still to be opened, in the order of the partitions.
    files: std::slice::Iter<'a, FileEntry>,
    open: Option<OpenFile>,
    query: &'a Query,
    /// The last record's fields that order the rows.
    key: Vec<u8>,
    ties: Ties,
    database_rows: u64,
}

struct OpenFile {
    place: Place,
    rows: Rows,
    /// The number of the last row that was read, from 1.
    row: u64,
}

impl<'a> Comparison<'a> {
    /// Prepares to compare an output with the records of a query.
    pub(super) fn new(output: &'a Output, query: &'a Query) -> Self {
        Self {
            output,
            files: output.files.iter(),
            open: None,
            query,
            key: Vec::new(),
            ties: Ties::default(),
            database_rows: 0,
        }
    }

    /// How many records of the database were read.
    pub(super) fn database_rows(&self) -> u64 {
        self.database_rows
    }

    /// Compares up to the end or the first difference.
    pub(super) fn run<B: Iterator<Item = anyhow::Result<Vec<u8>>>>(
        &mut self,
        records: &mut Records<B>,
        tell: impl Fn(u64),
    ) -> Result<(), Stop> {
        while let Some(record) = records.next()? {
            self.database_rows += 1;
            if self.database_rows.is_multiple_of(TELL_EVERY_ROWS) {
                tell(self.database_rows);
            }
            let (key, row) = split(record, self.query.key_fields);
            if key != self.key {
                self.begin_key(key)?;
            }
            self.compare_row(row)?;
        }
        tell(self.database_rows);
        self.close_ties()?;
        self.end_file()?;
        // The remaining files must be empty; otherwise the database lacks their rows.
        while let Some(file) = self.files.next() {
            self.open_file(file)?;
            self.end_file()?;
        }
        Ok(())
    }

    /// Begins the records with another key, which may belong to another file.
    fn begin_key(&mut self, key: &[u8]) -> Result<(), Stop> {
        self.close_ties()?;
        let partition_fields = self.query.partition_fields;
        let partition = split(key, partition_fields).0;
        let is_of_open = split(&self.key, partition_fields).0 == partition;
        if self.open.is_none() || !is_of_open {
            self.end_file()?;
            match partition_fields {
                0 => self.open_single()?,
                _ => self.open_partition(&self.place(partition)?)?,
            }
        }
        self.key.clear();
        self.key.extend_from_slice(key);
        Ok(())
    }

    fn compare_row(&mut self, of_database: &[u8]) -> Result<(), Stop> {
        let Some(open) = &mut self.open else {
            return Ok(());
        };
        open.row += 1;
        let row = open.row;
        match open.rows.next()? {
            Some(of_file) if of_file == of_database => {}
            Some(of_file) => {
                let (kinds, is_embedded) = (&self.query.kinds, self.output.is_json_lines());
                let [of_file, of_database] = [of_file, of_database]
                    .map(|record| canonical::record(record, kinds, is_embedded));
                if of_file != of_database {
                    self.ties.keep(row, &of_file, &of_database)?;
                }
            }
            None => {
                let place = open.place();
                self.close_ties()?;
                return Err(Stop::Different(format!(
                    "{place}: the file ends before it, the database has {}",
                    shown_record(of_database)
                )));
            }
        }
        Ok(())
    }

    fn close_ties(&mut self) -> Result<(), Stop> {
        match (self.ties.close(), &self.open) {
            (Some(unmatched), Some(open)) => {
                Err(Stop::Different(self.difference(open, &unmatched)))
            }
            _ => Ok(()),
        }
    }

    /// Names the first column in which two rows differ.
    fn difference(&self, open: &OpenFile, unmatched: &Unmatched) -> String {
        let place = format!("{}, row {}", open.place, unmatched.row);
        let (of_file, of_database) = (fields(&unmatched.of_file), fields(&unmatched.of_database));
        let mut columns = self.output.run.columns.iter().zip(of_file.zip(of_database));
        match columns.find(|(_, (mine, theirs))| value(mine) != value(theirs)) {
            Some(((column, _), (of_file, of_database))) => format!(
                "{place}, column {column}: the file has {}, the database {}",
                shown(of_file),
                shown(of_database)
            ),
            // The difference is in columns that the manifest doesn't have.
            None => format!(
                "{place}: the file has {}, the database {}",
                shown_record(&unmatched.of_file),
                shown_record(&unmatched.of_database)
            ),
        }
    }

    /// Checks that the open file has no more rows, and closes it.
    fn end_file(&mut self) -> Result<(), Stop> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        open.row += 1;
        let place = open.place();
        match open.rows.next()? {
            None => Ok(()),
            Some(of_file) => Err(Stop::Different(format!(
                "{place}: the database has no such row, the file has {}",
                shown_record(of_file)
            ))),
        }
    }

    fn open_file(&mut self, file: &FileEntry) -> Result<(), Stop> {
        self.open = Some(OpenFile {
            place: self.output.place(file),
            rows: self.output.open(file)?,
            row: 0,
        });
        Ok(())
    }

    fn open_single(&mut self) -> Result<(), Stop> {
        match self.files.next() {
            Some(file) => self.open_file(file),
            None => Err(Stop::Different(format!(
                "{}: it names no file, but the database has rows",
                self.output.manifest
            ))),
        }
    }

    /// Opens the file of the partition that the database has reached, which must be the next one.
    fn open_partition(&mut self, place: &str) -> Result<(), Stop> {
        let is_named = self.output.run.file_name.is_some();
        let lies_there = |file: &FileEntry| match is_named {
            true => file.path == place,
            false => {
                let above = file.path.rsplit_once('/');
                above.is_some_and(|(above, _)| above == place)
            }
        };
        let (next, is_later) = (
            self.files.clone().next(),
            self.files.clone().any(lies_there),
        );
        match next {
            Some(file) if lies_there(file) => {
                self.files.next();
                self.open_file(file)
            }
            // The database went past the partition of the next file.
            Some(file) if is_later => {
                self.open_file(file)?;
                self.end_file()?;
                self.files.next();
                self.open_partition(place)
            }
            _ => Err(Stop::Different(format!(
                "{}: the output has no such partition, but the database has rows of it",
                self.output.folder().join(place)
            ))),
        }
    }

    /// The path of a partition, as the sink names it: its folder, or its file if files are named after partitions.
    fn place(&self, partition: &[u8]) -> Result<String, Stop> {
        let run = &self.output.run;
        let kinds = self.query.partition_kinds.iter();
        let values = run.partition_by.iter().zip(kinds).zip(fields(partition));
        let values: Vec<(&String, String)> = values
            .map(|((name, kind), field)| {
                let text = canonical::as_written(value(field).unwrap_or_default(), *kind);
                let text = match text.is_empty() {
                    true => NULL_FOLDER.to_owned(),
                    false => escape(&String::from_utf8_lossy(&text)),
                };
                (name, text)
            })
            .collect();
        let Some(file_name) = &run.file_name else {
            let components = values
                .iter()
                .map(|(name, text)| format!("{}={text}", escape(name)));
            return Ok(components.collect::<Vec<_>>().join("/"));
        };
        let value_of = |column: &str| {
            let mut values = values.iter();
            values
                .find(|(name, _)| *name == column)
                .map(|(_, text)| text.as_str())
        };
        file_name
            .path(&escape(&run.model), value_of)
            .map_err(|why| {
                Stop::Different(format!(
                    "{}: the database has rows that no file can be named after: {why}",
                    self.output.manifest
                ))
            })
    }
}

impl OpenFile {
    fn place(&self) -> String {
        format!("{}, row {}", self.place, self.row)
    }
}

/// A field's value for a message, on one line: `NULL` or a text in quotes.
fn shown(field: &[u8]) -> String {
    match value(field) {
        None => "NULL".to_owned(),
        Some(text) => format!("{:?}", cut(&String::from_utf8_lossy(&text))),
    }
}

/// A whole row for a message, on one line.
fn shown_record(record: &[u8]) -> String {
    let fields: Vec<String> = fields(record).map(shown).collect();
    format!("({})", fields.join(", "))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
