//! Joins: finds the rows of both sides with equal keys, and keeps the pairs that meet the other conditions.

use super::codes::{Codes, Nulls};
use super::relation::Engine;
use super::rows::Rows;
use crate::engine::output::MISSING;
use crate::model::tree::{Join, Scalar};

/// How many pairs of rows the conditions are computed for at once.
const BLOCK_PAIRS: u64 = 1 << 20;

/// The rows of one side, grouped by the number of their key.
pub(super) struct Buckets {
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Buckets {
    pub(super) fn of(codes: &[u32], count: usize) -> Self {
        let mut starts = vec![0_u32; count + 1];
        for &code in codes.iter().filter(|&&code| code != MISSING) {
            starts[code as usize + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut rows = vec![0; starts[count] as usize];
        for (row, &code) in (0..).zip(codes).filter(|&(_, &code)| code != MISSING) {
            let place = &mut next[code as usize];
            rows[*place as usize] = row;
            *place += 1;
        }
        Self { starts, rows }
    }

    pub(super) fn rows(&self, code: u32) -> &[u32] {
        match code {
            MISSING => &[],
            code => {
                let (start, end) = (self.starts[code as usize], self.starts[code as usize + 1]);
                &self.rows[start as usize..end as usize]
            }
        }
    }
}

/// Pairs of rows of the left and the right side; [`MISSING`] where a side has none.
#[derive(Default)]
struct Pairs {
    left: Vec<u32>,
    right: Vec<u32>,
}

impl Pairs {
    fn push(&mut self, left: u32, right: u32) {
        self.left.push(left);
        self.right.push(right);
    }
}

impl Engine<'_> {
    /// The rows of a join, with only the columns that are needed.
    pub(super) fn joined(&mut self, join: &Join, needed: &[bool]) -> anyhow::Result<Rows> {
        let width = join.left.width();
        let mut wanted = needed.to_vec();
        if let Some(condition) = &join.condition {
            condition.needs(&mut wanted);
        }
        let (mut of_left, mut of_right) = (wanted[..width].to_vec(), wanted[width..].to_vec());
        for (left, right) in &join.equal {
            left.needs(&mut of_left);
            right.needs(&mut of_right);
        }
        let left = self.rows(&join.left, &of_left)?;
        let right = self.rows(&join.right, &of_right)?;
        let (left_codes, buckets) = self.matched(join, &left, &right)?;
        let pairs = match &join.condition {
            None => self.all_pairs(join, &left, &right, &left_codes, &buckets)?,
            Some(condition) => {
                self.kept_pairs(join, condition, &left, &right, &left_codes, &buckets)?
            }
        };
        let left = left.only(&needed[..width]).take(&pairs.left)?;
        let right = right.only(&needed[width..]).take(&pairs.right)?;
        Ok(left.beside(right))
    }

    /// Numbers the keys of the left rows, and groups the right rows by the same numbers.
    fn matched(
        &mut self,
        join: &Join,
        left: &Rows,
        right: &Rows,
    ) -> anyhow::Result<(Vec<u32>, Buckets)> {
        let mut keys = Vec::with_capacity(join.equal.len());
        for (of_left, of_right) in &join.equal {
            keys.push(
                self.column(of_left, left)?
                    .with(&self.column(of_right, right)?)?,
            );
        }
        let codes = Codes::of(
            &keys.iter().collect::<Vec<_>>(),
            left.height + right.height,
            Nulls::Unequal,
        );
        let (of_left, of_right) = codes.of.split_at(left.height);
        Ok((of_left.to_vec(), Buckets::of(of_right, codes.count)))
    }

    fn all_pairs(
        &self,
        join: &Join,
        left: &Rows,
        right: &Rows,
        codes: &[u32],
        buckets: &Buckets,
    ) -> anyhow::Result<Pairs> {
        let count = |code: &u32| (buckets.rows(*code).len() as u64).max(u64::from(join.keeps_left));
        let height: u64 = codes.iter().map(count).sum();
        self.check_rows(height, left.row_bytes() + right.row_bytes())?;
        let mut pairs = Pairs {
            left: Vec::with_capacity(height as usize),
            right: Vec::with_capacity(height as usize),
        };
        let mut is_matched = vec![false; if join.keeps_right { right.height } else { 0 }];
        for (row, &code) in (0..).zip(codes) {
            let partners = buckets.rows(code);
            for &partner in partners {
                pairs.push(row, partner);
                if join.keeps_right {
                    is_matched[partner as usize] = true;
                }
            }
            if partners.is_empty() && join.keeps_left {
                pairs.push(row, MISSING);
            }
        }
        add_unmatched(&mut pairs, &is_matched);
        Ok(pairs)
    }

    fn kept_pairs(
        &mut self,
        join: &Join,
        condition: &Scalar,
        left: &Rows,
        right: &Rows,
        codes: &[u32],
        buckets: &Buckets,
    ) -> anyhow::Result<Pairs> {
        let mut needed = vec![false; left.width() + right.width()];
        condition.needs(&mut needed);
        let of_left = left.only(&needed[..left.width()]);
        let of_right = right.only(&needed[left.width()..]);
        let row_bytes = left.row_bytes() + right.row_bytes();
        let mut pairs = Pairs::default();
        let mut is_matched = vec![false; if join.keeps_right { right.height } else { 0 }];
        let mut start = 0;
        while start < codes.len() {
            self.cancel.check()?;
            let mut block = Pairs::default();
            let mut end = start;
            while end < codes.len() && (end == start || (block.left.len() as u64) < BLOCK_PAIRS) {
                for &partner in buckets.rows(codes[end]) {
                    block.push(end as u32, partner);
                }
                end += 1;
            }
            let rows = of_left
                .take(&block.left)?
                .beside(of_right.take(&block.right)?);
            let mut kept = (block.left.iter().zip(&block.right))
                .zip(self.truths(condition, &rows)?)
                .filter_map(|(pair, is_kept)| is_kept.then_some(pair))
                .peekable();
            for row in start as u32..end as u32 {
                let mut has_partner = false;
                while let Some((_, &partner)) = kept.next_if(|(left, _)| **left == row) {
                    pairs.push(row, partner);
                    has_partner = true;
                    if join.keeps_right {
                        is_matched[partner as usize] = true;
                    }
                }
                if !has_partner && join.keeps_left {
                    pairs.push(row, MISSING);
                }
            }
            self.check_rows(pairs.left.len() as u64, row_bytes)?;
            start = end;
        }
        add_unmatched(&mut pairs, &is_matched);
        Ok(pairs)
    }
}

/// Adds the right rows without a partner, for joins that keep them.
fn add_unmatched(pairs: &mut Pairs, is_matched: &[bool]) {
    for (row, is_matched) in (0..).zip(is_matched) {
        if !is_matched {
            pairs.push(MISSING, row);
        }
    }
}
