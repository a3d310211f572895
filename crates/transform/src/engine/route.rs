//! Which engine runs each model of a run.

use database::embedded::scratch::Scratch;
use database::{Cancel, Settings, catalogue, transaction};
use dataset::failure::{Failure, Kind};

use crate::model::catalog::Catalog;
use crate::model::projection::{Needed, undecoded};
use crate::model::select::Select;
use crate::options::{Engine, Options};

/// What runs a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// Polars does.
    Polars,
    /// A scratch database does, for this reason.
    Postgres(String),
}

/// Parses models. With [`Engine::Polars`] those that cannot be parsed are refused, else they are left to Postgres.
///
/// # Errors
/// As [`Select::of`].
pub(crate) fn parse(options: &Options) -> anyhow::Result<Vec<Select<'_>>> {
    let models = options.dataset.models.iter();
    match has_postgres(options) {
        true => Ok(models.map(Select::lenient).collect()),
        false => Select::all(models),
    }
}

/// Whether models can be left to Postgres.
pub(crate) fn has_postgres(options: &Options) -> bool {
    match options.engine {
        Engine::Polars => false,
        Engine::Postgres => true,
        Engine::Auto => Scratch::is_possible(&options.environment),
    }
}

/// The route of each model, as the tables of a database are.
///
/// # Errors
/// Of the connection, and of a table that is missing; as [`Select::ready`] where Polars may not run a model and there are no
/// programs of Postgres.
pub(crate) fn of_database(
    selects: &[Select<'_>],
    settings: &Settings,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Vec<Route>> {
    match options.engine {
        Engine::Polars => return Ok(vec![Route::Polars; selects.len()]),
        Engine::Postgres => return Ok(vec![asked_for(); selects.len()]),
        Engine::Auto => {}
    }
    let is_possible = Scratch::is_possible(&options.environment);
    let mut connection = settings.connect(cancel)?;
    transaction::reading(&mut connection, |client| {
        let mut routes = Vec::new();
        for select in selects {
            let one = [select];
            let needed = Needed(&one);
            let dataset = needed.of(&options.dataset);
            // A table that is missing is missing for every engine.
            catalogue::read(client, &undecoded(&dataset), &options.schema, &|_, _| false)?;
            let wanted = |table: &str, column: &str| needed.has(table, column);
            let tables = catalogue::read(client, &dataset, &options.schema, &wanted);
            let ready =
                tables.and_then(|tables| needed.ready(tables.iter().map(|table| &table.schema)));
            routes.push(match ready {
                Ok(_) => Route::Polars,
                Err(error) if !is_refusal(&error) => return Err(error),
                Err(error) if !is_possible => return Err(without_programs(&error)),
                Err(error) => Route::Postgres(format!("{error:#}")),
            });
        }
        Ok(routes)
    })
}

/// The route of each model as far as a catalogue tells.
pub(crate) fn of_catalog(selects: &[Select<'_>], catalog: &Catalog) -> Vec<Route> {
    let route = |select: &Select<'_>| match select.ready(catalog) {
        Ok(_) => Route::Polars,
        Err(error) => Route::Postgres(format!("{error:#}")),
    };
    selects.iter().map(route).collect()
}

/// Says that a model which Polars may not run could run, were there programs of Postgres.
pub(crate) fn without_programs(error: &anyhow::Error) -> anyhow::Error {
    let kind = Failure::kind_of(error).unwrap_or(Kind::Internal);
    kind.error(format!(
        "{error:#}; with Postgres's programs on this machine (package postgresql) it can run in a scratch database"
    ))
}

fn asked_for() -> Route {
    Route::Postgres("--engine postgres asks for it".to_owned())
}

/// Whether an error says that Polars may not run a model, and not that nothing can.
fn is_refusal(error: &anyhow::Error) -> bool {
    matches!(
        Failure::kind_of(error),
        Some(Kind::Usage | Kind::Mismatch | Kind::Internal)
    )
}
