//! What the database found about the staged values of a file, read row by row.

use std::collections::VecDeque;

use anyhow::Context;
use database::catalogue::constraints::Check;
use postgres::Client;
use values::rule::{Rule, Violation};

/// The temporary table that holds the findings.
pub(crate) const TABLE: &str = "extrato_findings";
const CURSOR: &str = "extrato_findings_by_row";
/// How many findings are read at once.
const FETCHED_ROWS: usize = 50_000;

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
    ahead: VecDeque<(u64, Found)>,
    /// The number of the last row about which all findings were read.
    read_to: u64,
    of_row: Vec<Found>,
}

impl StagedResults {
    /// Begins to read the findings about these keys and CHECK constraints.
    ///
    /// # Errors
    /// Errors of the server.
    pub(crate) fn open(
        client: &mut Client,
        behind: u64,
        rows: u64,
        staged: Vec<bool>,
        checks: Vec<Check>,
    ) -> anyhow::Result<Self> {
        client
            .batch_execute(&format!(
                "DECLARE {CURSOR} NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM pg_temp.{TABLE} ORDER BY row"
            ))
            .context("cannot read what was found of the staged values")?;
        Ok(Self {
            behind,
            rows,
            staged,
            checks,
            ahead: VecDeque::new(),
            read_to: 0,
            of_row: Vec::new(),
        })
    }

    /// Whether there are findings about keys.
    pub(crate) fn are_of_keys(&self) -> bool {
        self.staged.contains(&true)
    }

    /// Whether the findings were read up to this row.
    pub(crate) fn reach(&self, row: u64) -> bool {
        self.read_to >= row
    }

    /// Reads the findings up to a row.
    ///
    /// # Errors
    /// Errors of the server.
    pub(crate) fn read_to(&mut self, client: &mut Client, row: u64) -> anyhow::Result<()> {
        while !self.reach(row) {
            let found = client
                .query(&format!("FETCH {FETCHED_ROWS} FROM {CURSOR}"), &[])
                .context("cannot read what was found of the staged values")?;
            for found in &found {
                let (row, of, finding): (i64, i16, i16) =
                    (found.get(0), found.get(1), found.get(2));
                let finding = Finding::ALL[finding as usize];
                self.ahead.push_back((row as u64, (of as usize, finding)));
            }
            self.read_to = match self.ahead.back() {
                // There may be more findings about the last row.
                Some((last, _)) if found.len() == FETCHED_ROWS => last - 1,
                _ => u64::MAX,
            };
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

    /// Ends the reading, and drops the table.
    ///
    /// # Errors
    /// Errors of the server.
    pub(crate) fn close(self, client: &mut Client) -> anyhow::Result<()> {
        client
            .batch_execute(&format!("CLOSE {CURSOR}; DROP TABLE pg_temp.{TABLE}"))
            .context("cannot remove the staged values")
    }
}
