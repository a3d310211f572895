//! Runs a streamed model over a table that doesn't fit in memory, in ranges of the output's order that do.
//!
//! The output is the same to the byte as if everything had been in memory. If the table already lies in that order, its rows are
//! cut into ranges as they come. Otherwise the rows are first distributed to a file for each range, whose bounds come from a sample
//! of all rows (a sample sort). Rows with equal keys are told apart by their position, so no range can outgrow its share however
//! many there are.

use std::cmp::Ordering;
use std::fs;
use std::path::PathBuf;

use database::Cancel;
use dataset::Model;
use dataset::failure::{Kind, OrFail};
use polars::prelude::{DataFrame, IdxCa, PlSmallStr};
use rayon::prelude::*;

use super::stream::Stream;
use crate::check::left_out::{Counted, Kept};
use crate::frame_types::empty_frame;
use crate::memory::Shares;
use crate::sink::parquet::{Compression, ParquetFile, ParquetOptions};
use crate::sink::{KeyRows, SortKeys, Writer};
use crate::stage::{StagedTable, read_rows};
use storage::file::OpenFile;

/// How many ranges there may be. Each has a file open while rows are distributed.
const MOST_RANGES: u64 = 200;
/// How many rows of the sample there are for each range, which makes a range a few per cent larger or smaller than its share.
const SAMPLED_PER_RANGE: u64 = 256;

/// A streamed model and its streamed table.
pub(crate) struct Ranges<'a> {
    pub(crate) model: &'a Model,
    pub(crate) stream: &'a Stream<'a>,
    pub(crate) table: &'a StagedTable,
    pub(crate) keys: SortKeys,
    pub(crate) shares: Shares,
    /// A folder for the files of the ranges, which this makes.
    pub(crate) scratch: PathBuf,
    pub(crate) cancel: &'a Cancel,
}

/// What was found out about the order of the table's rows.
enum Survey {
    InOrder,
    /// The rows are in another order. The splitters are the keys at which ranges begin.
    Splitters(Splitters),
}

impl Ranges<'_> {
    /// Writes the output range by range.
    ///
    /// # Errors
    /// [`Kind::Refused`] if the memory allowed demands more ranges than files may be open; any error of the writer.
    pub(crate) fn write(&self, writer: &mut Writer<'_>) -> anyhow::Result<Option<Counted>> {
        let share = self.shares.range();
        let ranges = self.table.memory_bytes.div_ceil(share).max(1);
        if ranges > MOST_RANGES {
            return Err(Kind::Refused.error(format!(
                "table `{}` takes {} MB; with --memory of {} MB it would be {ranges} ranges, more than {MOST_RANGES}: \
                 allow more memory",
                self.table.schema.name,
                self.table.memory_bytes >> 20,
                self.shares.all() >> 20
            )));
        }
        // This also makes the header of an output without rows.
        writer.append(
            self.stream
                .apply(&empty_frame(&self.table.schema.columns)?)?,
        )?;
        match self.survey(ranges)? {
            Survey::InOrder => {
                tracing::debug!(model = self.model.name, "the rows lie in order");
                self.write_in_order(writer)
            }
            Survey::Splitters(splitters) => {
                tracing::debug!(model = self.model.name, ranges, "dealing the rows out");
                fs::create_dir_all(&self.scratch).or_fail(Kind::Output, || {
                    format!("cannot create {}", self.scratch.display())
                })?;
                let counted = self.deal(&splitters)?;
                for range in 0..=splitters.len() {
                    self.cancel.check()?;
                    let path = self.file(range);
                    if !path.exists() {
                        continue;
                    }
                    let rows = read_rows(&path, None, 0, usize::MAX)?;
                    fs::remove_file(&path)
                        .or_fail(Kind::Output, || format!("cannot delete {}", path.display()))?;
                    writer.append(self.stream.apply(&rows)?)?;
                }
                Ok(counted)
            }
        }
    }

    fn file(&self, range: usize) -> PathBuf {
        self.scratch.join(format!("range-{range}"))
    }

    /// Reads the keys of all rows, to see whether they are in order and where ranges begin.
    fn survey(&self, ranges: u64) -> anyhow::Result<Survey> {
        let names: Vec<&str> = self.keys.names().collect();
        if names.is_empty() {
            return Ok(Survey::InOrder);
        }
        let stride = (self.table.rows() / (ranges * SAMPLED_PER_RANGE)).max(1) as usize;
        let mut in_order = true;
        let mut last: Option<KeyRows> = None;
        let mut sample: Option<DataFrame> = None;
        let mut places = Vec::new();
        let mut place = 0;
        for chunk in self.table.chunks(self.stream.needs(&names)) {
            self.cancel.check()?;
            let rows = self.keys.rows(self.stream.apply(&chunk?)?)?;
            let Some(end) = rows.len().checked_sub(1) else {
                continue;
            };
            in_order = in_order
                && last
                    .as_ref()
                    .is_none_or(|last| last.compare(0, &rows, 0).is_le())
                && (1..rows.len())
                    .into_par_iter()
                    .all(|row| rows.compare(row - 1, &rows, row).is_le());
            let sampled: Vec<usize> = (0..rows.len())
                .filter(|row| (place + row) % stride == 0)
                .collect();
            let keys = rows.frame(&sampled)?;
            match &mut sample {
                Some(sample) => {
                    sample.vstack_mut_owned(keys)?;
                }
                none => *none = Some(keys),
            }
            places.extend(sampled.into_iter().map(|row| place + row));
            place += rows.len();
            last = Some(rows.like(rows.frame(&[end])?)?);
        }
        match (in_order, last, sample) {
            (false, Some(last), Some(sample)) => Ok(Survey::Splitters(Splitters::of(
                &last.like(sample)?,
                &places,
                ranges,
            )?)),
            _ => Ok(Survey::InOrder),
        }
    }

    fn write_in_order(&self, writer: &mut Writer<'_>) -> anyhow::Result<Option<Counted>> {
        let mut counting = self.counting()?;
        let mut waiting: Option<DataFrame> = None;
        for chunk in self.table.chunks(self.table.columns()) {
            self.cancel.check()?;
            let chunk = chunk?;
            counting.count(&chunk)?;
            let rows = match waiting.take() {
                Some(mut rows) => {
                    rows.vstack_mut_owned(chunk)?;
                    rows
                }
                None => chunk,
            };
            if rows.height() as u64 * self.table.row_bytes() < self.shares.range() {
                waiting = Some(rows);
            } else {
                writer.append(self.stream.apply(&rows)?)?;
            }
        }
        if let Some(rows) = waiting {
            writer.append(self.stream.apply(&rows)?)?;
        }
        Ok(counting.counted)
    }

    /// Distributes the rows to the files of their ranges.
    fn deal(&self, splitters: &Splitters) -> anyhow::Result<Option<Counted>> {
        let mut counting = self.counting()?;
        let mut files: Vec<Option<ParquetFile>> = (0..=splitters.len()).map(|_| None).collect();
        // The rows of all files that wait to become row groups may together take a range's share of memory.
        let row_bytes = self.table.row_bytes() * files.len() as u64;
        let options = ParquetOptions {
            compression: Compression::Lz4,
            row_group_rows: (self.shares.range() / row_bytes).max(256) as usize,
            parallel: true,
        };
        let mut place = 0;
        for chunk in self.table.chunks(self.table.columns()) {
            self.cancel.check()?;
            let chunk = chunk?;
            counting.count(&chunk)?;
            let rows = self.keys.rows(self.stream.apply(&chunk)?)?;
            let ranges: Vec<usize> = (0..rows.len())
                .into_par_iter()
                .map(|row| splitters.range_of(&rows, row, place + row))
                .collect();
            let mut dealt: Vec<Vec<u32>> = vec![Vec::new(); files.len()];
            for (row, range) in ranges.into_iter().enumerate() {
                // The first source of the output is the streamed table.
                dealt[range].extend(rows.first_source_row(row).map(|row| row as u32));
            }
            place += rows.len();
            for (range, rows) in dealt.into_iter().enumerate() {
                if rows.is_empty() {
                    continue;
                }
                let rows = chunk.take(&IdxCa::from_vec(PlSmallStr::EMPTY, rows))?;
                let file = match &mut files[range] {
                    Some(file) => file,
                    none => none.insert(ParquetFile::new(
                        OpenFile::create(&self.file(range).into())?,
                        rows.schema(),
                        options,
                    )),
                };
                file.append(rows)?;
            }
        }
        for file in files.into_iter().flatten() {
            file.finish()?;
        }
        Ok(counting.counted)
    }

    fn counting(&self) -> anyhow::Result<Counting<'_>> {
        let kept = Kept::Parents(self.stream.parents()?);
        let counted = match &self.model.driving {
            None => None,
            Some(driving) => {
                let none = empty_frame(&self.table.schema.columns)?;
                Some(Counted::of(driving, &kept, &none)?)
            }
        };
        Ok(Counting {
            model: self.model,
            kept,
            counted,
        })
    }
}

/// Counts the rows of the driving table chunk by chunk.
struct Counting<'a> {
    model: &'a Model,
    kept: Kept,
    counted: Option<Counted>,
}

impl Counting<'_> {
    fn count(&mut self, chunk: &DataFrame) -> anyhow::Result<()> {
        if let (Some(driving), Some(counted)) = (&self.model.driving, &mut self.counted) {
            counted.add(&Counted::of(driving, &self.kept, chunk)?)?;
        }
        Ok(())
    }
}

/// The bounds of ranges: keys with the position of their row, in order.
struct Splitters {
    keys: KeyRows,
    places: Vec<usize>,
}

impl Splitters {
    /// Chooses the keys that divide a sample into ranges of equal size.
    fn of(sample: &KeyRows, places: &[usize], ranges: u64) -> anyhow::Result<Self> {
        let mut order: Vec<usize> = (0..sample.len()).collect();
        order.par_sort_unstable_by(|a, b| {
            sample
                .compare(*a, sample, *b)
                .then(places[*a].cmp(&places[*b]))
        });
        let ranges = ranges as usize;
        let mut chosen: Vec<usize> = (1..ranges)
            .map(|range| order[range * order.len() / ranges])
            .collect();
        chosen.dedup();
        Ok(Self {
            keys: sample.like(sample.frame(&chosen)?)?,
            places: chosen.into_iter().map(|row| places[row]).collect(),
        })
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    /// The number of a row's range: how many splitters it doesn't come before.
    fn range_of(&self, rows: &KeyRows, row: usize, place: usize) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = (low + high) / 2;
            let order = self
                .keys
                .compare(middle, rows, row)
                .then(self.places[middle].cmp(&place));
            match order {
                Ordering::Greater => high = middle,
                _ => low = middle + 1,
            }
        }
        low
    }
}
