//! Evaluates sub-selects that depend on the row outside. The rows that belong to each are found by equal keys, for all rows at
//! once.

use polars::prelude::IdxCa;

use super::super::array::Array;
use super::super::codes::{Codes, Nulls};
use super::super::join::Buckets;
use super::super::relation::Engine;
use super::super::rows::Rows;
use crate::model::tree::{Asked, Correlated, Scalar};

/// How many pairs of rows a condition is evaluated for at once.
const BLOCK_PAIRS: usize = 1 << 20;

impl Engine<'_> {
    /// Evaluates a sub-select for each row.
    pub(super) fn correlated(
        &mut self,
        of: &Correlated,
        scalar: &Scalar,
        rows: &Rows,
    ) -> anyhow::Result<Array> {
        let found = self.shared(&of.relation)?;
        let mut keys = Vec::with_capacity(of.keys.len());
        for (at, key) in of.keys.iter().enumerate() {
            let of_rows = self.column(key, rows)?;
            keys.push(found.column(at)?.with(&of_rows)?);
        }
        let codes = Codes::of(
            &keys.iter().collect::<Vec<_>>(),
            found.height + rows.height,
            Nulls::Unequal,
        );
        let (of_found, of_rows) = codes.of.split_at(found.height);
        let buckets = Buckets::of(of_found, codes.count);
        match &of.asked {
            Asked::Exists => {
                let exists = of_rows
                    .iter()
                    .map(|&code| Some(!buckets.rows(code).is_empty()));
                Ok(Array::of_booleans(exists.collect()))
            }
            Asked::ExistsWhere(values, condition) => {
                let mut arrays = Vec::with_capacity(values.len());
                for value in values {
                    arrays.push(Some(self.column(value, rows)?));
                }
                let values = Rows::new(rows.height, arrays);
                let mut partners = vec![false; found.width()];
                partners[of.keys.len()..].fill(true);
                let found = found.only(&partners);
                let exists = self.keeping(condition, &values, &found, of_rows, &buckets)?;
                Ok(Array::of_booleans(exists.into_iter().map(Some).collect()))
            }
            Asked::Value(of_none) => {
                let value = found.column(of.keys.len())?;
                let none = self.column(of_none, &Rows::new(1, Vec::new()))?;
                let mut places = Vec::with_capacity(rows.height);
                for &code in of_rows {
                    places.push(match buckets.rows(code) {
                        [] => value.len() as u32,
                        [only] => *only,
                        several => {
                            let count = several.len();
                            let why = format!(
                                "a sub-select that stands for one value gives {count} rows"
                            );
                            return Err(self.refused(scalar, &why));
                        }
                    });
                }
                let places = IdxCa::from_iter(places.into_iter().map(Some));
                value.with(&none)?.take(&places)
            }
        }
    }

    /// Whether each pair of a row and a partner meets a condition over the row's values followed by the partner's.
    fn keeping(
        &mut self,
        condition: &Scalar,
        rows: &Rows,
        partners: &Rows,
        codes: &[u32],
        buckets: &Buckets,
    ) -> anyhow::Result<Vec<bool>> {
        let mut keeps = vec![false; rows.height];
        let mut next = 0;
        while next < codes.len() {
            self.cancel.check()?;
            let (mut own, mut others) = (Vec::new(), Vec::new());
            while next < codes.len() && own.len() < BLOCK_PAIRS {
                for &partner in buckets.rows(codes[next]) {
                    own.push(next as u32);
                    others.push(partner);
                }
                next += 1;
            }
            let pairs = rows.take(&own)?.beside(partners.take(&others)?);
            for (row, is_kept) in own.iter().zip(self.truths(condition, &pairs)?) {
                keeps[*row as usize] |= is_kept;
            }
        }
        Ok(keeps)
    }
}
