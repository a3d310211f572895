//! What the database found out about the staged values of a file, read row by row.
//!
//! The findings are kept in a temporary file, since the transaction that made them may end before the rows do, and its
//! temporary tables end with it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Seek, Write};

use anyhow::Context;
use database::catalogue::constraints::Check;
use dataset::failure::{Kind, OrFail};
use postgres::Client;
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::Type;
use values::rule::{Rule, Violation};

use crate::rules::key::Key;

/// The name of the temporary table that holds the findings.
pub(crate) const TABLE: &str = "extrato_findings";
/// How many bytes a finding takes, apart from what the server said: the row's number, the index of what the finding is about, the
/// first row with the same key, and the length of what the server said.
const FINDING_BYTES: usize = 4 * 8;
/// How many bytes the SQLSTATE has, which is the beginning of what the server said.
const SQLSTATE_BYTES: usize = 5;

/// What the database can find out about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// A row in the table has this unique key.
    Taken,
    /// Other rows of the file have this unique key or refer to it, so that it matters to them whether this row is
    /// loaded.
    Shared,
    /// No row in the table has what this reference refers to.
    Missing,
    /// The row makes this CHECK constraint false.
    Broken,
    /// The row that this reference refers to is a row of the file, which may still come, or not be loaded.
    Parent,
    /// The text in this column is not a value of its type.
    NoValue,
}

impl Finding {
    const ALL: [Self; 6] = [
        Self::Taken,
        Self::Shared,
        Self::Missing,
        Self::Broken,
        Self::Parent,
        Self::NoValue,
    ];
}

/// A finding about a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The index of the key, the CHECK constraint or the column that the finding is about.
    pub(crate) of: usize,
    pub(crate) finding: Finding,
    /// For a key that only the database can compare: the number of the first row of the file that has it.
    first: Option<u64>,
    /// For a text that is not a value: the SQLSTATE and the message of the server's error.
    said: Option<(String, String)>,
}

/// What the database found about one row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowResults<'a> {
    /// For each key, whether it was staged.
    staged: &'a [bool],
    /// For each key, whether only the database can compare it.
    of_server: &'a [bool],
    checks: &'a [Check],
    columns: &'a [String],
    pub(crate) found: &'a [Found],
}

impl RowResults<'_> {
    fn says(&self, key: usize, finding: Finding) -> bool {
        let about = |found: &Found| found.of == key && found.finding == finding;
        self.found.iter().any(about)
    }

    /// The keys of the row, for comparing it with other rows of the file. In place of a key that only the database can compare
    /// stands the number of the first row that has it.
    pub(crate) fn keys<'k>(&self, keys: &'k [Key]) -> Cow<'k, [Key]> {
        if !self.of_server.contains(&true) {
            return Cow::Borrowed(keys);
        }
        let mut keys = keys.to_vec();
        for (key, of_server) in self.of_server.iter().enumerate() {
            let about = |found: &&Found| {
                found.of == key && matches!(found.finding, Finding::Shared | Finding::Parent)
            };
            let firsts = self.found.iter().filter(about);
            if let Some(first) = firsts.filter_map(|found| found.first).min() {
                keys[key] = Key::Whole(first as i64);
            } else if *of_server && keys[key] != Key::Null {
                // No other row of the file has this key; it must not look like another key of the row of which the same is true.
                keys[key] = Key::Whole(-1 - key as i64);
            }
        }
        Cow::Owned(keys)
    }

    fn is_staged(&self, key: usize) -> bool {
        self.staged.get(key).is_some_and(|staged| *staged)
    }

    /// Whether a row in the table has this row's unique key.
    pub(crate) fn is_taken(&self, key: usize) -> bool {
        self.is_staged(key) && self.says(key, Finding::Taken)
    }

    /// Whether the row's reference has its parent in the database.
    pub(crate) fn has_parent(&self, key: usize) -> bool {
        self.is_staged(key) && !self.says(key, Finding::Missing)
    }

    /// Whether the row's unique key must be remembered once the row is loaded.
    pub(crate) fn is_wanted(&self, key: usize) -> bool {
        !self.is_staged(key) || self.says(key, Finding::Shared)
    }

    /// The broken rules of the texts that are not values of their columns' types.
    pub(crate) fn no_values(&self) -> impl Iterator<Item = Violation> {
        let told = self.found.iter().filter_map(|found| {
            let (code, message) = found.said.as_ref()?;
            Some((found.of, code, message))
        });
        told.map(|(column, code, message)| Violation {
            column: self.columns[column].clone(),
            rule: rule_of(code),
            message: message.clone(),
        })
    }

    /// The CHECK constraints that the row makes false, except those about columns that are `broken` already.
    pub(crate) fn broken_checks(&self, broken: &[Violation]) -> Vec<Violation> {
        let is_broken = |name: &String| broken.iter().any(|violation| violation.column == *name);
        let checks = self
            .found
            .iter()
            .filter(|found| found.finding == Finding::Broken)
            .map(|found| &self.checks[found.of])
            .filter(|check| !check.columns.iter().any(is_broken));
        checks
            .map(|check| Violation {
                column: check.columns.join(", "),
                rule: Rule::Check,
                message: format!("breaks `{}`: CHECK ({})", check.name, check.expression),
            })
            .collect()
    }
}

/// The rule that a text breaks when its column's input function raises an error with this SQLSTATE.
fn rule_of(code: &str) -> Rule {
    match code {
        // A CHECK constraint of a domain.
        "23514" => Rule::Check,
        // A domain that is NOT NULL, inside an array or a composite value.
        "23502" => Rule::Required,
        "22003" | "22008" | "22015" => Rule::Overflow,
        "22001" | "22026" => Rule::Length,
        _ => Rule::Type,
    }
}

/// The questions that the database was asked about the rows of a file.
pub(crate) struct Asked {
    /// For each key, whether it was staged.
    pub(crate) staged: Vec<bool>,
    /// For each key, whether only the database can compare it.
    pub(crate) of_server: Vec<bool>,
    pub(crate) checks: Vec<Check>,
    /// The names of the columns that rows have.
    pub(crate) columns: Vec<String>,
}

/// What the database found out about the rows of a file. Rows must be asked for in the file's order.
pub(crate) struct StagedResults {
    /// The number of the last row before the staged ones, and how many were staged.
    pub(crate) behind: u64,
    pub(crate) rows: u64,
    asked: Asked,
    findings: BufReader<File>,
    ahead: VecDeque<(u64, Found)>,
    /// The number of the last row about which all findings were read.
    read_to: u64,
    of_row: Vec<Found>,
}

impl StagedResults {
    /// Takes over the findings about what was asked, and drops their table.
    ///
    /// # Errors
    /// Errors of the server; [`Kind::Output`] if they cannot be kept.
    pub(crate) fn open(
        client: &mut Client,
        behind: u64,
        rows: u64,
        asked: Asked,
    ) -> anyhow::Result<Self> {
        let failed = "cannot read what was found of the staged values";
        let file = tempfile::tempfile().or_fail(Kind::Output, cannot_keep)?;
        let mut writer = BufWriter::new(file);
        let query = format!(
            "SELECT row, of, finding, first, code || said FROM pg_temp.{TABLE} ORDER BY row"
        );
        let none: [(&str, Type); 0] = [];
        let mut found = client.query_typed_raw(&query, none).context(failed)?;
        while let Some(found) = found.next().context(failed)? {
            let (row, of, finding): (i64, i16, i16) = (found.get(0), found.get(1), found.get(2));
            let (first, said): (Option<i64>, Option<&str>) = (found.get(3), found.get(4));
            let said = said.unwrap_or_default();
            let about = (i64::from(of) << 8) | i64::from(finding);
            let words = [row, about, first.unwrap_or(-1), said.len() as i64];
            let words = words.map(i64::to_le_bytes);
            writer
                .write_all(words.as_flattened())
                .and_then(|()| writer.write_all(said.as_bytes()))
                .or_fail(Kind::Output, cannot_keep)?;
        }
        drop(found);
        client
            .batch_execute(&format!("DROP TABLE pg_temp.{TABLE}"))
            .context("cannot remove the staged values")?;
        let mut file = writer
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .or_fail(Kind::Output, cannot_keep)?;
        file.rewind().or_fail(Kind::Output, cannot_keep)?;
        Ok(Self {
            behind,
            rows,
            asked,
            findings: BufReader::new(file),
            ahead: VecDeque::new(),
            read_to: 0,
            of_row: Vec::new(),
        })
    }

    /// Whether there are findings about keys.
    pub(crate) fn are_of_keys(&self) -> bool {
        self.asked.staged.contains(&true)
    }

    /// Whether the findings were read up to this row.
    pub(crate) fn reach(&self, row: u64) -> bool {
        self.read_to >= row
    }

    /// Reads the findings up to and including a row.
    ///
    /// # Errors
    /// [`Kind::Output`] if the temporary file cannot be read.
    pub(crate) fn read_to(&mut self, row: u64) -> anyhow::Result<()> {
        while !self.reach(row) {
            let mut bytes = [0; FINDING_BYTES];
            match self.findings.read_exact(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => self.read_to = u64::MAX,
                read => {
                    read.or_fail(Kind::Output, cannot_keep)?;
                    let [row, about, first, said] = words(&bytes);
                    let mut text = vec![0; said as usize];
                    self.findings
                        .read_exact(&mut text)
                        .or_fail(Kind::Output, cannot_keep)?;
                    let text = String::from_utf8_lossy(&text);
                    let said = text.split_at_checked(SQLSTATE_BYTES);
                    let found = Found {
                        of: (about >> 8) as usize,
                        finding: Finding::ALL[(about & 0xff) as usize],
                        first: (first != u64::MAX).then_some(first),
                        said: said.map(|(code, said)| (code.to_owned(), said.to_owned())),
                    };
                    self.ahead.push_back((row, found));
                    // There may be more findings about the same row.
                    self.read_to = row.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    /// What was found about a row.
    pub(crate) fn of(&mut self, row: u64) -> RowResults<'_> {
        self.of_row.clear();
        while self.ahead.front().is_some_and(|(found, _)| *found <= row) {
            let found = self.ahead.pop_front();
            self.of_row.extend(
                found
                    .filter(|(found, _)| *found == row)
                    .map(|(_, found)| found),
            );
        }
        self.with(&self.of_row)
    }

    /// The findings about the row that [`of`](Self::of) was called for last.
    pub(crate) fn of_last_row(&self) -> &[Found] {
        &self.of_row
    }

    /// The results for a row that has waited, from the findings that were kept with it.
    pub(crate) fn with<'a>(&'a self, found: &'a [Found]) -> RowResults<'a> {
        RowResults {
            staged: &self.asked.staged,
            of_server: &self.asked.of_server,
            checks: &self.asked.checks,
            columns: &self.asked.columns,
            found,
        }
    }
}

/// The four numbers that a finding begins with.
fn words(bytes: &[u8; FINDING_BYTES]) -> [u64; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|index| u64::from_le_bytes(words[index]))
}

fn cannot_keep() -> &'static str {
    "cannot keep what was found of the staged values in a temporary file"
}
