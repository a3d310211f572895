//! What is done about keys beyond the memory: staged where the file can be read twice, looked up where it cannot.

use database::Cancel;
use dataset::failure::Kind;
use postgres::Client;

use crate::file::{FileLoad, Waiting};
use crate::key_staging::{self, Finding, Findings, Known};

/// How often the keys of a file are staged at most.
const MOST_STAGINGS: u64 = 10;

/// How rows are judged by keys that are not all in memory.
pub(crate) enum Beyond {
    /// All are, so far.
    Nothing,
    /// By what the database found of those of all rows of the file.
    Staged(Findings),
    /// Block by block: those of the block are asked for.
    LookedUp,
}

impl Beyond {
    /// What is known of a row of which this was found before.
    pub(crate) fn known<'a>(&'a self, found: &'a [(usize, Finding)]) -> Known<'a> {
        match self {
            Self::Staged(findings) => findings.with(found),
            _ => Known::default(),
        }
    }
}

impl FileLoad<'_> {
    /// Decides how rows are judged from here on, if it isn't decided and keys were given up. So many rows were `read`, and
    /// sent but for those that wait.
    pub(crate) fn look_beyond(
        &mut self,
        client: &mut Client,
        read: u64,
        waiting: &mut [Waiting],
        file: &str,
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let undecided = matches!(self.beyond, Beyond::Nothing);
        let given_up = |place| self.keys.is_given_up(place);
        if !undecided || !self.judge.places().any(given_up) {
            return Ok(());
        }
        let again = match self.again {
            Some(again) if key_staging::is_allowed(client)? => again,
            Some(_) => return self.look_up_from_here(file, "temporary tables are not allowed"),
            None => return self.look_up_from_here(file, "it cannot be read twice"),
        };
        // Those of the rows themselves grow; what is left in memory then doesn't.
        for (_, place) in &self.judge.unique {
            self.keys.give_up(*place);
        }
        self.keys.clear_given_up();
        let rows: Vec<u64> = waiting.iter().map(|waiting| waiting.row).collect();
        let done = read.max(self.done_before);
        let mut findings = self.stage(client, again, done, &rows, cancel)?;
        for waiting in waiting {
            findings.read_to(client, waiting.row)?;
            waiting.found = findings.of(waiting.row).found.to_vec();
        }
        self.beyond = Beyond::Staged(findings);
        Ok(())
    }

    /// Makes room in the memory for keys, when so many rows were `read`. All of them were sent.
    pub(crate) fn make_room(
        &mut self,
        client: &mut Client,
        read: u64,
        file: &str,
    ) -> anyhow::Result<()> {
        if let Beyond::Staged(findings) = &self.beyond {
            // The rows so far have their keys in the table. Staging the others anew takes as long as the whole file.
            let is_worth_it = read.saturating_sub(findings.behind) * MOST_STAGINGS >= findings.rows;
            Findings::close(client)?;
            self.keys.clear_given_up();
            self.beyond = Beyond::Nothing;
            if !is_worth_it {
                self.look_up_from_here(file, "too many of its rows share one")?;
            }
        }
        self.keys.make_room();
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
                self.target.table
            )));
        }
        tracing::info!(
            "{file}: keys beyond the memory are looked up block by block, which takes longer, since {why}"
        );
        self.beyond = Beyond::LookedUp;
        Ok(())
    }
}
