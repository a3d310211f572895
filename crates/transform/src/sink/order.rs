//! Finds the order of an output's rows, and their groups, as row numbers; no row is moved.

use std::cmp::Ordering;
use std::ops::Range;

use dataset::Model;
use rayon::prelude::*;

use super::cells::Cells;
use super::rows::{Field, Rows};
use crate::engine::output::Taken;

/// A column to order or group by.
pub(super) type Key = (String, Field);

/// The columns that the rows of a partition are ordered by.
pub(super) fn in_partition<'a>(
    model: &'a Model,
    partition_by: &'a [String],
) -> impl Iterator<Item = &'a String> {
    let names = model.order_in_partition.iter();
    names.filter(|name| !partition_by.contains(name))
}

/// The fields that have these names, in the order of the names.
pub(super) fn keys<'a>(
    fields: &[Key],
    names: impl IntoIterator<Item = &'a String>,
) -> anyhow::Result<Vec<Key>> {
    names
        .into_iter()
        .map(|name| {
            let found = fields.iter().find(|(field, _)| field == name);
            found
                .cloned()
                .ok_or_else(|| anyhow::anyhow!("no column `{name}`"))
        })
        .collect()
}

impl Rows {
    /// Compares two rows of the output by `keys`: NULL last, text by its bytes.
    fn compare(&self, keys: &[Key], a: usize, b: usize) -> Ordering {
        keys.iter()
            .map(|(_, field)| {
                let taken = self.taken(field.source);
                match (taken.row(a), taken.row(b)) {
                    (Some(a), Some(b)) => field.cells.compare(a, &field.cells, b),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                }
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    /// The rows in the order of `keys`; equal ones keep their order. `None` if they are in this order already.
    pub(super) fn order(&self, keys: &[Key]) -> Option<Vec<u32>> {
        let follows = |row: usize| self.compare(keys, row - 1, row).is_le();
        if (1..self.rows).into_par_iter().all(follows) {
            return None;
        }
        let mut order: Vec<u32> = (0..self.rows as u32).collect();
        self.sort(keys, &mut order);
        Some(order)
    }

    /// Sorts rows of the output by `keys`; equal ones keep their order.
    pub(super) fn sort(&self, keys: &[Key], rows: &mut [u32]) {
        let by_keys = |a: &u32, b: &u32| self.compare(keys, *a as usize, *b as usize);
        if rows.len() > PARALLEL_ROWS {
            rows.par_sort_by(by_keys);
        } else {
            rows.sort_by(by_keys);
        }
    }

    /// The rows, group by group, and the range of each group. Groups are in the order of `keys`, and the rows of a group keep their
    /// order. An empty text is in the group of NULL, whose folder it shares.
    pub(super) fn groups(&self, keys: &[Key]) -> (Vec<u32>, Vec<Range<usize>>) {
        let group_of = self.group_numbers(keys);
        let groups = group_of.iter().max().map_or(0, |last| *last as usize + 1);
        // This is a counting sort.
        let mut starts = vec![0_usize; groups + 1];
        for group in &group_of {
            starts[*group as usize + 1] += 1;
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let ranges = (0..groups)
            .map(|group| starts[group]..starts[group + 1])
            .filter(|range| !range.is_empty())
            .collect();
        let mut order = vec![0; group_of.len()];
        for (row, group) in (0_u32..).zip(&group_of) {
            let place = &mut starts[*group as usize];
            order[*place] = row;
            *place += 1;
        }
        (order, ranges)
    }

    /// A number for each row of the output. Rows of a group have the same number, and numbers follow the order of the groups.
    fn group_numbers(&self, keys: &[Key]) -> Vec<u32> {
        let source = keys.first().map_or(0, |(_, field)| field.source);
        let of_one_source = keys.iter().all(|(_, field)| field.source == source);
        if let (true, Taken::Rows(rows)) = (of_one_source, self.taken(source)) {
            // Few rows of the source stand for many rows of the output, so the source's rows are numbered. The last number is for a
            // missing row, where all columns are NULL.
            let height = keys[0].1.cells.len();
            let present = |row: usize| (row < height).then_some(row);
            let numbers = numbers(height + 1, |a, b| {
                compare_values(keys, |field| {
                    let (a, b) = (present(a), present(b));
                    compare_named(&field.cells, a, &field.cells, b)
                })
            });
            return rows
                .iter()
                .map(|row| numbers[(*row as usize).min(height)])
                .collect();
        }
        numbers(self.rows, |a, b| {
            compare_values(keys, |field| {
                let taken = self.taken(field.source);
                compare_named(&field.cells, taken.row(a), &field.cells, taken.row(b))
            })
        })
    }
}

fn compare_values(keys: &[Key], compare: impl Fn(&Field) -> Ordering) -> Ordering {
    keys.iter()
        .map(|(_, field)| compare(field))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares cells as their folders are named: an empty text is the same as NULL, and so is a missing row.
pub(super) fn compare_named(
    left: &Cells,
    a: Option<usize>,
    right: &Cells,
    b: Option<usize>,
) -> Ordering {
    let named = |cells: &Cells, row: &usize| !cells.is_null(*row) && !cells.is_empty_text(*row);
    match (
        a.filter(|row| named(left, row)),
        b.filter(|row| named(right, row)),
    ) {
        (Some(a), Some(b)) => left.compare(a, right, b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    }
}

/// The number of rows from which sorting on several threads pays.
const PARALLEL_ROWS: usize = 1 << 16;

/// Numbers `count` things by a comparison: equal ones have the same number, from 0 in their order, without gaps.
fn numbers(count: usize, compare: impl Fn(usize, usize) -> Ordering + Sync) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    order.par_sort_unstable_by(|a, b| compare(*a as usize, *b as usize));
    let mut numbers = vec![0; count];
    let mut number = 0;
    for pair in order.windows(2) {
        number += u32::from(compare(pair[0] as usize, pair[1] as usize).is_ne());
        numbers[pair[1] as usize] = number;
    }
    numbers
}
