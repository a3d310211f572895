//! Which tables and columns the models of a run need: no other leaves the server.

use dataset::failure::Kind;
use dataset::{Dataset, TableSchema, did_you_mean};

use crate::model::catalog::Catalog;
use crate::model::numerics;
use crate::model::select::{Ready, Select};

/// What the models of one run need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needed<'a>(pub(crate) &'a [&'a Select<'a>]);

/// A dataset of whose tables nothing is decoded.
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

    /// The dataset with what the models say of the numerics of its tables.
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

    /// The dataset with the tables alone that some model needs.
    pub(crate) fn of(&self, dataset: &Dataset) -> Dataset {
        let mut needed = self.with_numerics(dataset);
        needed
            .tables
            .retain(|table| self.0.iter().any(|select| select.reads_table(&table.name)));
        needed
    }

    /// Keeps the columns that are needed; of a table of which none is, the first, by which its rows are counted.
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

    /// Finds every name and type of the models' SELECTs in these tables.
    ///
    /// # Errors
    /// As [`Select::ready`]; [`Kind::Mismatch`] for a column that a table lacks.
    pub(crate) fn ready<'a>(
        &self,
        tables: impl Iterator<Item = &'a TableSchema>,
    ) -> anyhow::Result<Vec<Ready>> {
        let tables: Vec<_> = tables.collect();
        self.check(&tables)?;
        // A `*` stands for what is there when the model runs, and a raw layer has more.
        let mut kept: Vec<TableSchema> = tables.into_iter().cloned().collect();
        kept.iter_mut().for_each(|table| self.keep(table));
        let catalog = Catalog::of(kept.iter());
        self.0.iter().map(|select| select.ready(&catalog)).collect()
    }

    /// Checks that tables have the columns that models name with their table.
    ///
    /// # Errors
    /// [`Kind::Mismatch`] naming the first that is missing; [`Kind::Usage`] if the table is none of the dataset's.
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
