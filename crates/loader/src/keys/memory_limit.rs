//! Where the keys of a file are checked: in memory while they fit, beyond that by the database.
//!
//! A file is in one of three states:
//!
//! - *in memory*: all key sets are whole, and a row costs a lookup in each.
//! - *staged*: sets were given up, and the values of the rows still to come were staged ([`Staging`]), which costs one more
//!   reading of the file. The keys that its rows share stay in memory. If they outgrow it too, the rest is staged anew, as
//!   long as each staging takes the file a tenth further.
//! - *looked up*: each block asks the database for its keys, after the rows before it were sent. This is the slowest way,
//!   for files that cannot be read twice, users who may not make temporary tables, and where staging anew isn't worth it.
//!
//! CHECK constraints are judged by the database beforehand too, by the same staging; where that cannot be, the server
//! judges them as rows are sent.

use database::Cancel;
use dataset::failure::Kind;
use postgres::Client;
use values::rule::Violation;

use crate::input::batch::Batch;
use crate::keys::check::{KeyCheck, Verdict};
use crate::keys::lookup;
use crate::keys::results::{Found, RowResults, StagedResults};
use crate::keys::sets::KeySets;
use crate::keys::staged::{FileRows, Staging};
use crate::rules::key::Key;

/// How often the keys of a file are staged, at most.
const MOST_STAGINGS: u64 = 10;

/// The keys of a file's rows, and all that it takes to check them.
pub(crate) struct FileKeys<'a> {
    rows: FileRows<'a>,
    pub(crate) check: KeyCheck<'a>,
    pub(crate) sets: &'a mut KeySets,
    /// What the database found about the staged values.
    results: Option<StagedResults>,
    /// Whether keys that aren't in memory are looked up block by block.
    pub(crate) looks_up: bool,
    /// How many rows at the file's beginning an earlier load has done.
    done_before: u64,
}

/// The keys of a row that waits for its parent to come.
pub(crate) struct WaitingKeys {
    /// The row's number in the file.
    row: u64,
    keys: Vec<Key>,
    /// What the database found about the row.
    found: Vec<Found>,
}

impl WaitingKeys {
    /// How many bytes the lists occupy.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.keys) + size_of_val(&*self.found)
    }
}

impl<'a> FileKeys<'a> {
    /// The keys of a file from which nothing was read yet.
    pub(crate) fn new(
        rows: FileRows<'a>,
        check: KeyCheck<'a>,
        sets: &'a mut KeySets,
        done_before: u64,
    ) -> Self {
        Self {
            rows,
            check,
            sets,
            results: None,
            looks_up: false,
            done_before,
        }
    }

    /// Decides about the row with this number in the file, which breaks the rules `broken` by itself. Rows come in
    /// the file's order.
    pub(crate) fn check_row(
        &mut self,
        row: u64,
        keys: &[Key],
        mut broken: Vec<Violation>,
    ) -> Verdict {
        let row_results = match &mut self.results {
            Some(results) => results.of(row),
            None => RowResults::default(),
        };
        broken.extend(row_results.broken_checks(&broken));
        self.check.check(self.sets, keys, row_results, broken, true)
    }

    /// Keeps the keys of the row that was checked last and has to wait.
    pub(crate) fn waiting(&self, row: u64, keys: &[Key]) -> WaitingKeys {
        WaitingKeys {
            row,
            keys: keys.to_vec(),
            found: match &self.results {
                Some(results) => results.of_last_row().to_vec(),
                None => Vec::new(),
            },
        }
    }

    /// Decides once more about a row that waited.
    pub(crate) fn check_again(&mut self, waiting: &WaitingKeys, may_wait: bool) -> Verdict {
        let row_results = match &self.results {
            Some(results) => results.with(&waiting.found),
            None => RowResults::default(),
        };
        self.check
            .check(self.sets, &waiting.keys, row_results, Vec::new(), may_wait)
    }

    /// Whether the database's results were read up to this row.
    pub(crate) fn has_results_to(&self, row: u64) -> bool {
        let results = self.results.as_ref();
        results.is_none_or(|results| results.reach(row))
    }

    /// Reads the database's results up to a row.
    ///
    /// # Errors
    /// [`Kind::Output`] if they cannot be read again.
    pub(crate) fn read_results_to(&mut self, row: u64) -> anyhow::Result<()> {
        match &mut self.results {
            Some(results) => results.read_to(row),
            None => Ok(()),
        }
    }

    /// Looks up the keys of a block in the database. All rows before the block must have been sent.
    ///
    /// # Errors
    /// Errors of the server.
    pub(crate) fn look_up(&mut self, client: &mut Client, batch: &Batch) -> anyhow::Result<()> {
        lookup::look_up(client, self.rows, &self.check, self.sets, batch)
    }

    /// Stages the values that the database has to judge, unless there are none or that was done. `read` rows were
    /// read so far; all of them that are loaded were sent, except those that wait.
    ///
    /// # Errors
    /// Errors of the server and of reading the file; [`Kind::Usage`] if keys can neither be staged nor looked up.
    pub(crate) fn stage_if_needed<'w>(
        &mut self,
        client: &mut Client,
        read: u64,
        waiting: impl Iterator<Item = &'w mut WaitingKeys>,
        file: &str,
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let given_up = self
            .check
            .places()
            .any(|place| self.sets.is_given_up(place));
        let asks = given_up || self.rows.target.checked;
        if self.looks_up || self.results.is_some() || !asks {
            return Ok(());
        }
        let (again, why) = match self.rows.again {
            Some(again) if self.rows.may_be_staged(client)? => (Some(again), ""),
            Some(_) => (None, "temporary tables are not allowed"),
            None => (None, "it cannot be read twice"),
        };
        let Some(again) = again else {
            // Checks are left to the server.
            return match given_up {
                true => self.look_up_from_here(file, why),
                false => Ok(()),
            };
        };
        if given_up {
            // The own keys of the rows would grow further. Without them, what is left in memory stays as it is.
            for (_, place) in &self.check.unique {
                self.sets.give_up(*place);
            }
            self.sets.clear_given_up();
        }
        let mut waiting: Vec<_> = waiting.collect();
        let rows: Vec<u64> = waiting.iter().map(|waiting| waiting.row).collect();
        let done = read.max(self.done_before);
        let staged = self
            .check
            .places()
            .map(|place| self.sets.is_given_up(place));
        let staging = Staging {
            rows: self.rows,
            again,
            check: &self.check,
            staged: staged.collect(),
        };
        let mut results = staging.run(client, done, &rows, cancel)?;
        for waiting in &mut waiting {
            results.read_to(waiting.row)?;
            waiting.found = results.of(waiting.row).found.to_vec();
        }
        self.results = Some(results);
        Ok(())
    }

    /// Makes room in the memory for keys, once `read` rows were read and all of them that are loaded were sent.
    ///
    /// # Errors
    /// [`Kind::Usage`] if no room can be made.
    pub(crate) fn make_room(&mut self, read: u64, file: &str) -> anyhow::Result<()> {
        if !self.looks_up
            && let Some(mut results) = self.results.take()
        {
            // The rows so far have their keys in the table. Staging the others anew takes a reading of the whole file.
            let is_worth_it = read.saturating_sub(results.behind) * MOST_STAGINGS >= results.rows;
            self.sets.clear_given_up();
            if !is_worth_it && results.are_of_keys() {
                // The findings about checks stay.
                results.forget_keys();
                self.results = Some(results);
                self.look_up_from_here(file, "too many of its rows share one")?;
            }
        }
        self.sets.make_room();
        Ok(())
    }

    /// Begins to look up the keys that were given up, block by block.
    ///
    /// # Errors
    /// [`Kind::Usage`] if rows may wait, since those are decided at the file's end.
    fn look_up_from_here(&mut self, file: &str, why: &str) -> anyhow::Result<()> {
        if self.check.own_parents().next().is_some() {
            return Err(Kind::Usage.error(format!(
                "{file}: its rows refer to others of {}, whose keys don't fit in memory and cannot be checked outside of \
                 it, since {why}: give more with --memory",
                self.rows.target.table
            )));
        }
        tracing::info!(
            "{file}: keys that don't fit in memory are looked up block by block, which takes longer, since {why}"
        );
        self.looks_up = true;
        Ok(())
    }
}
