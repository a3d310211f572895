//! What the database found of the values of a file that were staged in it, told row by row.

use std::collections::VecDeque;

use anyhow::Context;
use database::catalogue::constraints::Check;
use postgres::Client;
use values::rule::{Rule, Violation};

/// The table that holds them.
pub(crate) const TABLE: &str = "extrato_findings";
const CURSOR: &str = "extrato_findings_by_row";
/// Results read at once.
const FETCHED_ROWS: usize = 50_000;

/// What the database found of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// A row in the table has this unique key.
    Taken,
    /// Other rows of the file have this unique key or refer to it, so that it matters whether this one is loaded.
    Shared,
    /// No row has what this reference refers to.
    Missing,
    /// This CHECK constraint is false.
    Broken,
}

impl Finding {
    const ALL: [Self; 4] = [Self::Taken, Self::Shared, Self::Missing, Self::Broken];
}

/// A finding and what it is of: the index of a key or of a CHECK constraint.
pub(crate) type Found = (usize, Finding);

/// What the database knows of one row.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowResults<'a> {
    /// For each key whether it was staged.
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

    /// Whether a row in the table has a unique key.
    pub(crate) fn is_taken(&self, key: usize) -> bool {
        self.is_staged(key) && self.says(key, Finding::Taken)
    }

    /// Whether a reference has its parent in the database.
    pub(crate) fn has_parent(&self, key: usize) -> bool {
        self.is_staged(key) && !self.says(key, Finding::Missing)
    }

    /// Whether a unique key must be remembered if its row is loaded.
    pub(crate) fn is_wanted(&self, key: usize) -> bool {
        !self.is_staged(key) || self.says(key, Finding::Shared)
    }

    /// The CHECK constraints that are false, but for those of columns which are `broken` anyhow.
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

/// What was found of the rows of a file. Rows are asked for in its order.
pub(crate) struct StagedResults {
    /// The row behind which they begin, and of how many rows they are.
    pub(crate) behind: u64,
    pub(crate) rows: u64,
    staged: Vec<bool>,
    checks: Vec<Check>,
    ahead: VecDeque<(u64, Found)>,
    /// All that was found of rows up to this one was read.
    read_to: u64,
    of_row: Vec<Found>,
}

impl StagedResults {
    /// Begins to read what the table holds, of these keys and CHECK constraints.
    ///
    /// # Errors
    /// The server's.
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

    /// Whether keys were staged.
    pub(crate) fn are_of_keys(&self) -> bool {
        self.staged.contains(&true)
    }

    /// Forgets what was found of keys.
    pub(crate) fn forget_keys(&mut self) {
        self.staged.clear();
    }

    /// Whether all that was found of rows up to this one was read.
    pub(crate) fn reach(&self, row: u64) -> bool {
        self.read_to >= row
    }

    /// Reads on until they reach a row.
    ///
    /// # Errors
    /// The server's.
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
                // More may be found of the last one.
                Some((last, _)) if found.len() == FETCHED_ROWS => last - 1,
                _ => u64::MAX,
            };
        }
        Ok(())
    }

    /// What is known of a row.
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

    /// What was found of the row that was asked for last.
    pub(crate) fn of_last_row(&self) -> &[Found] {
        &self.of_row
    }

    /// What is known of a row of which this was found.
    pub(crate) fn with<'a>(&'a self, found: &'a [Found]) -> RowResults<'a> {
        RowResults {
            staged: &self.staged,
            checks: &self.checks,
            found,
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// The server's.
    pub(crate) fn close(self, client: &mut Client) -> anyhow::Result<()> {
        client
            .batch_execute(&format!("CLOSE {CURSOR}; DROP TABLE pg_temp.{TABLE}"))
            .context("cannot remove the staged values")
    }
}
