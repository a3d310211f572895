//! Runs a resolved SELECT over tables in memory, part by part, each with only the columns that are needed.

use std::collections::HashMap;
use std::sync::Arc;

use database::Cancel;
use dataset::Model;
use dataset::failure::Kind;

use super::array::Array;
use super::codes::{Codes, Nulls};
use super::order::Keys;
use super::rows::Rows;
use super::tables::Tables;
use crate::model::refusal::Refusal;
use crate::model::tree::{Place, Relation, Scalar, SetOperation, SortKey};

/// The message where equal numerics cannot be put together.
pub(super) const SHOWN_APART: &str = "equal numerics have different numbers of digits after the point, and it is not known \
     which of them Postgres would show: cast them to numeric(p,s), or round them";

/// Runs the SELECT of a model.
pub(super) struct Engine<'a> {
    pub(super) model: &'a Model,
    pub(super) tables: &'a Tables,
    /// How many bytes of memory the rows of any part may take.
    pub(super) limit_bytes: u64,
    pub(super) cancel: &'a Cancel,
    /// The rows of parts that several others share, by the address of the part.
    pub(super) computed: HashMap<usize, Rows>,
}

impl Engine<'_> {
    /// The rows of a relation, with only the columns that are needed.
    pub(super) fn rows(&mut self, relation: &Relation, needed: &[bool]) -> anyhow::Result<Rows> {
        self.cancel.check()?;
        match relation {
            Relation::One => Ok(Rows::new(1, Vec::new())),
            Relation::Values(rows) => self.values(rows),
            Relation::Table { name, columns } => self.table(name, columns, needed),
            Relation::Shared(relation) => Ok(self.shared(relation)?.only(needed)),
            Relation::Filter { input, condition } => {
                let mut wanted = needed.to_vec();
                condition.needs(&mut wanted);
                let rows = self.rows(input, &wanted)?;
                let is_true = self.truths(condition, &rows)?;
                let kept: Vec<u32> = (0..)
                    .zip(is_true)
                    .filter_map(|(row, kept)| kept.then_some(row))
                    .collect();
                rows.only(needed).take(&kept)
            }
            Relation::Project { input, columns } => self.projected(input, columns, needed),
            Relation::Reordered { input, places } => {
                let mut wanted = vec![false; input.width()];
                let needed_places = places.iter().zip(needed).filter(|(_, needed)| **needed);
                needed_places.for_each(|(&place, _)| wanted[place] = true);
                Ok(self.rows(input, &wanted)?.reordered(places))
            }
            Relation::Join(join) => self.joined(join, needed),
            Relation::Aggregate {
                input,
                keys,
                aggregates,
            } => self.grouped(input, keys, aggregates),
            Relation::Window { input, windows } => self.windowed(input, windows, needed),
            Relation::Distinct(input) => {
                let rows = self.whole(input)?;
                let codes = self.codes_of_shown(&rows)?;
                rows.only(needed).take(&codes.first_rows())
            }
            Relation::Set {
                operation,
                all,
                left,
                right,
            } => self.combined(*operation, *all, left, right, needed),
            Relation::Sort { input, keys } => {
                let mut wanted = needed.to_vec();
                keys.iter().for_each(|key| key.value.needs(&mut wanted));
                let rows = self.rows(input, &wanted)?;
                let order = self.order(keys, &rows)?;
                let mut sorted: Vec<u32> = (0..rows.height as u32).collect();
                order.sort(&mut sorted);
                rows.only(needed).take(&sorted)
            }
            Relation::Limit {
                input,
                limit,
                offset,
            } => {
                let rows = self.rows(input, needed)?;
                let height = rows.height as u64;
                let start = (*offset).min(height);
                let end = limit.map_or(height, |limit| start.saturating_add(limit).min(height));
                rows.take(&(start as u32..end as u32).collect::<Vec<_>>())
            }
        }
    }

    /// The rows of a relation with all columns.
    pub(super) fn whole(&mut self, relation: &Relation) -> anyhow::Result<Rows> {
        self.rows(relation, &vec![true; relation.width()])
    }

    /// The rows of a relation that several parts may need. They are computed once.
    pub(super) fn shared(&mut self, relation: &Arc<Relation>) -> anyhow::Result<Rows> {
        let at = Arc::as_ptr(relation) as usize;
        if let Some(rows) = self.computed.get(&at) {
            return Ok(rows.clone());
        }
        let rows = self.whole(relation)?;
        self.computed.insert(at, rows.clone());
        Ok(rows)
    }

    /// Computes the keys of an order for these rows.
    pub(super) fn order(&mut self, keys: &[SortKey], rows: &Rows) -> anyhow::Result<Keys> {
        let mut order = Keys::new();
        for key in keys {
            order.push(
                &self.column(&key.value, rows)?,
                key.descending,
                key.nulls_first,
            );
        }
        Ok(order)
    }

    /// Checks that this many rows fit into memory.
    ///
    /// # Errors
    /// [`Kind::Refused`] with the number of rows.
    pub(super) fn check_rows(&self, count: u64, row_bytes: u64) -> anyhow::Result<()> {
        let bytes = u128::from(count) * u128::from(row_bytes + 8);
        if bytes <= u128::from(self.limit_bytes) && count < u64::from(u32::MAX) {
            return Ok(());
        }
        Err(Kind::Refused.error(format!(
            "{}: {} joins to {count} rows, which would take {} MB of memory, but --memory allows it {} MB: join by more \
             columns, or allow more",
            self.model.file,
            self.model.it(),
            bytes >> 20,
            self.limit_bytes >> 20
        )))
    }

    /// The error for a value that cannot be computed.
    pub(super) fn refused(&self, scalar: &Scalar, why: &str) -> anyhow::Error {
        Refusal::at(scalar.at, why).of_data(self.model)
    }

    /// Numbers rows where one row is shown for all that are equal to it.
    ///
    /// # Errors
    /// [`Kind::Refused`] if it is open which of the equal rows that is.
    fn codes_of_shown(&self, rows: &Rows) -> anyhow::Result<Codes> {
        let columns = rows.all()?;
        let codes = Codes::of(&columns, rows.height, Nulls::Equal);
        match codes.shown_apart(&columns) {
            None => Ok(codes),
            Some(_) => Err(Refusal::at(Place::default(), SHOWN_APART).of_data(self.model)),
        }
    }

    fn values(&mut self, values: &[Vec<Scalar>]) -> anyhow::Result<Rows> {
        let one = Rows::new(1, Vec::new());
        let mut whole = Rows::new(0, Vec::new());
        for row in values {
            let mut arrays = Vec::with_capacity(row.len());
            for value in row {
                arrays.push(Some(self.column(value, &one)?));
            }
            let row = Rows::new(1, arrays);
            whole = match whole.height {
                0 => row,
                _ => whole.above(&row)?,
            };
        }
        Ok(whole)
    }

    fn table(&mut self, name: &str, columns: &[String], needed: &[bool]) -> anyhow::Result<Rows> {
        let frame = self.tables.get(name)?;
        let mut arrays = Vec::with_capacity(columns.len());
        for (column, needed) in columns.iter().zip(needed) {
            arrays.push(match needed {
                true => Some(Array::of(frame.column(column)?.as_materialized_series())?),
                false => None,
            });
        }
        Ok(Rows::new(frame.height(), arrays))
    }

    fn projected(
        &mut self,
        input: &Relation,
        columns: &[Scalar],
        needed: &[bool],
    ) -> anyhow::Result<Rows> {
        let mut wanted = vec![false; input.width()];
        let mut computed = columns.iter().zip(needed).filter(|(_, needed)| **needed);
        computed
            .by_ref()
            .for_each(|(column, _)| column.needs(&mut wanted));
        let rows = self.rows(input, &wanted)?;
        let mut arrays = Vec::with_capacity(columns.len());
        for (column, needed) in columns.iter().zip(needed) {
            arrays.push(match needed {
                true => Some(self.column(column, &rows)?),
                false => None,
            });
        }
        Ok(Rows::new(rows.height, arrays))
    }

    fn combined(
        &mut self,
        operation: SetOperation,
        all: bool,
        left: &Relation,
        right: &Relation,
        needed: &[bool],
    ) -> anyhow::Result<Rows> {
        if operation == SetOperation::Union && all {
            let (one, other) = (self.rows(left, needed)?, self.rows(right, needed)?);
            self.check_rows((one.height + other.height) as u64, one.row_bytes())?;
            return one.above(&other);
        }
        let (one, other) = (self.whole(left)?, self.whole(right)?);
        let both = one.above(&other)?;
        let codes = self.codes_of_shown(&both)?;
        if operation == SetOperation::Union {
            return both.only(needed).take(&codes.first_rows());
        }
        let (of_left, of_right) = codes.of.split_at(one.height);
        let mut counts = vec![0_u64; codes.count];
        of_right.iter().for_each(|&code| counts[code as usize] += 1);
        let mut kept = Vec::new();
        let mut is_given = vec![false; codes.count];
        for (row, &code) in (0..).zip(of_left) {
            let count = &mut counts[code as usize];
            let is_there = *count > 0;
            if all {
                // Each row of the right side cancels one row of the left.
                *count = count.saturating_sub(1);
            }
            let is_wanted = is_there == (operation == SetOperation::Intersect);
            let is_new = all || !std::mem::replace(&mut is_given[code as usize], true);
            if is_wanted && is_new {
                kept.push(row);
            }
        }
        one.only(needed).take(&kept)
    }
}
