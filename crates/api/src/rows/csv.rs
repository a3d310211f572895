//! Turns CSV into rows, by what `dataset.toml` says of the table's files, as `load` does.

use loader::request::CsvRows;
use values::value::Value;

use crate::problem::Problem;
use crate::rows::batch::{Batch, BatchBuilder, RowText};
use crate::rows::count::too_many;
use crate::table::ServedTable;

/// A batch, with the records that it was made from.
pub(crate) struct CsvBatch {
    pub(crate) batch: Batch,
    pub(crate) rows: CsvRows,
}

/// Judges the records of CSV.
///
/// # Errors
/// A problem for bytes that are not rows of the table, and for too many rows.
pub(crate) fn records(
    bytes: Vec<u8>,
    table: &ServedTable,
    most: usize,
) -> Result<CsvBatch, Problem> {
    let rows = CsvRows::read("the body", bytes, &table.target)
        .map_err(|error| Problem::bad("not-csv", format!("{error:#}")))?;
    if rows.len() > most {
        return Err(too_many(most));
    }
    let columns = &table.target.columns;
    let places: Vec<Option<usize>> = columns
        .iter()
        .map(|column| rows.columns().iter().position(|name| *name == column.name))
        .collect();
    let absent = |place: &usize| places[*place].is_none() && table.filled[*place];
    let defaults: Vec<u16> = (0..columns.len())
        .filter(absent)
        .map(|place| place as u16)
        .collect();
    let mut batch = BatchBuilder::new(table);
    for index in 0..rows.len() {
        let raw = RowText {
            start: index,
            end: index,
        };
        match rows.row(index) {
            (None, broken) => batch.not_a_row(broken, raw),
            (Some(values), broken) => {
                let value = |place: &Option<usize>| match place {
                    Some(place) => values[*place].clone(),
                    None => Value::Null,
                };
                let values: Vec<Value<'_>> = places.iter().map(value).collect();
                batch.row(&values, defaults.clone(), broken, raw);
            }
        }
    }
    let batch = batch.finish();
    Ok(CsvBatch { batch, rows })
}
