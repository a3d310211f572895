//! What the database is asked beforehand: of keys beyond the memory and of CHECK constraints. Values are staged where the
//! file can be read twice; where it cannot, keys are looked up as they come.

use database::Cancel;
use dataset::failure::Kind;
use postgres::Client;
use values::rule::Violation;

use crate::input::batch::Batch;
use crate::keys::check::{Judge, Verdict};
use crate::keys::lookup;
use crate::keys::results::{Findings, Found, Known};
use crate::keys::sets::KeySets;
use crate::keys::staged::{FileRows, Staging};
use crate::rules::key::Key;

/// How often the keys of a file are staged at most.
const MOST_STAGINGS: u64 = 10;

/// The keys of a file's rows, and all that is needed to check them.
pub(crate) struct FileKeys<'a> {
    rows: FileRows<'a>,
    pub(crate) judge: Judge<'a>,
    pub(crate) sets: &'a mut KeySets,
    /// What the database found of staged values.
    findings: Option<Findings>,
    /// Whether the keys of a block that aren't in memory are looked up as it comes.
    pub(crate) looks_up: bool,
    /// Rows at the beginning that an earlier load is done with.
    done_before: u64,
}

/// The keys of a row that waits for its parent to come.
pub(crate) struct WaitingKeys {
    /// The row's number in the file.
    row: u64,
    keys: Vec<Key>,
    /// What the database found of the row.
    found: Vec<Found>,
}

impl WaitingKeys {
    /// What the keys occupy beside this.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.keys) + size_of_val(&*self.found)
    }
}

impl<'a> FileKeys<'a> {
    /// The keys of a file of which nothing was read yet.
    pub(crate) fn new(
        rows: FileRows<'a>,
        judge: Judge<'a>,
        sets: &'a mut KeySets,
        done_before: u64,
    ) -> Self {
        Self {
            rows,
            judge,
            sets,
            findings: None,
            looks_up: false,
            done_before,
        }
    }

    /// Judges the row with this number in the file, which breaks the rules `broken` by itself. Rows come in the file's
    /// order.
    pub(crate) fn judge(&mut self, row: u64, keys: &[Key], mut broken: Vec<Violation>) -> Verdict {
        let known = match &mut self.findings {
            Some(findings) => findings.of(row),
            None => Known::default(),
        };
        broken.extend(known.broken_checks(&broken));
        self.judge.judge(self.sets, keys, known, broken, true)
    }

    /// Keeps the keys of a row that was judged last and has to wait.
    pub(crate) fn waiting(&self, row: u64, keys: &[Key]) -> WaitingKeys {
        WaitingKeys {
            row,
            keys: keys.to_vec(),
            found: match &self.findings {
                Some(findings) => findings.of_last_row().to_vec(),
                None => Vec::new(),
            },
        }
    }

    /// Judges a row that waited, once more.
    pub(crate) fn judge_again(&mut self, waiting: &WaitingKeys, may_wait: bool) -> Verdict {
        let known = match &self.findings {
            Some(findings) => findings.with(&waiting.found),
            None => Known::default(),
        };
        self.judge
            .judge(self.sets, &waiting.keys, known, Vec::new(), may_wait)
    }

    /// Whether all that the database found of rows up to this one was read.
    pub(crate) fn reach(&self, row: u64) -> bool {
        let findings = self.findings.as_ref();
        findings.is_none_or(|findings| findings.reach(row))
    }

    /// Reads on in what the database found until it reaches a row.
    ///
    /// # Errors
    /// The server's.
    pub(crate) fn read_to(&mut self, client: &mut Client, row: u64) -> anyhow::Result<()> {
        match &mut self.findings {
            Some(findings) => findings.read_to(client, row),
            None => Ok(()),
        }
    }

    /// Fills the sets that were given up with what the block's rows need of them. All rows before it were sent.
    ///
    /// # Errors
    /// The server's.
    pub(crate) fn look_up(&mut self, client: &mut Client, batch: &Batch) -> anyhow::Result<()> {
        lookup::look_up(client, self.rows, &self.judge, self.sets, batch)
    }

    /// Ends the reading of what the database found.
    ///
    /// # Errors
    /// The server's.
    pub(crate) fn close(&mut self, client: &mut Client) -> anyhow::Result<()> {
        match self.findings.take() {
            Some(findings) => findings.close(client),
            None => Ok(()),
        }
    }

    /// Stages what the database is asked for, if there is anything and it wasn't. So many rows were `read`, and sent but
    /// for those that wait.
    ///
    /// # Errors
    /// The server's; what the file met; [`Kind::Usage`] if keys can neither be staged nor looked up.
    pub(crate) fn look_beyond<'w>(
        &mut self,
        client: &mut Client,
        read: u64,
        waiting: impl Iterator<Item = &'w mut WaitingKeys>,
        file: &str,
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let given_up = self
            .judge
            .places()
            .any(|place| self.sets.is_given_up(place));
        let asks = given_up || self.rows.target.checked;
        if self.looks_up || self.findings.is_some() || !asks {
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
            // Those of the rows themselves grow; what is left in memory then doesn't.
            for (_, place) in &self.judge.unique {
                self.sets.give_up(*place);
            }
            self.sets.clear_given_up();
        }
        let mut waiting: Vec<_> = waiting.collect();
        let rows: Vec<u64> = waiting.iter().map(|waiting| waiting.row).collect();
        let done = read.max(self.done_before);
        let staged = self
            .judge
            .places()
            .map(|place| self.sets.is_given_up(place));
        let staging = Staging {
            rows: self.rows,
            again,
            judge: &self.judge,
            staged: staged.collect(),
        };
        let mut findings = staging.run(client, done, &rows, cancel)?;
        for waiting in &mut waiting {
            findings.read_to(client, waiting.row)?;
            waiting.found = findings.of(waiting.row).found.to_vec();
        }
        self.findings = Some(findings);
        Ok(())
    }

    /// Makes room in the memory for keys, when so many rows were `read`. All of them were sent.
    ///
    /// # Errors
    /// The server's; [`Kind::Usage`] if there is no room to be made.
    pub(crate) fn make_room(
        &mut self,
        client: &mut Client,
        read: u64,
        file: &str,
    ) -> anyhow::Result<()> {
        if !self.looks_up
            && let Some(mut findings) = self.findings.take()
        {
            // The rows so far have their keys in the table. Staging the others anew takes as long as the whole file.
            let is_worth_it = read.saturating_sub(findings.behind) * MOST_STAGINGS >= findings.rows;
            self.sets.clear_given_up();
            if is_worth_it || !findings.are_of_keys() {
                findings.close(client)?;
            } else {
                // What was found of checks stays.
                findings.forget_keys();
                self.findings = Some(findings);
                self.look_up_from_here(file, "too many of its rows share one")?;
            }
        }
        self.sets.make_room();
        Ok(())
    }

    /// Keys that were given up are looked up from here on.
    ///
    /// # Errors
    /// [`Kind::Usage`] if rows may wait, since these are judged at the file's end.
    fn look_up_from_here(&mut self, file: &str, why: &str) -> anyhow::Result<()> {
        if self.judge.own_parents().next().is_some() {
            return Err(Kind::Usage.error(format!(
                "{file}: its rows refer to others of {}, and the keys need more than the memory; they cannot be checked \
                 outside of it, since {why}: give more with --memory",
                self.rows.target.table
            )));
        }
        tracing::info!(
            "{file}: keys beyond the memory are looked up block by block, which takes longer, since {why}"
        );
        self.looks_up = true;
        Ok(())
    }
}
