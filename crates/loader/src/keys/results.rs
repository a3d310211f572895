//! What the database found about the staged values of a file, read row by row.
//!
//! The findings are kept in a temporary file, since the transaction that made them may end before the rows do, and its
//! temporary tables end with it.

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

/// The temporary table that holds the findings.
pub(crate) const TABLE: &str = "extrato_findings";
/// How many bytes a finding takes: the row's number, what it is about, what it says.
const FINDING_BYTES: usize = 8 + 2 + 2;

/// What the database can find about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// A row in the table has this unique key.
    Taken,
    /// Other rows of the file have this unique key or refer to it, so that it matters to them whether this row is
    /// loaded.
    Shared,
    /// No row in the table has what this reference refers to.
    Missing,
    /// This CHECK constraint is false.
    Broken,
}

impl Finding {
    const ALL: [Self; 4] = [Self::Taken, Self::Shared, Self::Missing, Self::Broken];
}

/// A finding, with the index of the key or CHECK constraint that it is about.
pub(crate) type Found = (usize, Finding);

/// What the database found about one row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowResults<'a> {
    /// For each key, whether it was staged.
    staged: &'a [bool],
    checks: &'a [Check],
    pub(crate) found: &'a [Found],
}

impl RowResults<'_> {
    fn says(&self, key: usize, finding: Finding) -> bool {
        self.found.contains(&(key, finding))
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

    /// Whether the row's unique key must be remembered if the row is loaded.
    pub(crate) fn is_wanted(&self, key: usize) -> bool {
        !self.is_staged(key) || self.says(key, Finding::Shared)
    }

    /// The CHECK constraints that are false, except those about columns that are `broken` already.
    pub(crate) fn broken_checks(&self, broken: &[Violation]) -> Vec<Violation> {
        let is_broken = |name: &String| broken.iter().any(|violation| violation.column == *name);
        let checks = self
            .found
            .iter()
            .filter(|(_, finding)| *finding == Finding::Broken)
            .map(|(check, _)| &self.checks[*check])
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

/// What the database found about the rows of a file, which are asked for in the file's order.
pub(crate) struct StagedResults {
    /// The number of the last row before the staged ones, and how many were staged.
    pub(crate) behind: u64,
    pub(crate) rows: u64,
    staged: Vec<bool>,
    checks: Vec<Check>,
    findings: BufReader<File>,
    ahead: VecDeque<(u64, Found)>,
    /// The number of the last row about which all findings were read.
    read_to: u64,
    of_row: Vec<Found>,
}

impl StagedResults {
    /// Takes the findings about these keys and CHECK constraints over, and drops their table.
    ///
    /// # Errors
    /// Errors of the server; [`Kind::Output`] if they cannot be kept.
    pub(crate) fn open(
        client: &mut Client,
        behind: u64,
        rows: u64,
        staged: Vec<bool>,
        checks: Vec<Check>,
    ) -> anyhow::Result<Self> {
        let failed = "cannot read what was found of the staged values";
        let file = tempfile::tempfile().or_fail(Kind::Output, cannot_keep)?;
        let mut writer = BufWriter::new(file);
        let query = format!("SELECT row, of, finding FROM pg_temp.{TABLE} ORDER BY row");
        let none: [(&str, Type); 0] = [];
        let mut found = client.query_typed_raw(&query, none).context(failed)?;
        while let Some(found) = found.next().context(failed)? {
            let (row, of, finding): (i64, i16, i16) = (found.get(0), found.get(1), found.get(2));
            let mut bytes = [0; FINDING_BYTES];
            bytes[..8].copy_from_slice(&row.to_le_bytes());
            bytes[8..10].copy_from_slice(&of.to_le_bytes());
            bytes[10..].copy_from_slice(&finding.to_le_bytes());
            writer
                .write_all(&bytes)
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
            staged,
            checks,
            findings: BufReader::new(file),
            ahead: VecDeque::new(),
            read_to: 0,
            of_row: Vec::new(),
        })
    }

    /// Whether there are findings about keys.
    pub(crate) fn are_of_keys(&self) -> bool {
        self.staged.contains(&true)
    }

    /// Forgets the findings about keys.
    pub(crate) fn forget_keys(&mut self) {
        self.staged.clear();
    }

    /// Whether the findings were read up to this row.
    pub(crate) fn reach(&self, row: u64) -> bool {
        self.read_to >= row
    }

    /// Reads the findings up to a row.
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
                    let (row, rest) = bytes.split_at(8);
                    let number = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
                    let row = row.try_into().map_or(0, u64::from_le_bytes);
                    let finding = Finding::ALL[usize::from(number(&rest[2..]))];
                    self.ahead.push_back((row, (number(rest).into(), finding)));
                    // There may be more findings about this row.
                    self.read_to = row.saturating_sub(1);
                }
            }
        }
        Ok(())
    }

    /// What was found about a row.
    pub(crate) fn of(&mut self, row: u64) -> RowResults<'_> {
        self.of_row.clear();
        while let Some((found, fact)) = self.ahead.front()
            && *found <= row
        {
            if *found == row {
                self.of_row.push(*fact);
            }
            self.ahead.pop_front();
        }
        self.with(&self.of_row)
    }

    /// The findings about the row that was asked for last.
    pub(crate) fn of_last_row(&self) -> &[Found] {
        &self.of_row
    }

    /// What was found about a row that has waited since.
    pub(crate) fn with<'a>(&'a self, found: &'a [Found]) -> RowResults<'a> {
        RowResults {
            staged: &self.staged,
            checks: &self.checks,
            found,
        }
    }
}

fn cannot_keep() -> &'static str {
    "cannot keep what was found of the staged values in a temporary file"
}
