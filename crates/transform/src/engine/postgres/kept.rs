//! Copies rows that a raw layer kept into the tables of a scratch database.
//!
//! They go in Postgres's binary format, like results that are written back. A column that was cast to text when it was read from
//! the source is parsed again by its own type; a table with such a column goes in the text format as a whole.

use anyhow::Context;
use database::copy::write::{BLOCK_BYTES, CopyIn, RowEncoder, RowForm};
use database::mirror::Shapes;
use database::{Cancel, Settings};
use dataset::failure::{Kind, OrFail};
use dataset::{Column, ColumnType};
use polars::prelude::DataFrame;
use tracing::field::Empty;

use crate::frame_types::data_type;
use crate::sink::Cells;
use crate::sink::postgres::copy::encode;
use crate::stage::StagedTable;

/// How many bytes a row takes in a table besides its values, for its header and its pointer.
const ROW_BYTES: u64 = 28;

/// How many bytes a table takes in a database, roughly.
pub(super) fn table_bytes(table: &StagedTable) -> u64 {
    table.memory_bytes + table.rows() * ROW_BYTES
}

/// Checks that the layer kept the values of these columns exactly as in the source, without any loss.
///
/// # Errors
/// [`Kind::Mismatch`] with a column for which that is not so, and the way out.
pub(super) fn check(
    shapes: &Shapes,
    table: &StagedTable,
    columns: &[String],
) -> anyhow::Result<()> {
    let name = &table.schema.name;
    for column in kept(table, columns)? {
        if let Some(why) = shapes.lost(name, column) {
            let way_out = match column.cast_to_text {
                true => "take it out of",
                false => "list it under",
            };
            return Err(Kind::Mismatch.error(format!(
                "column `{}` of table `{name}` is kept as {}, which {why}: a model that needs it cannot run in the scratch \
                 database from there; {way_out} `cast_to_text` of the table in dataset.toml and stage again, or run the \
                 model from the database",
                column.name, column.kind
            )));
        }
    }
    Ok(())
}

/// Fills these columns of the table that was made for a table of the layer. Gives the number of rows.
///
/// # Errors
/// Any error of the scratch database, whose disk may be full; [`Kind::Refused`] if a file of the layer cannot be read.
pub(super) fn fill(
    shapes: &Shapes,
    table: &StagedTable,
    columns: &[String],
    scratch: &Settings,
    cancel: &Cancel,
) -> anyhow::Result<u64> {
    let name = &table.schema.name;
    let kept = kept(table, columns)?;
    let form = match kept.iter().any(|column| column.cast_to_text) {
        true => RowForm::Text,
        false => RowForm::Binary,
    };
    let span = tracing::info_span!(
        "copy out",
        table = name,
        rows_total = table.rows(),
        rows = Empty
    );
    let _entered = span.enter();
    let filled = shapes.fill_with(name, columns, form, scratch, cancel, |copy| {
        let mut encoder = RowEncoder::default();
        let mut sent = 0;
        for rows in table.chunks(columns.to_vec()) {
            let rows = rows?;
            send(copy, &mut encoder, &rows, &kept, form, cancel)?;
            sent += rows.height() as u64;
            span.record("rows", sent);
        }
        Ok(())
    });
    filled.with_context(|| format!("table `{name}`"))
}

/// The columns of the layer's table with these names.
fn kept<'t>(table: &'t StagedTable, columns: &[String]) -> anyhow::Result<Vec<&'t Column>> {
    let all = &table.schema.columns;
    let column = |name: &String| {
        let found = all.iter().find(|column| column.name == *name);
        found.with_context(|| format!("column `{name}` was kept"))
    };
    columns.iter().map(column).collect()
}

fn send(
    copy: &mut CopyIn<'_>,
    encoder: &mut RowEncoder,
    rows: &DataFrame,
    columns: &[&Column],
    form: RowForm,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let mut cells = Vec::new();
    for column in columns {
        let values = rows.column(&column.name)?;
        cells.push(match column.kind {
            // A layer keeps all integers with 64 bits.
            kind @ (ColumnType::SmallInt | ColumnType::Integer) => {
                Cells::of(&values.strict_cast(&data_type(kind))?)?
            }
            _ => Cells::of(values)?,
        });
    }
    let fields = i16::try_from(columns.len())?;
    let mut text = Vec::new();
    let mut waiting = 0;
    for row in 0..rows.height() {
        match form {
            RowForm::Binary => {
                encoder.row(fields);
                for (cells, column) in cells.iter().zip(columns) {
                    encode(encoder, cells, row, column.kind).or_fail(Kind::Refused, || {
                        format!(
                            "a value of column `{}` is not of type {}",
                            column.name, column.kind
                        )
                    })?;
                }
            }
            RowForm::Text => {
                for (at, cells) in cells.iter().enumerate() {
                    let end = match at + 1 == columns.len() {
                        true => b'\n',
                        false => b'\t',
                    };
                    text.clear();
                    cells.write_plain(row, &mut text);
                    let value = (!cells.is_null(row)).then(|| str::from_utf8(&text));
                    encoder.text_field(value.transpose()?, end);
                }
            }
        }
        waiting += 1;
        if encoder.bytes().len() >= BLOCK_BYTES || row + 1 == rows.height() {
            cancel.check()?;
            copy.send(encoder.bytes(), waiting)?;
            encoder.clear();
            waiting = 0;
        }
    }
    Ok(())
}
