//! The columns of models that declare none: their SELECTs give them.

use anyhow::Context;
use database::{Cancel, Environment, Settings, catalogue, transaction};
use dataset::{ColumnType, Dataset, TableSchema};

use crate::check::verify;
use crate::completed::completed;
use crate::engine::route::{self, Route};
use crate::extract::tables::Source;
use crate::model::catalog::Catalog;
use crate::model::check_select;
use crate::model::projection::Needed;
use crate::model::select::Select;
use crate::model::types::Type;
use crate::options::{Engine, Options};

/// The columns of an output, in order.
pub(crate) type Columns = Vec<(String, ColumnType)>;

/// The options with each check that is a SELECT turned into a model of its own; `None` if there is no such check.
pub(crate) fn with_checks_apart(options: &Options) -> Option<Options> {
    let dataset = check_select::apart(&options.dataset)?;
    Some(Options {
        dataset,
        ..options.clone()
    })
}

/// The options with all tables that models read and the columns of all models; `None` if dataset.toml says all of it.
///
/// # Errors
/// Any error of a run before it reads a row.
pub(crate) fn declared(
    source: &Source<'_>,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Option<Options>> {
    let completed = completed(source, options, cancel)?;
    let options = completed.as_ref().unwrap_or(options);
    let models = &options.dataset.models;
    if models.iter().all(|model| !model.columns.is_empty()) {
        return Ok(completed);
    }
    let mut open = options.clone();
    open.dataset
        .keep_models_where(|model| model.columns.is_empty());
    // What an output is does not depend on the engine that is asked for.
    if matches!(open.engine, Engine::Postgres | Engine::Spark) {
        open.engine = Engine::Auto;
    }
    let given = of_selects(source, &open, cancel)?;
    let mut options = options.clone();
    let models = options.dataset.models.iter_mut();
    let open = models.filter(|model| model.columns.is_empty());
    for (model, columns) in open.zip(given) {
        model.declare(columns)?;
    }
    Ok(Some(options))
}

impl verify::Source {
    /// The source with the columns of models that declare none, as their SELECTs give them over the tables of a database.
    ///
    /// # Errors
    /// Any error of a run before it reads a row.
    pub fn declared(
        self,
        settings: &Settings,
        environment: &Environment,
        cancel: &Cancel,
    ) -> anyhow::Result<Self> {
        let options = Options::of_models(self.dataset.clone(), Some(&self.schema), environment);
        let tables = Source::Database(settings);
        let dataset = match declared(&tables, &options, cancel)? {
            Some(declared) => declared.dataset,
            None => options.dataset,
        };
        Ok(Self { dataset, ..self })
    }
}

fn of_selects(
    source: &Source<'_>,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Vec<Columns>> {
    let selects = route::parse(options)?;
    let routes = source.routes(&selects, options, cancel)?;
    let (in_polars, in_postgres) = route::by_engine(&selects, &routes);
    let needed = Needed(&in_polars);
    let tables: Vec<TableSchema> = match source {
        _ if in_polars.is_empty() => Vec::new(),
        Source::Database(settings) => {
            let (dataset, schema) = (&options.dataset, &options.schema);
            let tables = live_tables(needed, settings, dataset, schema, cancel)?;
            tables.into_iter().map(|table| table.schema).collect()
        }
        Source::Layer(layer) => {
            let tables = layer.tables(&needed.of(&options.dataset))?;
            tables.into_iter().map(|table| table.schema).collect()
        }
    };
    let catalog = Catalog::of(tables.iter());
    let mut of_postgres = Vec::new();
    if !in_postgres.is_empty() {
        let engine = source.prepare(&in_postgres, options, cancel)?;
        for select in &in_postgres {
            of_postgres.push(engine.given(select.model)?);
        }
        engine.end()?;
    }
    let mut of_postgres = of_postgres.into_iter();
    let routed = selects.iter().zip(&routes);
    let columns = routed.map(|(select, route)| match route {
        Route::Polars => given(select, &catalog),
        Route::Postgres(_) => of_postgres.next().context("a model was described"),
    });
    columns.collect()
}

/// The columns that a SELECT gives over tables, whatever the dataset declares.
///
/// # Errors
/// As [`Select::resolved`].
pub(crate) fn given(select: &Select<'_>, catalog: &Catalog) -> anyhow::Result<Columns> {
    let resolved = select.resolved(catalog)?.resolved;
    let columns = resolved.columns.into_iter().enumerate();
    let columns = columns.map(|(place, column)| {
        let kind = match column.kind {
            // A table's column keeps its precision; a computed value has none.
            Type::Numeric(_) => {
                let origin = resolved.relation.origin(place);
                origin.and_then(|(table, column)| catalog.carried(table, column))
            }
            _ => None,
        };
        let kind = kind.or_else(|| column.kind.declared());
        Ok((column.name, kind.context("a column has no type")?))
    });
    columns.collect()
}

/// The tables of a database that models need, with the columns that they need.
pub(crate) fn live_tables(
    needed: Needed<'_>,
    settings: &Settings,
    dataset: &Dataset,
    schema: &str,
    cancel: &Cancel,
) -> anyhow::Result<Vec<catalogue::LiveTable>> {
    let mut connection = settings.connect(cancel)?;
    let wanted = |table: &str, column: &str| needed.has(table, column);
    transaction::reading(&mut connection, |client| {
        catalogue::read(client, &needed.of(dataset), schema, &wanted)
    })
}
