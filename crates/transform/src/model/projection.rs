//! Finds the tables and columns that the models of a run need; only these are read from the server.

use dataset::failure::Kind;
use dataset::{Dataset, TableSchema, did_you_mean};

use crate::model::catalog::Catalog;
use crate::model::numerics;
use crate::model::select::{Ready, Select};

/// The models of a run, whose needs decide what is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needed<'a>(pub(crate) &'a [&'a Select<'a>]);

/// A copy of the dataset in which no table's column is decoded.
pub(crate) fn undecoded(dataset: &Dataset) -> Dataset {
    let mut dataset = dataset.clone();
    for table in &mut dataset.tables {
        table.as_is = table.key.clone();
    }
    dataset
}

impl Needed<'_> {
    /// Whether some model needs a column.
    pub(crate) fn has(&self, table: &str, column: &str) -> bool {
        self.0.iter().any(|select| select.reads(table, column))
    }

    /// The dataset with the numerics that the models imply for columns of its tables.
    pub(crate) fn with_numerics(&self, dataset: &Dataset) -> Dataset {
        let mut dataset = dataset.clone();
        for table in &mut dataset.tables {
            let reading = self.0.iter().filter(|of| of.reads_table(&table.name));
            for (column, kind) in reading.flat_map(|select| select.numerics()) {
                numerics::widen(&mut table.carried_by_models, column, *kind);
            }
        }
        dataset
    }

    /// The dataset with only the tables that some model needs.
    pub(crate) fn of(&self, dataset: &Dataset) -> Dataset {
        let mut needed = self.with_numerics(dataset);
        needed
            .tables
            .retain(|table| self.0.iter().any(|select| select.reads_table(&table.name)));
        needed
    }

    /// Keeps the columns that are needed. If none is, it keeps the first, by which the rows are counted.
    pub(crate) fn keep(&self, schema: &mut TableSchema) {
        let (table, first) = (schema.name.clone(), schema.columns.first().cloned());
        let all = std::mem::take(&mut schema.columns).into_iter();
        let (kept, others): (Vec<_>, Vec<_>) =
            all.partition(|column| self.has(&table, &column.name));
        schema.columns = kept;
        schema
            .unread
            .extend(others.into_iter().map(|column| column.name));
        if schema.columns.is_empty() {
            schema.columns.extend(first);
        }
    }

    /// Resolves every name and type of the models' SELECTs over these tables.
    ///
    /// # Errors
    /// As [`Select::ready`]; [`Kind::Mismatch`] for a column that a table doesn't have.
    pub(crate) fn ready<'a>(
        &self,
        tables: impl Iterator<Item = &'a TableSchema>,
    ) -> anyhow::Result<Vec<Ready>> {
        let tables: Vec<_> = tables.collect();
        self.check(&tables)?;
        // A `*` means the columns that are there when the model runs, but a raw layer has more.
        let mut kept: Vec<TableSchema> = tables.into_iter().cloned().collect();
        kept.iter_mut().for_each(|table| self.keep(table));
        let catalog = Catalog::of(kept.iter());
        self.0.iter().map(|select| select.ready(&catalog)).collect()
    }

    /// Checks that tables have the columns that models name together with their table.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] naming the first missing column; [`Kind::Usage`] if the table is not one of the dataset's.
    pub(crate) fn check(&self, tables: &[&TableSchema]) -> anyhow::Result<()> {
        for (table, column) in self.0.iter().flat_map(|select| select.named_columns()) {
            let found = tables.iter().find(|schema| schema.name == table);
            let Some(found) = found else {
                return Err(Kind::Usage.error(format!(
                    "a model reads table `{table}`, which dataset.toml does not list"
                )));
            };
            if !found.columns.iter().any(|live| live.name == column) {
                let names = found.columns.iter().map(|column| &column.name);
                let names = names.chain(&found.unread).map(String::as_str);
                return Err(Kind::Mismatch.error(format!(
                    "column `{column}` is missing in table `{table}`{}",
                    did_you_mean(column, names)
                )));
            }
        }
        Ok(())
    }
}
