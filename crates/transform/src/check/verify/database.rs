//! The database's side of the comparison: the model to run for each output, the snapshot, and the message if the two differ.

use std::time::Instant;

use anyhow::Context;
use database::catalogue::identifier::quoted;
use database::copy::read::Blocks;
use database::snapshot::Snapshot;
use database::{Cancel, Settings};
use dataset::failure::{Failure, Kind};
use dataset::{Dataset, Model};
use tracing::field::Empty;

use super::comparison::{Comparison, Stop};
use super::output::Output;
use super::query::Query;
use super::records::Records;
use super::verified::AgainstDatabase;
use crate::model::projection::{Needed, undecoded};
use crate::model::reading;
use crate::model::select::Select;

/// Where the rows of an output came from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The tables and models.
    pub dataset: Dataset,
    /// The Postgres schema that holds the tables.
    pub schema: String,
}

impl Source {
    /// The source whose models have the parameters that the outputs were made with. Parameters that the dataset no longer declares,
    /// or whose value it doesn't accept, are left as they are: then the comparison of rows shows a difference.
    pub(super) fn with_parameters_of(&self, outputs: &[Output]) -> Self {
        let mut source = self.clone();
        let dataset = &mut source.dataset;
        for (name, value) in outputs.iter().flat_map(|output| &output.run.parameters) {
            for model in dataset.models.iter_mut().chain(&mut dataset.beside) {
                model.set(name, value);
            }
        }
        source
    }

    /// The model that made an output.
    ///
    /// # Errors
    /// [`Kind::Usage`] if the output is of another dataset, or its model is not, or no longer, in the dataset.
    pub(super) fn model_of<'a>(&'a self, output: &Output) -> anyhow::Result<&'a Model> {
        let (run, dataset) = (&output.run, &self.dataset.name);
        let unfit = |what: String| Kind::Usage.error(format!("{}: {what}", output.manifest));
        if run.dataset != *dataset {
            return Err(unfit(format!(
                "it is an output of dataset `{}`: name that, or the folder that describes it, with --dataset",
                run.dataset
            )));
        }
        let model = self
            .dataset
            .models
            .iter()
            .find(|model| model.name == run.model)
            .ok_or_else(|| unfit(format!("dataset `{dataset}` has no model `{}`", run.model)))?;
        let declared = model
            .visible_columns()
            .map(|(name, kind)| (name.clone(), kind.to_string()));
        let columns_fit = declared.eq(run.columns.iter().cloned());
        if !columns_fit || !run.partition_by.iter().all(|name| model.has_column(name)) {
            return Err(unfit(format!(
                "its columns are not those that dataset `{dataset}` now declares for model `{}`",
                run.model
            )));
        }
        Ok(model)
    }
}

/// Compares outputs with what their `models` give in Postgres, all in one snapshot.
///
/// # Errors
/// [`Kind::Check`] naming the first difference.
pub(super) fn compare(
    settings: &Settings,
    source: &Source,
    outputs: &[Output],
    models: &[&Model],
    cancel: &Cancel,
) -> anyhow::Result<Vec<AgainstDatabase>> {
    let selects = reading::all(&source.dataset, |model| Ok(Select::lenient(model)))?;
    let of_model = |model: &&Model| {
        let mut selects = selects.iter();
        selects.find(|select| select.model.name == model.name)
    };
    let selects: Vec<_> = models.iter().filter_map(of_model).collect();
    let needed = Needed(&selects);
    let wanted = |table: &str, column: &str| needed.has(table, column);
    let dataset = needed.of(&source.dataset);
    let taken = Snapshot::take(settings, &dataset, &source.schema, &wanted, cancel);
    let snapshot = match taken {
        Ok(snapshot) => {
            let tables = snapshot.tables().iter();
            needed.check(&tables.map(|table| &table.schema).collect::<Vec<_>>())?;
            snapshot
        }
        // The server runs the models, and can read columns that Polars cannot.
        Err(error) if Failure::kind_of(&error) == Some(Kind::Mismatch) => {
            let dataset = undecoded(&dataset);
            Snapshot::take(settings, &dataset, &source.schema, &|_, _| false, cancel)?
        }
        Err(error) => return Err(error),
    };
    // Tables without a schema are those of this one, whatever the role's own search path is.
    let path = format!("SET LOCAL search_path = {}", quoted(&source.schema));
    snapshot
        .connection()
        .batch_execute(&path)
        .context("naming the schema")?;
    // The models run one after the other, so the snapshot's own connection is enough.
    let reader = snapshot.reader(1, "");
    let compared = outputs
        .iter()
        .zip(&selects)
        .map(|(output, select)| {
            let began = Instant::now();
            let query = Query::of(select, &output.run.partition_by, &mut snapshot.connection())?;
            let blocks = reader.open(&query.copy, cancel)?;
            let rows = compare_one(output, &query, blocks)?;
            Ok(AgainstDatabase {
                schema: source.schema.clone(),
                snapshot: snapshot.id().to_owned(),
                rows,
                seconds: began.elapsed().as_secs_f64(),
            })
        })
        .collect::<anyhow::Result<_>>()?;
    snapshot.release()?;
    Ok(compared)
}

/// Compares one output and gives the number of its rows.
fn compare_one(output: &Output, query: &Query, blocks: Blocks) -> anyhow::Result<u64> {
    let span = tracing::info_span!(
        "compare",
        model = output.run.model,
        rows_total = output.run.rows,
        rows = Empty
    );
    let mut records = Records::new(blocks);
    let mut comparison = Comparison::new(output, query);
    let compared = comparison.run(&mut records, |rows| {
        span.record("rows", rows);
    });
    let mut rows = comparison.database_rows();
    let difference = match compared {
        Ok(()) => return Ok(rows),
        Err(Stop::Failed(error)) => return Err(error),
        Err(Stop::Different(difference)) => difference,
    };
    // The remaining rows are counted, since it is worth the wait to know whether rows are missing or only changed.
    while records.next()?.is_some() {
        rows += 1;
    }
    Err(Kind::Check.error(format!(
        "{difference}. The output has {}, the database {rows}. The tables may have changed since the output was \
         made, in run {}",
        counted(output.run.rows),
        output.run.run
    )))
}

fn counted(rows: u64) -> String {
    match rows {
        1 => "1 row".to_owned(),
        rows => format!("{rows} rows"),
    }
}
