//! What the database is asked beforehand: of keys beyond the memory and of CHECK constraints. Values are staged where the
//! file can be read twice; where it cannot, keys are looked up as they come.

use database::Cancel;
use dataset::failure::Kind;
use postgres::Client;

use crate::write::file::{FileLoad, Waiting};

/// How often the keys of a file are staged at most.
const MOST_STAGINGS: u64 = 10;

impl FileLoad<'_> {
    /// Stages what the database is asked for, if there is anything and it wasn't. So many rows were `read`, and sent but
    /// for those that wait.
    ///
    /// # Errors
    /// The server's; what the file met; [`Kind::Usage`] if keys can neither be staged nor looked up.
    pub(crate) fn look_beyond(
        &mut self,
        client: &mut Client,
        read: u64,
        waiting: &mut [Waiting],
        file: &str,
        cancel: &Cancel,
    ) -> anyhow::Result<()> {
        let given_up = self
            .judge
            .places()
            .any(|place| self.keys.is_given_up(place));
        let asks = given_up || self.target.checked;
        if self.looks_up || self.findings.is_some() || !asks {
            return Ok(());
        }
        let (again, why) = match self.again {
            Some(again) if self.may_stage(client)? => (Some(again), ""),
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
                self.keys.give_up(*place);
            }
            self.keys.clear_given_up();
        }
        let rows: Vec<u64> = waiting.iter().map(|waiting| waiting.row).collect();
        let done = read.max(self.done_before);
        let mut findings = self.stage(client, again, done, &rows, cancel)?;
        for waiting in waiting {
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
            self.keys.clear_given_up();
            if is_worth_it || !findings.are_of_keys() {
                findings.close(client)?;
            } else {
                // What was found of checks stays.
                findings.forget_keys();
                self.findings = Some(findings);
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
        self.looks_up = true;
        Ok(())
    }
}
