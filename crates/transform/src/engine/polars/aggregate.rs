//! Groups rows and computes their aggregates.

use super::accumulate::{Input, State};
use super::codes::{Codes, Nulls};
use super::relation::{Engine, SHOWN_APART};
use super::rows::Rows;
use crate::model::tree::{Aggregate, AggregateFunction, Relation, Scalar};

impl Engine<'_> {
    /// Computes the keys and aggregates of groups. Without keys there is one group, even if there are no rows.
    pub(super) fn grouped(
        &mut self,
        input: &Relation,
        keys: &[Scalar],
        aggregates: &[Aggregate],
    ) -> anyhow::Result<Rows> {
        let mut needed = vec![false; input.width()];
        for scalar in keys.iter().chain(
            aggregates
                .iter()
                .flat_map(|of| of.argument.iter().chain(&of.filter)),
        ) {
            scalar.needs(&mut needed);
        }
        let rows = self.rows(input, &needed)?;
        let mut arrays = Vec::with_capacity(keys.len() + aggregates.len());
        for key in keys {
            arrays.push(self.column(key, &rows)?);
        }
        let by: Vec<_> = arrays.iter().collect();
        let groups = Codes::of(&by, rows.height, Nulls::Equal);
        if let Some(at) = groups.shown_apart(&by) {
            return Err(self.refused(&keys[at], SHOWN_APART));
        }
        let count = if keys.is_empty() { 1 } else { groups.count };
        let first = groups.first_rows();
        let keys = Rows::new(rows.height, arrays.into_iter().map(Some).collect());
        let keys = match keys.width() {
            0 => Rows::new(1, Vec::new()),
            _ => keys.take(&first)?,
        };
        let mut results = Vec::with_capacity(aggregates.len());
        for aggregate in aggregates {
            results.push(Some(self.aggregated(aggregate, &rows, &groups.of, count)?));
        }
        Ok(keys.beside(Rows::new(count, results)))
    }

    fn aggregated(
        &mut self,
        aggregate: &Aggregate,
        rows: &Rows,
        groups: &[u32],
        count: usize,
    ) -> anyhow::Result<super::array::Array> {
        let argument = aggregate.argument.as_ref();
        let is_kept = aggregate
            .filter
            .as_ref()
            .map(|filter| self.truths(filter, rows))
            .transpose()?;
        let is_kept = |row: usize| is_kept.as_ref().is_none_or(|is_kept| is_kept[row]);
        // As in Postgres, the argument is computed for these rows only.
        let kept: Vec<u32> = (0..rows.height as u32)
            .filter(|&row| is_kept(row as usize))
            .collect();
        let values = match argument {
            None => None,
            Some(argument) if kept.len() == rows.height => Some(self.column(argument, rows)?),
            Some(argument) => {
                let mut needed = vec![false; rows.width()];
                argument.needs(&mut needed);
                Some(self.column(argument, &rows.only(&needed).take(&kept)?)?)
            }
        };
        let kinds = argument.map(|argument| &argument.kind);
        let input = Input::of(aggregate.function, &aggregate.kind, values.zip(kinds))?;
        let mut states: Vec<State> = vec![input.empty(); count];
        let refused = |engine: &Self, why: &str| match argument {
            Some(argument) => engine.refused(argument, why),
            None => anyhow::anyhow!("{why}"),
        };
        let first_of_value = match (aggregate.distinct, input.values()) {
            (true, Some(values)) => {
                let of_kept: Vec<Option<i64>> = kept
                    .iter()
                    .map(|&row| Some(groups[row as usize].into()))
                    .collect();
                let groups = super::array::Array::of_integers(of_kept);
                let by = [&groups, values];
                let codes = Codes::of(&by, kept.len(), Nulls::Equal);
                let is_counted = aggregate.function == AggregateFunction::Count;
                if !is_counted && codes.shown_apart(&by).is_some() {
                    return Err(refused(self, SHOWN_APART));
                }
                let mut is_first = vec![false; kept.len()];
                codes
                    .first_rows()
                    .into_iter()
                    .for_each(|row| is_first[row as usize] = true);
                Some(is_first)
            }
            _ => None,
        };
        for (at, &row) in kept.iter().enumerate() {
            if first_of_value.as_ref().is_none_or(|is_first| is_first[at]) {
                let state = &mut states[groups[row as usize] as usize];
                input.add(state, at).map_err(|why| refused(self, &why))?;
            }
        }
        input.results(&states).map_err(|why| refused(self, &why))
    }
}
