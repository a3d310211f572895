//! Window functions: values computed from a row's partition, in an order.

use polars::prelude::IdxCa;

use super::accumulate::Input;
use super::array::Array;
use super::codes::{Codes, Nulls};
use super::frame::{aggregated, end_of_peers, seen};
use super::order::Keys;
use super::relation::Engine;
use super::rows::Rows;
use crate::model::tree::{Relation, Window, WindowFunction};

impl Engine<'_> {
    /// The columns of the input, followed by one for each window function.
    pub(super) fn windowed(
        &mut self,
        input: &Relation,
        windows: &[Window],
        needed: &[bool],
    ) -> anyhow::Result<Rows> {
        let width = input.width();
        let mut wanted = needed[..width].to_vec();
        for window in windows {
            window.parts().for_each(|part| part.needs(&mut wanted));
        }
        let rows = self.rows(input, &wanted)?;
        let mut results = Vec::with_capacity(windows.len());
        for (window, needed) in windows.iter().zip(&needed[width..]) {
            results.push(match needed {
                true => Some(self.window(window, &rows)?),
                false => None,
            });
        }
        let height = rows.height;
        Ok(rows
            .only(&needed[..width])
            .beside(Rows::new(height, results)))
    }

    /// The error for a window function that cannot be computed.
    fn refused_window(&self, window: &Window, why: &str) -> anyhow::Error {
        match &window.argument {
            Some(argument) => self.refused(argument, why),
            None => anyhow::anyhow!("{why}"),
        }
    }

    fn window(&mut self, window: &Window, rows: &Rows) -> anyhow::Result<Array> {
        let mut keys = Vec::with_capacity(window.partition.len());
        for key in &window.partition {
            keys.push(self.column(key, rows)?);
        }
        let partitions = Codes::of(&keys.iter().collect::<Vec<_>>(), rows.height, Nulls::Equal);
        let order = self.order(&window.order, rows)?;
        let mut sorted: Vec<u32> = (0..rows.height as u32).collect();
        order.sort(&mut sorted);
        sorted.sort_by_key(|&row| partitions.of[row as usize]);
        let values = window
            .argument
            .as_ref()
            .map(|argument| self.column(argument, rows))
            .transpose()?;
        let parts = sorted
            .chunk_by(|one, other| partitions.of[*one as usize] == partitions.of[*other as usize]);
        match window.function {
            WindowFunction::Aggregate(function) => {
                let kinds = window.argument.as_ref().map(|argument| &argument.kind);
                let input = Input::of(function, &window.kind, values.zip(kinds))?;
                let is_kept = window
                    .filter
                    .as_ref()
                    .map(|filter| self.truths(filter, rows))
                    .transpose()?;
                let mut states = vec![input.empty(); rows.height];
                for part in parts {
                    let is_kept =
                        |row: u32| is_kept.as_ref().is_none_or(|is_kept| is_kept[row as usize]);
                    let run = aggregated(&input, part, window.frame, &order, &is_kept, &mut states);
                    run.map_err(|why| self.refused_window(window, &why))?;
                }
                let results = input.results(&states);
                results.map_err(|why| self.refused_window(window, &why))
            }
            WindowFunction::Lag(_)
            | WindowFunction::First
            | WindowFunction::Last
            | WindowFunction::Nth(_) => {
                let Some(values) = values else {
                    anyhow::bail!("a window lacks its argument");
                };
                // These are positions of values, or, after all values, of defaults.
                let mut places: Vec<Option<u32>> = vec![None; rows.height];
                let otherwise = window
                    .otherwise
                    .as_ref()
                    .map(|otherwise| self.column(otherwise, rows))
                    .transpose()?;
                let behind = otherwise.as_ref().map(|_| rows.height as u32);
                for part in parts {
                    positions(window, part, &order, behind, &mut places);
                }
                let all = match &otherwise {
                    Some(otherwise) => values.with(otherwise)?,
                    None => values,
                };
                all.take(&IdxCa::from_iter(places))
            }
            function @ (WindowFunction::PercentRank | WindowFunction::CumeDist) => {
                let mut found = vec![None; rows.height];
                for part in parts {
                    shares(function, part, &order, &mut found);
                }
                Ok(Array::of_doubles(found))
            }
            function => {
                let mut numbers = vec![None; rows.height];
                for part in parts {
                    number(function, part, &order, &mut numbers);
                }
                Ok(Array::of_integers(numbers))
            }
        }
    }
}

/// For each row of a partition, the row whose value it gets. If LAG finds none, the row's default is at `behind` plus its number.
fn positions(
    window: &Window,
    part: &[u32],
    order: &Keys,
    behind: Option<u32>,
    places: &mut [Option<u32>],
) {
    if let WindowFunction::Lag(step) = window.function {
        for (at, &row) in part.iter().enumerate() {
            let from = usize::try_from(at as i64 - step).ok();
            let from = from.and_then(|from| part.get(from)).copied();
            places[row as usize] = from.or_else(|| behind.map(|behind| behind + row));
        }
        return;
    }
    for (&row, range) in part.iter().zip(seen(window.frame, part, order)) {
        let seen = &part[range];
        let found = match window.function {
            WindowFunction::First => seen.first(),
            WindowFunction::Nth(place) => {
                usize::try_from(place - 1).ok().and_then(|at| seen.get(at))
            }
            _ => seen.last(),
        };
        places[row as usize] = found.copied();
    }
}

/// For each row of a partition, the share of rows before it, or up to the end of its peers.
fn shares(function: WindowFunction, part: &[u32], order: &Keys, shares: &mut [Option<f64>]) {
    let mut start = 0;
    while start < part.len() {
        let end = end_of_peers(part, order, start);
        let share = match function {
            WindowFunction::CumeDist => end as f64 / part.len() as f64,
            _ if part.len() == 1 => 0.0,
            _ => start as f64 / (part.len() - 1) as f64,
        };
        part[start..end]
            .iter()
            .for_each(|&row| shares[row as usize] = Some(share));
        start = end;
    }
}

/// Numbers the rows of a partition, for ROW_NUMBER, RANK, DENSE_RANK and NTILE.
fn number(function: WindowFunction, part: &[u32], order: &Keys, numbers: &mut [Option<i64>]) {
    let (mut rank, mut dense) = (0, 0);
    let mut end = 0;
    for (at, &row) in part.iter().enumerate() {
        if at == end {
            end = end_of_peers(part, order, at);
            rank = at as i64 + 1;
            dense += 1;
        }
        numbers[row as usize] = Some(match function {
            WindowFunction::Rank => rank,
            WindowFunction::DenseRank => dense,
            WindowFunction::Tile(tiles) => tile(at as i64, part.len() as i64, tiles),
            _ => at as i64 + 1,
        });
    }
}

/// The number, from 1, of the part that a row belongs to when `rows` rows are divided into `tiles` parts. If that leaves a
/// remainder, the first parts have one row more.
fn tile(at: i64, rows: i64, tiles: i64) -> i64 {
    let (size, larger) = (rows / tiles, rows % tiles);
    let in_larger = larger * (size + 1);
    match at < in_larger {
        true => at / (size + 1) + 1,
        false => larger + (at - in_larger) / size.max(1) + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_differ_by_one_row_at_most_and_the_first_are_larger() {
        let tiles =
            |rows, tiles| -> Vec<i64> { (0..rows).map(|at| tile(at, rows, tiles)).collect() };
        assert_eq!(tiles(5, 3), [1, 1, 2, 2, 3]);
        assert_eq!(tiles(2, 3), [1, 2]);
        assert_eq!(tiles(6, 3), [1, 1, 2, 2, 3, 3]);
    }
}
