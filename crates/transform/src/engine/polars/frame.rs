//! The frames of window functions: which rows of its partition each row sees, and aggregates of these.

use std::ops::Range;

use super::accumulate::{Input, State};
use super::order::Keys;
use crate::model::tree::{Bound, Frame, FrameUnit};

/// The position after the last row that the order doesn't tell apart from the row at `start`.
pub(super) fn end_of_peers(part: &[u32], order: &Keys, start: usize) -> usize {
    let is_peer = |row: &&u32| order.compare(part[start] as usize, **row as usize).is_eq();
    start + part[start..].iter().take_while(is_peer).count()
}

/// For each row of a partition, the positions of the rows that it sees.
pub(super) fn seen(frame: Frame, part: &[u32], order: &Keys) -> Vec<Range<usize>> {
    // The positions where units begin, and the end of the last one.
    let mut starts = vec![0];
    while let Some(&start) = starts.last().filter(|start| **start < part.len()) {
        starts.push(match frame.unit {
            FrameUnit::Rows => start + 1,
            FrameUnit::Peers => end_of_peers(part, order, start),
        });
    }
    let units = starts.len() - 1;
    let moved = |unit: usize, by: i64| {
        let unit = (unit as i64).saturating_add(by);
        starts[unit.clamp(0, units as i64) as usize]
    };
    let mut seen = Vec::with_capacity(part.len());
    for unit in 0..units {
        let start = match frame.start {
            Bound::Unbounded => 0,
            Bound::At(by) => moved(unit, by),
        };
        let end = match frame.end {
            Bound::Unbounded => part.len(),
            Bound::At(by) => moved(unit, by.saturating_add(1)),
        };
        let range = start..end.max(start);
        seen.extend(std::iter::repeat_n(range, starts[unit + 1] - starts[unit]));
    }
    seen
}

/// For each row of a partition, an aggregate of the rows that it sees.
///
/// # Errors
/// Why a result cannot be represented.
pub(super) fn aggregated(
    input: &Input,
    part: &[u32],
    frame: Frame,
    order: &Keys,
    is_kept: &dyn Fn(u32) -> bool,
    states: &mut [State],
) -> Result<(), String> {
    let seen = seen(frame, part, order);
    let begins_anew = frame.start != Bound::Unbounded && input.depends_on_order();
    let mut sliding = Sliding {
        input,
        part,
        is_kept,
        front: Vec::new(),
        back: input.empty(),
        start: 0,
        middle: 0,
        end: 0,
    };
    for (&row, range) in part.iter().zip(seen) {
        states[row as usize] = match begins_anew {
            true => sliding.of(range)?,
            false => sliding.moved(range)?,
        };
    }
    Ok(())
}

/// Computes an aggregate over a frame whose ends never move back. As the end moves, rows are added to `back`. `front` has the
/// aggregates of the rows up to `middle`: for each, that of itself and those that follow. When the start passes `middle`, all rows
/// of the frame move to `front`. So each row is added at most twice, whatever the frame's size.
struct Sliding<'a> {
    input: &'a Input,
    part: &'a [u32],
    is_kept: &'a dyn Fn(u32) -> bool,
    /// The aggregates of the rows up to `middle`; that of the row at `start` is the last.
    front: Vec<State>,
    back: State,
    start: usize,
    middle: usize,
    end: usize,
}

impl Sliding<'_> {
    fn add(&self, state: &mut State, place: usize) -> Result<(), String> {
        let row = self.part[place];
        match (self.is_kept)(row) {
            true => self.input.add(state, row as usize),
            false => Ok(()),
        }
    }

    /// Computes the aggregate of these positions from scratch.
    fn of(&self, range: Range<usize>) -> Result<State, String> {
        let mut state = self.input.empty();
        for place in range {
            self.add(&mut state, place)?;
        }
        Ok(state)
    }

    /// The aggregate of these positions, of which neither end may be before that of the last call.
    fn moved(&mut self, range: Range<usize>) -> Result<State, String> {
        let mut back = self.back;
        for place in self.end..range.end {
            self.add(&mut back, place)?;
        }
        self.back = back;
        self.end = self.end.max(range.end);
        if range.start > self.start && range.start < self.middle {
            let left = self.middle - range.start;
            self.front.truncate(left);
        } else if range.start > self.start {
            self.front.clear();
            let mut behind = self.input.empty();
            for place in (range.start..self.end).rev() {
                behind = self.input.merged(self.of(place..place + 1)?, behind)?;
                self.front.push(behind);
            }
            self.middle = self.end;
            self.back = self.input.empty();
        }
        self.start = range.start;
        match self.front.last() {
            Some(front) => self.input.merged(*front, self.back),
            None => Ok(self.back),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::array::Array;
    use super::*;
    use crate::model::tree::AggregateFunction;
    use crate::model::types::Type;

    fn bounds() -> impl Strategy<Value = Bound> {
        prop_oneof![Just(Bound::Unbounded), (-4..5_i64).prop_map(Bound::At)]
    }

    proptest! {
        #[test]
        fn a_frame_that_slides_gives_what_its_rows_give_anew(
            values in prop::collection::vec(prop::option::of(-9..9_i64), 0..30),
            (start, end) in (bounds(), bounds()),
            (is_of_rows, is_filtered) in any::<(bool, bool)>(),
        ) {
            let unit = match is_of_rows {
                true => FrameUnit::Rows,
                false => FrameUnit::Peers,
            };
            let frame = Frame { unit, start, end };
            let rows = values.len();
            let mut order = Keys::new();
            // Every two rows are peers.
            order.push(&Array::of_integers((0..rows as i64).map(|row| Some(row / 2)).collect()), false, false);
            let part: Vec<u32> = (0..rows as u32).collect();
            let seen = seen(frame, &part, &order);
            let size = if is_of_rows { 1 } else { 2 };
            let expected = |row: usize| {
                let unit = (row / size) as i64;
                let is_seen = move |other: &usize| {
                    let other = (*other / size) as i64;
                    let is_behind = match start { Bound::Unbounded => true, Bound::At(by) => other >= unit + by };
                    is_behind && match end { Bound::Unbounded => true, Bound::At(by) => other <= unit + by }
                };
                (0..rows).filter(is_seen)
            };
            for (row, range) in seen.iter().enumerate() {
                prop_assert!(range.clone().eq(expected(row)), "{:?} of {row}", range);
            }
            let is_kept = |row: u32| !is_filtered || !row.is_multiple_of(3);
            for function in [AggregateFunction::Sum, AggregateFunction::Max, AggregateFunction::Count] {
                let argument = Array::of_integers(values.clone());
                let input = Input::of(function, &Type::BigInt, Some((argument, &Type::Integer))).unwrap();
                let mut states = vec![input.empty(); rows];
                aggregated(&input, &part, frame, &order, &is_kept, &mut states).unwrap();
                let found = input.results(&states).unwrap();
                let of = |row: usize| {
                    let kept = expected(row).filter(|row| is_kept(*row as u32));
                    let present = || kept.clone().filter_map(|row| values[row]);
                    match function {
                        AggregateFunction::Count => Some(present().count() as i64),
                        AggregateFunction::Max => present().max(),
                        _ => present().next().map(|_| present().sum()),
                    }
                };
                let Array::Integers(found) = found else { panic!("integers") };
                prop_assert_eq!(found.iter().collect::<Vec<_>>(), (0..rows).map(of).collect::<Vec<_>>());
            }
        }
    }
}
