//! Windows: values of each row's partition, in an order.

use std::ops::Range;

use polars::prelude::IdxCa;

use super::accumulate::{Input, State};
use super::array::Array;
use super::codes::{Codes, Nulls};
use super::order::Keys;
use super::relation::Engine;
use super::rows::Rows;
use crate::model::tree::{Frame, Relation, Window, WindowFunction};

impl Engine<'_> {
    /// The columns of the input, and one for each window.
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

    /// What a window that cannot be computed is to the user.
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
                    let run = running(&input, part, &order, window.frame, is_kept, &mut states);
                    run.map_err(|why| self.refused_window(window, &why))?;
                }
                let results = input.results(&states);
                results.map_err(|why| self.refused_window(window, &why))
            }
            WindowFunction::Lag(_) | WindowFunction::First | WindowFunction::Last => {
                let Some(values) = values else {
                    anyhow::bail!("a window lacks its argument");
                };
                // Of the values, or behind them of the defaults.
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

/// An aggregate of the rows of a partition up to the end of each row's frame.
fn running(
    input: &Input,
    part: &[u32],
    order: &Keys,
    frame: Frame,
    is_kept: impl Fn(u32) -> bool,
    states: &mut [State],
) -> Result<(), String> {
    if let Frame::Rows(first, last) = frame {
        for (at, &row) in part.iter().enumerate() {
            let state = &mut states[row as usize];
            for &other in &part[moved(part, at, first, last)] {
                if is_kept(other) {
                    input.add(state, other as usize)?;
                }
            }
        }
        return Ok(());
    }
    let mut state = input.empty();
    let mut start = 0;
    while start < part.len() {
        let end = match frame {
            Frame::Whole => part.len(),
            Frame::ToPeers => end_of_peers(part, order, start),
            Frame::ToRow | Frame::Rows(..) => start + 1,
        };
        for &row in part[start..end].iter().filter(|&&row| is_kept(row)) {
            input.add(&mut state, row as usize)?;
        }
        part[start..end]
            .iter()
            .for_each(|&row| states[row as usize] = state);
        start = end;
    }
    Ok(())
}

/// The rows of a partition that the one at a place sees, of a frame that moves.
fn moved(part: &[u32], at: usize, first: i64, last: i64) -> Range<usize> {
    let within = |place: i64| place.clamp(0, part.len() as i64) as usize;
    let start = within(at as i64 + first);
    start..within(at as i64 + last + 1).max(start)
}

/// Behind the last row that the order doesn't tell apart from the one at `start`.
fn end_of_peers(part: &[u32], order: &Keys, start: usize) -> usize {
    let is_peer = |row: &&u32| order.compare(part[start] as usize, **row as usize).is_eq();
    start + part[start..].iter().take_while(is_peer).count()
}

/// The rows whose values the rows of a partition have.
fn positions(
    window: &Window,
    part: &[u32],
    order: &Keys,
    behind: Option<u32>,
    places: &mut [Option<u32>],
) {
    let (mut start, mut end) = (0, 0);
    for (at, &row) in part.iter().enumerate() {
        match window.frame {
            Frame::Rows(first, last) => {
                let seen = moved(part, at, first, last);
                (start, end) = (seen.start, seen.end);
            }
            Frame::Whole => end = part.len(),
            Frame::ToRow => end = at + 1,
            Frame::ToPeers if at == end => end = end_of_peers(part, order, at),
            Frame::ToPeers => {}
        }
        places[row as usize] = match window.function {
            WindowFunction::Lag(step) => {
                let from = usize::try_from(at as i64 - step)
                    .ok()
                    .and_then(|from| part.get(from));
                from.copied().or_else(|| behind.map(|behind| behind + row))
            }
            WindowFunction::First => part[start..end].first().copied(),
            _ => part[start..end].last().copied(),
        };
    }
}

/// Numbers the rows of a partition.
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

/// The part, counted from 1, that a row belongs to where so many rows are dealt out to so many parts, the first ones one
/// row larger where they don't divide.
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
