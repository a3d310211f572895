//! Chooses the engine that runs each model of a run.

use database::embedded::scratch::Scratch;
use database::mirror::own::Own;
use database::{Cancel, Settings, catalogue, transaction};
use dataset::TableSchema;
use dataset::failure::{Failure, Kind};

use crate::model::catalog::Catalog;
use crate::model::projection::{Needed, undecoded};
use crate::model::reading;
use crate::model::refusal::error_at;
use crate::model::select::Select;
use crate::options::{Engine, Options};
use crate::stage::layer::Layer;

const ASKED_FOR: &str = "--engine postgres asks for it";

/// The engine that runs a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// Polars runs the model, or Spark if the options name it.
    Polars,
    /// A scratch database runs the model, for this reason.
    Postgres(String),
}

/// Parses models. With [`Engine::Polars`] a model that cannot be parsed is refused; otherwise it is left to Postgres.
///
/// # Errors
/// As [`Select::of`] and [`reading::all`].
pub(crate) fn parse(options: &Options) -> anyhow::Result<Vec<Select<'_>>> {
    reading::all(&options.dataset, |model| match options.engine {
        Engine::Polars | Engine::Spark => Select::of(model),
        Engine::Auto | Engine::Postgres => Ok(Select::lenient(model)),
    })
}

/// Checks the models as far as that is possible before the database is asked.
///
/// # Errors
/// As [`Select::resolved`], for a model that no engine may run.
pub(crate) fn check(selects: &[Select<'_>], options: &Options) -> anyhow::Result<()> {
    if options.engine == Engine::Postgres {
        return Ok(());
    }
    let catalog = Catalog::open(&options.dataset);
    for select in selects {
        if let Err(error) = select.resolved(&catalog) {
            refused(error, options)?;
        }
    }
    Ok(())
}

/// Leaves a model that Polars refuses to Postgres, and gives the reason.
///
/// # Errors
/// The error itself, if it doesn't mean that, or if there is no Postgres to use.
fn refused(error: anyhow::Error, options: &Options) -> anyhow::Result<String> {
    match Failure::kind_of(&error) {
        // Errors of these kinds mean that Polars cannot run a model, and not that nothing can.
        Some(kind @ (Kind::Usage | Kind::Mismatch | Kind::Internal))
            if options.engine == Engine::Auto =>
        {
            if Scratch::is_possible(&options.environment) {
                return Ok(not_taken(&error));
            }
            Err(kind.error(format!(
                "{error:#}; with Postgres's programs on this machine (package postgresql) it can run in a scratch database"
            )))
        }
        _ => Err(error),
    }
}

/// The reason why Polars doesn't run a model, taken from the error that says so.
fn not_taken(error: &anyhow::Error) -> String {
    let why = format!("{error:#}");
    match why.split_once(" cannot be run: ") {
        Some((place, why)) => {
            let before = place.rsplit_once(": model ").map(|(place, _)| place);
            let place = before.or(place.strip_suffix(": it")).unwrap_or(place);
            format!("{place}: Polars does not run it: {why}")
        }
        // The hint how to give a column a type belongs to models that are refused; here it is shortened.
        None => match why.split_once(": say which numeric(p,s)") {
            Some((why, _)) => format!("{why} (`carry_as` in dataset.toml gives it one)"),
            None => why,
        },
    }
}

/// The route of each model, given the tables of a database.
///
/// # Errors
/// Any error of the connection; an error for a table that is missing; as [`Select::ready`] if Polars cannot run a model and there
/// are no programs of Postgres.
pub(crate) fn of_database(
    selects: &[Select<'_>],
    settings: &Settings,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Vec<Route>> {
    if options.engine == Engine::Postgres {
        return Ok(asked_for(selects));
    }
    let mut connection = settings.connect(cancel)?;
    transaction::reading(&mut connection, |client| {
        // A table that is missing is missing for every engine.
        let all: Vec<_> = selects.iter().collect();
        let read = undecoded(&Needed(&all).of(&options.dataset));
        catalogue::read(client, &read, &options.schema, &|_, _| false)?;
        let tables = read.tables.iter();
        let places = tables.map(|table| table.place_in(&options.schema));
        let own = Own::read(client, &options.schema, places)?;
        of_tables(selects, options, Some(&own), |needed| {
            let dataset = needed.of(&options.dataset);
            let wanted = |table: &str, column: &str| needed.has(table, column);
            let tables = catalogue::read(client, &dataset, &options.schema, &wanted)?;
            Ok(tables.into_iter().map(|table| table.schema).collect())
        })
    })
}

/// The route of each model, given the tables of a raw layer.
///
/// # Errors
/// [`Kind::Mismatch`] for a table that is missing, and for a model that needs a scratch database if the layer doesn't say how to
/// make one; as [`Select::ready`] if Polars cannot run a model and there are no programs of Postgres.
pub(crate) fn of_layer(
    selects: &[Select<'_>],
    layer: &Layer,
    options: &Options,
) -> anyhow::Result<Vec<Route>> {
    let all: Vec<_> = selects.iter().collect();
    layer.tables(&Needed(&all).of(&options.dataset))?;
    let blueprint = layer.blueprint();
    let own = blueprint.as_ref().ok().map(|of| of.shapes.own());
    let routes = match options.engine {
        Engine::Postgres => asked_for(selects),
        Engine::Auto | Engine::Polars | Engine::Spark => {
            of_tables(selects, options, own, |needed| {
                let tables = layer.tables(&needed.of(&options.dataset))?;
                let mut schemas: Vec<_> = tables.into_iter().map(|table| table.schema).collect();
                schemas.iter_mut().for_each(|schema| needed.keep(schema));
                Ok(schemas)
            })?
        }
    };
    for (select, route) in selects.iter().zip(&routes) {
        if let (Route::Postgres(why), Err(error)) = (route, &blueprint) {
            return Err(Kind::Mismatch.error(format!(
                "{} would run in a scratch database ({why}), but {error}",
                select.model.called()
            )));
        }
    }
    Ok(routes)
}

/// The route of each model with `--engine postgres`, which leaves no choice.
fn asked_for(selects: &[Select<'_>]) -> Vec<Route> {
    vec![Route::Postgres(ASKED_FOR.to_owned()); selects.len()]
}

/// The route of each model. `tables` gives the tables that a model needs; `own` is what the source has of its own.
fn of_tables(
    selects: &[Select<'_>],
    options: &Options,
    own: Option<&Own>,
    mut tables: impl FnMut(Needed<'_>) -> anyhow::Result<Vec<TableSchema>>,
) -> anyhow::Result<Vec<Route>> {
    let mut routes = Vec::new();
    for select in selects {
        let one = [select];
        let needed = Needed(&one);
        let model = select.model;
        let own = own.filter(|own| !own.is_empty());
        let ready = match (own, options.engine) {
            // Such a model is resolved when the tables are read.
            (None, Engine::Polars | Engine::Spark) => Ok(()),
            _ => tables(needed).and_then(|tables| {
                match own.and_then(|own| select.may_mean(own, &tables)) {
                    Some(what) => Err(error_at(
                        model,
                        &model.file,
                        &format!("it may use {what}, which the source itself defines"),
                    )),
                    None => needed.ready(tables.iter()).map(drop),
                }
            }),
        };
        routes.push(match ready {
            Ok(()) => Route::Polars,
            Err(error) => Route::Postgres(refused(error, options)?),
        });
    }
    Ok(routes)
}

/// Splits the models into those that run in Polars and those that run in a scratch database.
pub(crate) fn by_engine<'s, 'm>(
    selects: &'s [Select<'m>],
    routes: &[Route],
) -> (Vec<&'s Select<'m>>, Vec<&'s Select<'m>>) {
    let routed = selects.iter().zip(routes);
    let (in_polars, in_postgres): (Vec<_>, Vec<_>) =
        routed.partition(|(_, route)| **route == Route::Polars);
    let selects = |routed: Vec<(&'s Select<'m>, &Route)>| {
        routed.into_iter().map(|(select, _)| select).collect()
    };
    (selects(in_polars), selects(in_postgres))
}

/// The route of each model, as far as a catalogue tells.
pub(crate) fn of_catalog(selects: &[Select<'_>], catalog: &Catalog, engine: Engine) -> Vec<Route> {
    if engine == Engine::Postgres {
        return asked_for(selects);
    }
    let route = |select: &Select<'_>| match select.ready(catalog) {
        Ok(_) => Route::Polars,
        Err(error) => Route::Postgres(not_taken(&error)),
    };
    selects.iter().map(route).collect()
}
