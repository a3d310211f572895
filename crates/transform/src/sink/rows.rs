//! The rows of an output, and blocks of them as text or as frames.
//!
//! If many rows of the output take values from the same row of a source (the client's name, the card's number), these are encoded
//! once for each row of the source, and copied from there.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use database::Cancel;
use dataset::Model;
use dataset::failure::Kind;
use polars::prelude::{Column, DataFrame, IdxCa, NewChunkedArray, PlSmallStr, Schema};
use rayon::prelude::*;
use tracing::field::Empty;

use super::cells::Cells;
use super::encode::{Encode, Standard};
use super::encoding::Encoding;
use super::written::Written;
use crate::engine::output::{MISSING, Output, OutputColumn, Taken};
use crate::file_name::FileName;
use crate::options::Options;
use storage::manifest::FileEntry;

/// How many bytes a buffer holds before it is written out.
pub(super) const BUFFER_BYTES: usize = 1 << 20;
/// How many rows a thread encodes at a time; each thread has two such blocks.
pub(super) const BLOCK_ROWS: usize = 1 << 13;

/// Columns of a source are encoded ahead if the output takes each of its rows this many times on average.
const WORTH_ENCODING_AHEAD: usize = 2;

/// A column of the output. The same cells are written, summed and used for ordering.
#[derive(Clone)]
pub(super) struct Field {
    /// The values in one piece of memory; `cells` shares its buffers.
    pub(super) values: Column,
    pub(super) cells: Arc<Cells>,
    /// The number of the source that the column belongs to.
    pub(super) source: usize,
}

impl Field {
    pub(super) fn of(column: &OutputColumn) -> anyhow::Result<Self> {
        Self::of_values(&column.values, column.source)
    }

    pub(super) fn of_values(values: &Column, source: usize) -> anyhow::Result<Self> {
        let values = Column::from(values.as_materialized_series().rechunk());
        Ok(Self {
            cells: Arc::new(Cells::of(&values)?),
            values,
            source,
        })
    }
}

/// Adjacent columns of the file.
enum Segment {
    /// A column that is encoded row by row.
    Field { number: usize, field: Field },
    /// Columns of one source, encoded ahead together with what comes between them.
    Ahead {
        /// The number of the first column.
        number: usize,
        source: usize,
        ahead: Arc<Ahead>,
    },
}

/// The rows of a source, encoded as text.
struct Ahead {
    text: Vec<u8>,
    /// Where the text of each row of the source ends; the last entry is for a missing row.
    ends: Vec<usize>,
}

impl Ahead {
    /// Encodes the columns of `run` ahead. `first` is the number of the first one; what comes before it is left out.
    fn of(run: &[Field], first: usize, encoder: &impl Encode) -> Self {
        let height = run[0].cells.len();
        let mut text = Vec::new();
        let mut ends = Vec::with_capacity(height + 1);
        for row in 0..=height {
            for (number, field) in (first..).zip(run) {
                if number > first {
                    encoder.before(number, &mut text);
                }
                let row = (row < height).then_some(row);
                encoder.field(number, &field.cells, row, &mut text);
            }
            ends.push(text.len());
        }
        Self { text, ends }
    }

    fn row(&self, row: Option<usize>) -> &[u8] {
        let row = row.unwrap_or(self.ends.len() - 1);
        let start = match row {
            0 => 0,
            row => self.ends[row - 1],
        };
        &self.text[start..self.ends[row]]
    }
}

/// What all outputs of a model's run share: their columns, and all sources but the first.
pub(super) struct Shape<'a> {
    pub(super) model: &'a Model,
    pub(super) options: &'a Options,
    encoding: Arc<Encoding>,
    /// The pattern for the names of files, if they are not named by their folders.
    pub(super) file_name: Option<FileName>,
    pub(super) cancel: &'a Cancel,
    pub(super) span: tracing::Span,
    /// How many rows there will be, roughly.
    expected_rows: usize,
    encoded: AtomicU64,
    /// The fields by column; `None` for those of the first source. This is empty before the first output.
    fields: Vec<Option<Field>>,
    /// The texts encoded ahead, for each run of visible columns of one source.
    ahead: Vec<Option<Arc<Ahead>>>,
}

impl<'a> Shape<'a> {
    pub(super) fn new(
        model: &'a Model,
        options: &'a Options,
        expected_rows: usize,
        cancel: &'a Cancel,
    ) -> Self {
        Self {
            model,
            options,
            encoding: Arc::new(Encoding::of(options, model)),
            file_name: options.layout.file_name(model),
            cancel,
            span: tracing::info_span!(
                "write",
                model = model.name,
                rows_total = expected_rows as u64,
                rows = Empty
            ),
            expected_rows,
            encoded: AtomicU64::new(0),
            fields: Vec::new(),
            ahead: Vec::new(),
        }
    }

    /// Prepares the next output for writing.
    ///
    /// # Errors
    /// [`Kind::Refused`] if it has more rows than row numbers allow.
    pub(super) fn rows(&mut self, output: Output) -> anyhow::Result<Rows> {
        if output.rows >= MISSING as usize {
            return Err(Kind::Refused.error(format!(
                "{} gives {} rows; one run takes up to {MISSING}",
                self.model.called(),
                output.rows
            )));
        }
        let fields = output
            .columns
            .into_par_iter()
            .enumerate()
            .map(|(index, column)| {
                // The blocks in which a column came are freed as soon as the column is in one piece.
                let field = match self.fields.get(index) {
                    Some(Some(field)) => field.clone(),
                    _ => Field::of(&column)?,
                };
                Ok((column.name, field))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        if self.fields.is_empty() {
            let shared = |field: &Field| (field.source > 0).then(|| field.clone());
            self.fields = fields.iter().map(|(_, field)| shared(field)).collect();
        }
        let visible: Vec<usize> = (0..fields.len())
            .filter(|index| !self.model.hidden.contains(&fields[*index].0))
            .collect();
        let summed = self.summed_columns();
        let summed = summed
            .filter_map(|name| fields.iter().find(|(field, _)| field == name))
            .map(|(_, field)| field.clone())
            .collect();
        let encoding = Arc::clone(&self.encoding);
        let written = || visible.iter().map(|index| &fields[*index]);
        // Text gets the names and types of columns from the model, so the output must have the same.
        let declared = self.model.visible_columns().map(|(name, _)| name);
        anyhow::ensure!(
            written().map(|(name, _)| name).eq(declared),
            "model `{}` gives other columns than it declares",
            self.model.name
        );
        let segments = match &*encoding {
            Encoding::Standard => self.segments(written(), &Standard),
            Encoding::InDialect(encoder) => self.segments(written(), encoder),
            Encoding::JsonLines(encoder) => self.segments(written(), encoder),
            Encoding::Frames => Vec::new(),
        };
        Ok(Rows {
            header: encoding.header(written().map(|(name, _)| name.as_str())),
            encoding,
            visible,
            fields,
            segments,
            summed,
            sources: output.sources,
            rows: output.rows,
        })
    }

    /// The columns of the output that are summed.
    fn summed_columns(&self) -> impl Iterator<Item = &'a String> {
        let driving = self.model.driving.iter();
        driving.flat_map(|driving| driving.sums.values())
    }

    /// How many columns are summed.
    pub(super) fn summed(&self) -> usize {
        self.summed_columns().count()
    }

    pub(super) fn written(&self, files: Vec<FileEntry>, sums: &[i128]) -> Written {
        let names = self.summed_columns().cloned();
        Written {
            rows: files.iter().map(|file| file.rows).sum(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            sums: names.zip(sums.iter().copied()).collect(),
            files,
            checks: Vec::new(),
        }
    }

    /// Divides the columns into segments: adjacent columns of one source are one segment, encoded ahead, if that is worth it.
    fn segments<'f>(
        &mut self,
        visible: impl Iterator<Item = &'f (String, Field)>,
        encoder: &impl Encode,
    ) -> Vec<Segment> {
        let mut runs: Vec<(usize, Vec<Field>)> = Vec::new();
        for (number, (_, field)) in visible.enumerate() {
            match runs.last_mut() {
                Some((_, run)) if run[0].source == field.source => run.push(field.clone()),
                _ => runs.push((number, vec![field.clone()])),
            }
        }
        if self.ahead.is_empty() {
            let worth = |run: &[Field]| {
                run[0].source > 0 && self.expected_rows >= run[0].cells.len() * WORTH_ENCODING_AHEAD
            };
            self.ahead = runs
                .iter()
                .map(|(first, run)| worth(run).then(|| Arc::new(Ahead::of(run, *first, encoder))))
                .collect();
        }
        let mut segments = Vec::new();
        for ((first, run), ahead) in runs.into_iter().zip(&self.ahead) {
            match ahead {
                Some(ahead) => segments.push(Segment::Ahead {
                    number: first,
                    source: run[0].source,
                    ahead: ahead.clone(),
                }),
                None => {
                    let fields = (first..).zip(run);
                    segments.extend(fields.map(|(number, field)| Segment::Field { number, field }));
                }
            }
        }
        segments
    }
}

/// Some rows in encoded form.
pub(super) enum Block {
    /// Rows as text.
    Text(Vec<u8>),
    /// Rows as a frame, with the buffer, which was not needed.
    Frame(DataFrame, Vec<u8>),
}

/// An output, ready to be encoded.
pub(super) struct Rows {
    fields: Vec<(String, Field)>,
    /// The positions in `fields` of the columns that are written.
    visible: Vec<usize>,
    encoding: Arc<Encoding>,
    header: Vec<u8>,
    segments: Vec<Segment>,
    /// The columns that are summed.
    summed: Vec<Field>,
    sources: Vec<Taken>,
    pub(super) rows: usize,
}

impl Rows {
    /// All columns of the output by name.
    pub(super) fn fields(&self) -> &[(String, Field)] {
        &self.fields
    }

    fn written_fields(&self) -> impl Iterator<Item = &(String, Field)> {
        self.visible.iter().map(|index| &self.fields[*index])
    }

    /// The beginning of a file: for CSV, the line of names.
    pub(super) fn header(&self) -> &[u8] {
        &self.header
    }

    /// The columns that are written, with their types.
    pub(super) fn schema(&self) -> Schema {
        self.written_fields()
            .map(|(name, field)| {
                (
                    PlSmallStr::from(name.as_str()),
                    field.values.dtype().clone(),
                )
            })
            .collect()
    }

    /// The rows of a source that the output takes.
    pub(super) fn taken(&self, source: usize) -> &Taken {
        &self.sources[source]
    }

    /// Appends rows to `buffer`, or gives them as a frame; also gives their sums.
    pub(super) fn block(
        &self,
        shape: &Shape<'_>,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
        mut buffer: Vec<u8>,
    ) -> anyhow::Result<(Block, Vec<i128>)> {
        let mut sums = vec![0; self.summed.len()];
        let count = rows.len() as u64;
        let block = match &*self.encoding {
            Encoding::Standard => {
                self.text(&Standard, rows, &mut buffer, &mut sums);
                Block::Text(buffer)
            }
            Encoding::InDialect(encoder) => {
                self.text(encoder, rows, &mut buffer, &mut sums);
                Block::Text(buffer)
            }
            Encoding::JsonLines(encoder) => {
                self.text(encoder, rows, &mut buffer, &mut sums);
                Block::Text(buffer)
            }
            Encoding::Frames => {
                rows.clone().for_each(|row| self.add(row, &mut sums));
                Block::Frame(self.frame(rows)?, buffer)
            }
        };
        let encoded = shape.encoded.fetch_add(count, Ordering::Relaxed) + count;
        shape.span.record("rows", encoded);
        Ok((block, sums))
    }

    /// Appends rows as text, and adds them to the sums.
    fn text(
        &self,
        encoder: &impl Encode,
        rows: impl Iterator<Item = usize>,
        out: &mut Vec<u8>,
        sums: &mut [i128],
    ) {
        for row in rows {
            self.encode(encoder, row, out);
            self.add(row, sums);
        }
    }

    fn encode(&self, encoder: &impl Encode, row: usize, out: &mut Vec<u8>) {
        for segment in &self.segments {
            match segment {
                Segment::Field { number, field } => {
                    encoder.before(*number, out);
                    let row = self.sources[field.source].row(row);
                    encoder.field(*number, &field.cells, row, out);
                }
                Segment::Ahead {
                    number,
                    source,
                    ahead,
                } => {
                    encoder.before(*number, out);
                    out.extend_from_slice(ahead.row(self.sources[*source].row(row)));
                }
            }
        }
        encoder.end(out);
    }

    fn add(&self, row: usize, sums: &mut [i128]) {
        for (sum, field) in sums.iter_mut().zip(&self.summed) {
            let row = self.sources[field.source].row(row);
            let amount = row.and_then(|row| field.cells.unscaled(row));
            *sum = sum.wrapping_add(amount.unwrap_or(0));
        }
    }

    /// Some rows as a frame, with the columns that are written.
    fn frame(
        &self,
        rows: impl ExactSizeIterator<Item = usize> + Clone,
    ) -> anyhow::Result<DataFrame> {
        let height = rows.len();
        let mut taken: Vec<Option<IdxCa>> = vec![None; self.sources.len()];
        let columns = self
            .written_fields()
            .map(|(name, field)| {
                let taken = taken[field.source]
                    .get_or_insert_with(|| row_numbers(self.taken(field.source), rows.clone()));
                let column = field.values.take(taken)?;
                Ok(column.with_name(name.as_str().into()))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(DataFrame::new(height, columns)?)
    }
}

/// The numbers of a source's rows that rows of the output take; NULL for a missing one.
pub(super) fn row_numbers(taken: &Taken, rows: impl Iterator<Item = usize>) -> IdxCa {
    let numbers = rows.map(|row| taken.row(row).map(|row| row as u32));
    IdxCa::from_iter_options(PlSmallStr::EMPTY, numbers)
}

/// Row numbers as an iterator, just as `Range<usize>` is one for adjacent rows.
pub(super) fn positions(order: &[u32]) -> impl ExactSizeIterator<Item = usize> + Clone {
    order.iter().map(|row| *row as usize)
}

/// Splits `0..rows` into blocks of at most `size` rows.
pub(super) fn block_range(rows: usize, size: usize, index: usize) -> Range<usize> {
    let start = index * size;
    start..rows.min(start + size)
}
