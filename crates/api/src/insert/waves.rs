//! Divides the rows of a batch into waves, each of which one statement may judge. A statement sees the table as it was before it;
//! so a row that depends on another row of the batch waits for a later statement, when the outcome of the other is in the table.
//!
//! A row waits for an earlier row with the same key, which may or may not be inserted, and for its parent in the same table,
//! wherever in the batch that is. Rows that refer to each other in a circle are judged as if neither were there.

use std::collections::HashSet;

use loader::rules::key::Key;

use crate::rows::batch::{Batch, BatchRow};
use crate::table::ServedTable;

/// Takes the rows of the next wave out of `pending`, which stays in the batch's order.
pub(crate) fn next(table: &ServedTable, batch: &Batch, pending: &mut Vec<usize>) -> Vec<usize> {
    let alone =
        table.target.left_to_server || table.unique.iter().any(|unique| unique.is_of_server);
    if alone && !pending.is_empty() {
        return vec![pending.remove(0)];
    }
    let wave = split(table, batch, pending, true);
    match wave.is_empty() {
        true => split(table, batch, pending, false),
        false => wave,
    }
}

/// Takes out of `pending` the rows whose keys no earlier row has and, with `for_parents`, whose parents are not in `pending`.
fn split(
    table: &ServedTable,
    batch: &Batch,
    pending: &mut Vec<usize>,
    for_parents: bool,
) -> Vec<usize> {
    let keys = table.unique.len();
    let own = |row: &BatchRow| -> Vec<(usize, Key)> {
        let keys = row.keys[..keys].iter().copied().enumerate();
        keys.filter(|(_, key)| *key != Key::Null).collect()
    };
    let parents: HashSet<(usize, Key)> = match for_parents && !table.own_parents.is_empty() {
        true => {
            let rows = pending.iter().map(|row| &batch.rows[*row]);
            let fine = rows.filter(|row| row.broken.is_empty());
            fine.flat_map(own).collect()
        }
        false => HashSet::new(),
    };
    let mut held: HashSet<(usize, Key)> = HashSet::with_capacity(pending.len());
    let (mut wave, mut rest) = (Vec::new(), Vec::new());
    for index in pending.drain(..) {
        let row = &batch.rows[index];
        let own = own(row);
        let waits_for_parent = table.own_parents.iter().enumerate().any(|(place, parent)| {
            let key = row.keys[keys + place];
            key != Key::Null && key != row.keys[parent.key] && parents.contains(&(parent.key, key))
        });
        let waits = waits_for_parent || own.iter().any(|key| held.contains(key));
        // A row that is broken anyway doesn't keep its keys from others.
        if row.broken.is_empty() {
            held.extend(own);
        }
        match waits {
            true => rest.push(index),
            false => wave.push(index),
        }
    }
    *pending = rest;
    wave
}
