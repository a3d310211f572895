//! Where the keys of a file are checked: in memory while they fit, and by the database once they don't.
//!
//! A file is in one of two states:
//!
//! - *in memory*: all key sets are complete, and a row costs a lookup in each.
//! - *staged*: sets were given up, and the values of all rows still to come were staged ([`Staging`]), which costs one more
//!   reading of the file. Keys that several of those rows share stay in memory. If they outgrow it too, the rest is staged again.
//!
//! By the same staging the database also judges, in advance, CHECK constraints and texts of types that only the server knows. A
//! user who may not create temporary tables gets those judged by the server as rows are sent. Keys cannot be left to the server in
//! this way, so such a user needs enough memory for them. Keys of types that only the server knows are always staged, since memory
//! cannot compare them.

use database::Cancel;
use dataset::failure::Kind;
use postgres::Client;
use values::rule::Violation;

use crate::keys::check::{KeyCheck, Kinship, OwnParents, Verdict};
use crate::keys::results::{Found, RowResults, StagedResults};
use crate::keys::sets::KeySets;
use crate::keys::staged::{FileRows, Staging};
use crate::rules::key::Key;

/// A staging should last for at least this fraction of the file (one part in so many); if it doesn't, all keys are given up.
const STAGING_SHARE: u64 = 10;

/// The keys of a file's rows, and all that it takes to check them.
pub(crate) struct FileKeys<'a> {
    rows: FileRows<'a>,
    pub(crate) check: KeyCheck<'a>,
    pub(crate) sets: &'a mut KeySets,
    /// What the database found out about the staged values.
    results: Option<StagedResults>,
    /// How many rows at the beginning of the file an earlier load has done.
    done_before: u64,
}

/// The keys of a row that waits for its parent.
pub(crate) struct WaitingKeys {
    /// The row's number in the file.
    row: u64,
    keys: Vec<Key>,
    /// What the database found out about the row.
    found: Vec<Found>,
}

impl WaitingKeys {
    /// How many bytes the lists of keys and findings occupy.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.keys) + size_of_val(&*self.found)
    }
}

impl<'a> FileKeys<'a> {
    /// The keys of a file of which nothing was read yet.
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
            done_before,
        }
    }

    /// Decides about the row with this number in the file. `broken` are the rules that the row breaks by itself. Rows must come in
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
        broken.extend(row_results.no_values());
        broken.extend(row_results.broken_checks(&broken));
        self.check
            .check(self.sets, keys, row_results, broken, OwnParents::MayCome)
    }

    /// Keeps the keys of the row that was checked last and must wait.
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

    /// Decides once more about a row that has waited.
    pub(crate) fn check_again(&mut self, waiting: &WaitingKeys, parents: OwnParents) -> Verdict {
        let row_results = match &self.results {
            Some(results) => results.with(&waiting.found),
            None => RowResults::default(),
        };
        self.check
            .check(self.sets, &waiting.keys, row_results, Vec::new(), parents)
    }

    /// How a waiting row is related to other waiting rows.
    pub(crate) fn kinship(&self, waiting: &WaitingKeys) -> Kinship {
        let row_results = match &self.results {
            Some(results) => results.with(&waiting.found),
            None => RowResults::default(),
        };
        self.check.kinship(self.sets, &waiting.keys, row_results)
    }

    /// Whether the database's results were read up to this row, so that it can be checked.
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

    /// Stages the values that the database must judge, unless there are none or they are staged already. `read` rows were read so
    /// far, and those of them that are loaded were all sent, except the waiting ones.
    ///
    /// # Errors
    /// Errors of the server and of reading the file; [`Kind::Usage`] if keys don't fit in memory and the user may not
    /// make temporary tables.
    pub(crate) fn stage_if_needed<'w>(
        &mut self,
        client: &mut Client,
        read: u64,
        waiting: impl Iterator<Item = &'w mut WaitingKeys>,
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let given_up = self
            .check
            .places()
            .any(|place| self.sets.is_given_up(place));
        let asks = given_up || self.rows.target.checked || self.rows.texts().next().is_some();
        if self.results.is_some() || !asks {
            return Ok(());
        }
        if !self.rows.may_be_staged(client)? {
            // Checks are left to the server, which makes them as rows are sent.
            return match given_up {
                true => Err(Kind::Usage.error(format!(
                    "{}: the keys of its rows don't fit in memory, and this user may not have them checked in a temporary \
                     table: give more with --memory, or GRANT TEMPORARY on the database and SELECT on {}",
                    self.rows.source.name(),
                    self.rows.target.table
                ))),
                false => Ok(()),
            };
        }
        if self.has_no_room() {
            // The rows' own keys would need more and more memory. Without them, what is in memory does not grow.
            for (_, place) in &self.check.unique {
                self.sets.give_up(*place);
            }
        }
        self.sets.clear_given_up();
        let mut waiting: Vec<_> = waiting.collect();
        let rows: Vec<u64> = waiting.iter().map(|waiting| waiting.row).collect();
        let done = read.max(self.done_before);
        let staged = self
            .check
            .places()
            .map(|place| self.sets.is_given_up(place));
        let of_server = self
            .check
            .places()
            .map(|place| self.sets.is_of_server(place));
        let staging = Staging {
            rows: self.rows,
            check: &self.check,
            staged: staged.collect(),
            of_server: of_server.collect(),
        };
        let mut results = staging.run(client, done, &rows, cancel)?;
        for waiting in &mut waiting {
            results.read_to(waiting.row)?;
            waiting.found = results.of(waiting.row).found.to_vec();
        }
        self.results = Some(results);
        Ok(())
    }

    /// Makes room in the memory for keys. By now `read` rows were read, and those of them that are loaded were all sent.
    pub(crate) fn make_room(&mut self, read: u64) {
        if let Some(results) = self.results.take() {
            // The rows so far have their keys in the table. Staging the others again costs a reading of the whole file, so it
            // should not be done for a few keys while others could be staged too.
            let is_far = read.saturating_sub(results.behind) * STAGING_SHARE >= results.rows;
            let gives_all_up = !is_far && results.are_of_keys() && self.has_no_room();
            self.sets.clear_given_up();
            if gives_all_up {
                for place in self.check.places() {
                    self.sets.give_up(place);
                }
            }
        }
        self.sets.make_room();
    }

    /// Whether keys were given up since they don't fit in memory.
    fn has_no_room(&self) -> bool {
        let mut places = self.check.places();
        places.any(|place| self.sets.is_given_up(place) && !self.sets.is_of_server(place))
    }
}
