//! Rows of a request: their values encoded column by column, their keys, and the rules that each breaks by itself.

use std::collections::HashMap;

use database::copy::write::RowEncoder;
use loader::rules::key::{Key, KeyClass};
use loader::rules::row::half_null;
use values::rule::Violation;
use values::value::Value;

use crate::table::ServedTable;

/// The indices of the columns for which a row has no value, so that the database fills them.
pub(crate) type Defaults = Box<[u16]>;

/// A row of a request.
#[derive(Debug, Clone)]
pub(crate) struct BatchRow {
    /// Whether the row has values at all; if not, it is judged no further.
    pub(crate) is_row: bool,
    /// The index of the row's list of columns without a value, among the lists of the batch.
    pub(crate) defaults: usize,
    /// The rules that the row breaks by itself.
    pub(crate) broken: Vec<Violation>,
    /// The row's unique keys, in the order of the table's, and after them the keys of its own table that it refers to.
    pub(crate) keys: Vec<Key>,
    /// The place of the row's text in the body, if the row broke a rule.
    pub(crate) raw: RowText,
}

/// Where the text of a row is in the body.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowText {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A column's values as elements of a binary array, with the end of each.
#[derive(Debug, Default)]
pub(crate) struct ColumnValues {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ends: Vec<u32>,
}

impl ColumnValues {
    /// The element for a row.
    pub(crate) fn element(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start as usize..self.ends[row] as usize]
    }
}

/// The rows of a request.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<BatchRow>,
    /// The values of all rows, by column.
    pub(crate) columns: Vec<ColumnValues>,
    /// The different lists of columns without a value that rows have.
    pub(crate) defaults: Vec<Defaults>,
}

impl Batch {
    /// Joins several batches of one table into one.
    pub(crate) fn joined<'b>(batches: impl Iterator<Item = &'b Batch> + Clone) -> Self {
        let columns = batches
            .clone()
            .next()
            .map_or(0, |batch| batch.columns.len());
        let mut joined = Self {
            rows: Vec::new(),
            columns: (0..columns).map(|_| ColumnValues::default()).collect(),
            defaults: Vec::new(),
        };
        for batch in batches {
            for (all, column) in joined.columns.iter_mut().zip(&batch.columns) {
                let before = all.bytes.len() as u32;
                all.bytes.extend_from_slice(&column.bytes);
                all.ends.extend(column.ends.iter().map(|end| before + end));
            }
            let places: Vec<usize> = batch
                .defaults
                .iter()
                .map(|defaults| {
                    let known = joined.defaults.iter().position(|known| known == defaults);
                    known.unwrap_or_else(|| {
                        joined.defaults.push(defaults.clone());
                        joined.defaults.len() - 1
                    })
                })
                .collect();
            joined.rows.extend(batch.rows.iter().map(|row| BatchRow {
                defaults: places.get(row.defaults).copied().unwrap_or_default(),
                ..row.clone()
            }));
        }
        joined
    }
}

/// Builds a batch, row by row.
pub(crate) struct BatchBuilder<'t> {
    table: &'t ServedTable,
    rows: Vec<BatchRow>,
    encoders: Vec<(RowEncoder, Vec<u32>)>,
    defaults: Vec<Defaults>,
    known: HashMap<Defaults, usize>,
    buffer: Vec<u8>,
}

impl<'t> BatchBuilder<'t> {
    /// A builder of a batch for a table, without rows yet.
    pub(crate) fn new(table: &'t ServedTable) -> Self {
        let columns = table.target.columns.len();
        Self {
            table,
            rows: Vec::new(),
            encoders: (0..columns).map(|_| Default::default()).collect(),
            defaults: Vec::new(),
            known: HashMap::new(),
            buffer: Vec::new(),
        }
    }

    /// The table that the rows are for.
    pub(crate) fn table(&self) -> &'t ServedTable {
        self.table
    }

    /// How many rows were added so far.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a row with a value for each of the table's columns. Values that break a rule, and those that the database fills, are
    /// NULL.
    pub(crate) fn row(
        &mut self,
        values: &[Value<'_>],
        defaults: Vec<u16>,
        broken: Vec<Violation>,
        raw: RowText,
    ) {
        // A broken value may contain a NUL character, which the server takes nowhere.
        let value = |place: usize| values[place].without_nul();
        for (place, (encoder, ends)) in self.encoders.iter_mut().enumerate() {
            value(place).encode(encoder);
            ends.push(encoder.bytes().len() as u32);
        }
        let buffer = &mut self.buffer;
        let mut key = |columns: &[usize], classes: &[KeyClass]| {
            let values = columns.iter().map(|place| value(*place));
            Key::of(values.zip(classes.iter().copied()), buffer)
        };
        let unique = self.table.unique.iter().map(|unique| {
            let classes = &self.table.target.unique[unique.index].name.classes;
            key(&unique.columns, classes)
        });
        let mut keys: Vec<Key> = unique.collect();
        for own in &self.table.own_parents {
            let classes = &self.table.target.references[own.reference].parent.classes;
            keys.push(key(&own.columns, classes));
        }
        let known = self.known.entry(defaults.into_boxed_slice());
        let place = *known.or_insert_with_key(|defaults| {
            self.defaults.push(defaults.clone());
            self.defaults.len() - 1
        });
        self.rows.push(BatchRow {
            is_row: true,
            defaults: place,
            broken,
            keys,
            raw,
        });
    }

    /// Adds something that is not a row, with the reason.
    pub(crate) fn not_a_row(&mut self, broken: Vec<Violation>, raw: RowText) {
        for (encoder, ends) in &mut self.encoders {
            encoder.null();
            ends.push(encoder.bytes().len() as u32);
        }
        self.rows.push(BatchRow {
            is_row: false,
            defaults: 0,
            broken,
            keys: Vec::new(),
            raw,
        });
    }

    /// Finishes the batch.
    pub(crate) fn finish(self) -> Batch {
        let columns = self.encoders.into_iter().map(|(mut encoder, ends)| {
            let bytes = encoder.take(Vec::new());
            ColumnValues { bytes, ends }
        });
        Batch {
            rows: self.rows,
            columns: columns.collect(),
            defaults: self.defaults,
        }
    }
}

/// The references of a row of which some columns are NULL and others are not, as broken rules.
pub(crate) fn half_nulls(table: &ServedTable, values: &[Value<'_>]) -> Vec<Violation> {
    let full = table.references.iter().filter(|reference| {
        let of_target = &table.target.references[reference.index];
        of_target.match_full
    });
    full.filter_map(|reference| {
        let nulls = reference
            .columns
            .iter()
            .filter(|place| values[**place].is_null());
        let names = reference.columns.iter();
        let names = names.map(|place| &*table.target.columns[*place].name);
        half_null(&names.collect::<Vec<_>>(), nulls.count())
    })
    .collect()
}
