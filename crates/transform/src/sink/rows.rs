//! The rows of an output as CSV.
//!
//! What many rows of the output take from one row of a source (the client's name, the card's number) is
//! encoded once for each row of the source, and copied from there.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use database::Cancel;
use dataset::Model;
use dataset::failure::Kind;
use tracing::field::Empty;

use super::cells::{Cells, write_text};
use crate::output::{MISSING, Output, Taken};

/// Columns of a source are encoded ahead if the output takes each of its rows so many times on average.
const WORTH_ENCODING_AHEAD: usize = 2;

/// One column of the output. What is written, summed and ordered by is the same cells.
#[derive(Clone)]
pub(super) struct Field {
    pub(super) cells: Arc<Cells>,
    /// Which of the output's sources it belongs to.
    pub(super) source: usize,
}

/// All columns of the output by name.
pub(super) fn fields(output: &Output) -> anyhow::Result<Vec<(String, Field)>> {
    let fields = output.columns.iter().map(|column| {
        let field = Field {
            cells: Arc::new(Cells::of(&column.values)?),
            source: column.source,
        };
        Ok((column.name.clone(), field))
    });
    fields.collect()
}

/// Columns that follow each other in the file.
enum Segment {
    /// One column, encoded row by row.
    Field(Field),
    /// Columns of one source, encoded ahead with the commas between them.
    Encoded {
        source: usize,
        text: Vec<u8>,
        /// Where each row of the source ends; the last is that of a row that is missing.
        ends: Vec<usize>,
    },
}

/// An output, ready to be encoded.
pub(super) struct Rows {
    pub(super) header: Vec<u8>,
    segments: Vec<Segment>,
    /// The columns that are summed, by their name in the output.
    pub(super) summed: Vec<(String, Field)>,
    sources: Vec<Taken>,
    pub(super) rows: usize,
    pub(super) cancel: Cancel,
    pub(super) span: tracing::Span,
    encoded: AtomicU64,
}

impl Rows {
    /// The rows of an output, whose columns are `fields`.
    pub(super) fn new(
        model: &Model,
        fields: Vec<(String, Field)>,
        output: Output,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        if output.rows >= MISSING as usize {
            return Err(Kind::Refused.error(format!(
                "model `{}` gives {} rows; one run takes up to {MISSING}",
                model.name, output.rows
            )));
        }
        let mut header = Vec::new();
        let mut summed = Vec::new();
        let mut visible: Vec<Vec<Field>> = Vec::new();
        for (name, field) in fields {
            let mut sums = model
                .driving
                .iter()
                .flat_map(|driving| driving.sums.values());
            if sums.any(|summed| *summed == name) {
                summed.push((name.clone(), field.clone()));
            }
            if model.hidden.contains(&name) {
                continue;
            }
            if !visible.is_empty() {
                header.push(b',');
            }
            write_text(&name, &mut header);
            match visible.last_mut() {
                Some(run) if run[0].source == field.source => run.push(field),
                _ => visible.push(vec![field]),
            }
        }
        header.push(b'\n');
        let rows = output.rows;
        let segments = visible
            .into_iter()
            .flat_map(|run| segments(run, &output.sources, rows))
            .collect();
        Ok(Self {
            header,
            segments,
            summed,
            sources: output.sources,
            rows,
            cancel: cancel.clone(),
            span: tracing::info_span!(
                "write",
                model = model.name,
                rows_total = rows as u64,
                rows = Empty
            ),
            encoded: AtomicU64::new(0),
        })
    }

    /// Which rows of a source the output takes.
    pub(super) fn taken(&self, source: usize) -> &Taken {
        &self.sources[source]
    }

    /// Appends rows and returns their sums, in the order of `summed`.
    pub(super) fn encode(
        &self,
        rows: impl ExactSizeIterator<Item = usize>,
        out: &mut Vec<u8>,
    ) -> Vec<i128> {
        let mut sums = vec![0; self.summed.len()];
        let count = rows.len() as u64;
        for row in rows {
            for (index, segment) in self.segments.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                match segment {
                    Segment::Field(field) => {
                        if let Some(row) = self.sources[field.source].row(row) {
                            field.cells.write_field(row, out);
                        }
                    }
                    Segment::Encoded { source, text, ends } => {
                        let row = self.sources[*source].row(row).unwrap_or(ends.len() - 1);
                        out.extend_from_slice(&text[encoded_range(ends, row)]);
                    }
                }
            }
            out.push(b'\n');
            for (sum, (_, field)) in sums.iter_mut().zip(&self.summed) {
                let row = self.sources[field.source].row(row);
                *sum += row.and_then(|row| field.cells.unscaled(row)).unwrap_or(0);
            }
        }
        let encoded = self.encoded.fetch_add(count, Ordering::Relaxed) + count;
        self.span.record("rows", encoded);
        sums
    }
}

fn encoded_range(ends: &[usize], row: usize) -> Range<usize> {
    let start = match row {
        0 => 0,
        row => ends[row - 1],
    };
    start..ends[row]
}

/// Columns of one source that follow each other: as one segment, encoded ahead, if that is worth it.
fn segments(run: Vec<Field>, sources: &[Taken], rows: usize) -> Vec<Segment> {
    let source = run[0].source;
    let height = run[0].cells.len();
    let shared = matches!(sources[source], Taken::Rows(_));
    if !shared || rows < height * WORTH_ENCODING_AHEAD {
        return run.into_iter().map(Segment::Field).collect();
    }
    let mut text = Vec::new();
    let mut ends = Vec::with_capacity(height + 1);
    for row in 0..=height {
        for (index, field) in run.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            if row < height {
                field.cells.write_field(row, &mut text);
            }
        }
        ends.push(text.len());
    }
    vec![Segment::Encoded { source, text, ends }]
}
