//! Rows that waited for other rows of their own table, and are sent at the end of the file.
//!
//! The server checks references when a COPY ends, so rows of one COPY may come in any order and even refer to each other
//! in a circle. At the end of a file, rows are sent in three steps. Each step looks at a row once for each of its keys:
//!
//! 1. Rows whose parents are there by now are sent, then the rows that waited for those, and so on.
//! 2. Of the rows that are left, those that refer only to each other are sent. To find them, all are assumed to be valid; then
//!    rows drop out that refer to anything but these, then rows that refer to those, and so on.
//! 3. The rest is rejected.
//! 3. the others are rejected.

use std::collections::{HashMap, HashSet};

use database::copy::write::CopyIn;

use crate::keys::check::{Kinship, OwnParents, Verdict};
use crate::rules::key::Key;
use crate::write::copy_sender::CopySender;
use crate::write::file::{FileLoad, Progress};
use crate::write::rejects::RowPlace;
use crate::write::waiting::WaitingRow;

impl FileLoad<'_> {
    /// Sends the waiting rows whose parents have come or come with them, and rejects the others.
    ///
    /// # Errors
    /// Errors of the server, and those of [`FileLoad::reject`].
    pub(super) fn settle(
        &mut self,
        copy: &mut CopyIn<'_>,
        progress: &mut Progress,
        file: &str,
    ) -> anyhow::Result<()> {
        let rows = std::mem::take(&mut progress.waiting).rows;
        let mut sender = CopySender::new(copy);
        let mut is_done = vec![false; rows.len()];
        self.send_behind_parents(&rows, &mut is_done, &mut sender, progress)?;
        let circles = self.in_circles(&rows, &is_done);
        if !circles.is_empty() {
            for index in circles {
                let row = &rows[index];
                let verdict = self.keys.check_again(&row.keys, OwnParents::Come);
                is_done[index] = self.send(row, &verdict, &mut sender, progress)?;
            }
            // A row that dropped out for a key that it shares with another row may have its parents now.
            self.send_behind_parents(&rows, &mut is_done, &mut sender, progress)?;
        }
        sender.flush()?;
        for (row, _) in rows.iter().zip(is_done).filter(|(_, done)| !done) {
            match self.keys.check_again(&row.keys, OwnParents::AreMissing) {
                Verdict::Reject(violations) => {
                    let place = RowPlace {
                        file,
                        line: row.line,
                        byte_offset: row.byte_offset,
                    };
                    self.reject(&mut progress.outcome, place, &violations, &row.raw)?;
                }
                _ => progress.outcome.rows.skipped += 1,
            }
        }
        self.keys.sets.reserve(0);
        Ok(())
    }

    /// Sends the rows whose parents are there, and after each the rows that waited only for it.
    fn send_behind_parents(
        &mut self,
        rows: &[WaitingRow],
        is_done: &mut [bool],
        sender: &mut CopySender<'_, '_>,
        progress: &mut Progress,
    ) -> anyhow::Result<()> {
        let kin = self.kin(rows, is_done);
        let mut children = children(&kin);
        let mut next: Vec<usize> = (0..rows.len()).rev().collect();
        while let Some(index) = next.pop() {
            if is_done[index] {
                continue;
            }
            let row = &rows[index];
            let verdict = self.keys.check_again(&row.keys, OwnParents::MayCome);
            is_done[index] = self.send(row, &verdict, sender, progress)?;
            if is_done[index] {
                let of_row = kin[index].own.iter().filter_map(|key| children.remove(key));
                next.extend(of_row.flatten());
            }
        }
        Ok(())
    }

    /// The indices of the rows that refer only to each other, in the file's order.
    fn in_circles(&self, rows: &[WaitingRow], is_done: &[bool]) -> Vec<usize> {
        let kin = self.kin(rows, is_done);
        let mut children = children(&kin);
        let mut stays: Vec<bool> = is_done.iter().map(|done| !done).collect();
        let mut parents: HashSet<(usize, Key)> = HashSet::new();
        let mut fallen = Vec::new();
        for (index, kinship) in kin.iter().enumerate() {
            // If several rows have the same key, the first one is loaded.
            if kinship.is_taken || kinship.own.iter().any(|key| parents.contains(key)) {
                stays[index] = false;
            } else {
                parents.extend(&kinship.own);
            }
        }
        for (index, kinship) in kin.iter().enumerate() {
            let is_orphan = |key: &(usize, Key)| !parents.contains(key);
            if stays[index] && kinship.awaited.iter().any(is_orphan) {
                stays[index] = false;
                fallen.push(index);
            }
        }
        while let Some(index) = fallen.pop() {
            let of_row = kin[index].own.iter().filter_map(|key| children.remove(key));
            for child in of_row.flatten() {
                if std::mem::replace(&mut stays[child], false) {
                    fallen.push(child);
                }
            }
        }
        (0..rows.len()).filter(|index| stays[*index]).collect()
    }

    /// Sends a row if the verdict is to load it, and returns whether it was sent.
    fn send(
        &self,
        row: &WaitingRow,
        verdict: &Verdict,
        sender: &mut CopySender<'_, '_>,
        progress: &mut Progress,
    ) -> anyhow::Result<bool> {
        match verdict {
            Verdict::Load => {
                sender.add(&row.encoded, 1)?;
                progress.sent.add(row.line);
            }
            Verdict::Update => {
                progress.upserts.push(&row.encoded, self.rows.plan.form);
                progress.outcome.rows.updated += 1;
            }
            _ => return Ok(false),
        }
        progress.outcome.rows.loaded += 1;
        Ok(true)
    }

    /// How each row is related to the others; a row that is done has no relations.
    fn kin(&self, rows: &[WaitingRow], is_done: &[bool]) -> Vec<Kinship> {
        let kinship = |(row, done): (&WaitingRow, &bool)| match done {
            true => Kinship::default(),
            false => self.keys.kinship(&row.keys),
        };
        rows.iter().zip(is_done).map(kinship).collect()
    }
}

/// For each key that rows wait for, the indices of these rows.
fn children(kin: &[Kinship]) -> HashMap<(usize, Key), Vec<usize>> {
    let mut children: HashMap<_, Vec<usize>> = HashMap::new();
    for (index, kinship) in kin.iter().enumerate() {
        for key in &kinship.awaited {
            children.entry(*key).or_default().push(index);
        }
    }
    children
}
