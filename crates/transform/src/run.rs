//! One run, from the source to the published output.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use database::embedded::scratch::Scratch;
use database::{Cancel, Settings};
use dataset::Model;
use dataset::calendar::Date;
use dataset::failure::{Failure, Kind};
use storage::place::Place;
use storage::publish::Staging;
use values::text;

use crate::checked::{self, Outcome};
use crate::declared::{declared, with_checks_apart};
use crate::engine;
use crate::engine::route::{self, Route};
use crate::engine::spark::{self, SparkEngine};
use crate::extract::tables::{Read, Source};
use crate::fault;
use crate::model::projection::Needed;
use crate::model::select::Select;
use crate::model_run::{BeyondPolars, RunContext, RunsIn, single_file};
use crate::options::{Engine, Options};
use crate::report::Report;
use crate::sink::accepted;
use crate::sink::postgres::{self, Target};
use crate::stage::layer::Layer;
use crate::stage::{StagedTable, Table};

/// Checks the models and options as far as possible before the database is asked.
///
/// # Errors
/// [`Kind::Usage`] if a model has a construct that is not known to give what Postgres gives, or lacks a column to partition by; or
/// if results cannot be written into the schema that is named.
pub fn check(options: &Options) -> anyhow::Result<()> {
    let apart = with_checks_apart(options);
    checked(apart.as_ref().unwrap_or(options)).map(drop)
}

/// Parses the models and checks them.
pub(crate) fn checked(options: &Options) -> anyhow::Result<Vec<Select<'_>>> {
    let selects = route::parse(options)?;
    route::check(&selects, options)?;
    options.check_files()?;
    spark::check(options)?;
    options.layout.check(&options.dataset.models)?;
    postgres::check_names(options)?;
    options
        .dataset
        .models
        .iter()
        .try_for_each(accepted::check)?;
    Ok(selects)
}

/// Runs the main job: reads the tables, runs the models, writes, checks and publishes their outputs.
///
/// # Errors
/// Any [`Kind`]. If there is an error, nothing is published, and the former output is as it was.
pub fn run(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    run_from(&Source::Database(settings), options, cancel)
}

/// Runs the main job without a database, over the tables that an earlier run kept below the place `stage`.
///
/// # Errors
/// As [`run()`]; [`Kind::Usage`] if there is nothing to read.
pub fn run_from_stage(
    stage: impl Into<Place>,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    // The layer is held until the end, so that everything is read from the same one.
    let layer = Layer::open(&stage.into(), &options.dataset.name, cancel)?;
    run_from(&Source::Layer(&layer), options, cancel)
}

fn run_from(source: &Source<'_>, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    engine::trace_warnings();
    let apart = with_checks_apart(options);
    let options = apart.as_ref().unwrap_or(options);
    let declared = declared(source, options, cancel)?;
    let options = declared.as_ref().unwrap_or(options);
    let mut beyond = Vec::new();
    loop {
        let error = match run_to_end(source, options, &beyond, cancel) {
            Ok(report) => return Ok(report),
            Err(error) => error,
        };
        // The server has its own words for a statement that was cancelled; ours are clearer.
        cancel.check()?;
        // The run starts again from the beginning, so that all models see one snapshot.
        beyond.push(error.downcast::<BeyondPolars>()?);
    }
}

fn run_to_end(
    source: &Source<'_>,
    options: &Options,
    beyond: &[BeyondPolars],
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    let began = Instant::now();
    let selects = checked(options)?;
    let is_written = |model: &&Model| model.checked_model.is_none();
    let models = || options.dataset.models.iter().filter(is_written);
    let database = match source {
        Source::Database(settings) => Some(*settings),
        Source::Layer(_) => None,
    };
    let target = Target::of(database, options, cancel)?;
    let run = run_id();
    let out = options.out.clone().cancelled_by(cancel);
    let staging = Staging::begin(&out, &run, "--out", options.keep)?;
    for model in models() {
        staging.claim(&model.name, single_file(options, model).as_deref())?;
    }
    if let Some(target) = &target {
        target.check()?;
    }
    let mut spark = SparkEngine::begin(options, cancel)?;
    let mut routes = source.routes(&selects, options, cancel)?;
    for (select, route) in selects.iter().zip(&mut routes) {
        let of_model = beyond
            .iter()
            .find(|of| of.models.contains(&select.model.name));
        if let Some(beyond) = of_model {
            *route = Route::Postgres(format!("Polars could not finish it: {beyond}"));
        }
    }
    let (in_polars, in_postgres) = route::by_engine(&selects, &routes);
    for (select, route) in selects.iter().zip(&routes) {
        if let Route::Postgres(why) = route {
            tracing::info!(
                model = select.model.name,
                "runs in a scratch database: {why}"
            );
        }
    }
    let postgres = match in_postgres.is_empty() {
        true => None,
        false => Some(source.prepare(&in_postgres, options, cancel)?),
    };
    let may_run_again = options.engine == Engine::Auto
        && source.has_blueprint()
        && Scratch::is_possible(&options.environment);
    let Read {
        snapshot,
        mut tables,
        reports,
        models: ready,
    } = source
        .read(
            options,
            Needed(&in_polars),
            &run,
            &staging,
            postgres.as_ref(),
            cancel,
        )
        .map_err(|why| {
            let casting = in_polars.iter().filter(|select| select.casts_numerics());
            let models: Vec<_> = casting.map(|select| select.model.name.clone()).collect();
            // A column that is read as the numeric of a cast may have values that must be rounded.
            match may_run_again
                && !models.is_empty()
                && Failure::kind_of(&why) == Some(Kind::Refused)
            {
                true => anyhow::Error::new(BeyondPolars { models, why }),
                false => why,
            }
        })?;

    let context = RunContext {
        run: &run,
        snapshot: &snapshot,
        options,
        table_reports: &reports,
        staging: &staging,
        may_run_again,
        cancel,
    };
    let staged = match options.engine {
        Engine::Spark => staged(&tables),
        _ => Vec::new(),
    };
    if let Some(spark) = &mut spark {
        spark.prepare(&staged)?;
    }
    // Reading has ended, so nothing that is written now can be in its way.
    let mut write_back = target.as_ref().map(Target::begin).transpose()?;
    let (mut model_reports, mut outcomes) = (Vec::new(), BTreeMap::<&str, Vec<Outcome>>::new());
    let (mut ready, mut left) = (ready.into_iter(), in_polars.len());
    for (select, route) in selects.iter().zip(&routes) {
        let engine = match (route, &postgres) {
            (Route::Postgres(_), Some(postgres)) => RunsIn::Postgres(postgres),
            _ if let Some(spark) = &mut spark => {
                let ready = ready.next().context("a model was resolved")?;
                RunsIn::Spark(spark, ready, &staged)
            }
            _ => {
                left -= 1;
                // After the last model nobody needs the tables, so they are freed on the way.
                let tables = match left {
                    0 => std::mem::take(&mut tables),
                    _ => tables.clone(),
                };
                RunsIn::Polars(ready.next().context("a model was resolved")?, tables)
            }
        };
        let model = select.model;
        let of_model = model.checked_model.as_deref().unwrap_or(&model.name);
        let of_model = outcomes.entry(of_model).or_default();
        let staged = fault::caught(model, || {
            context.stage(select, engine, write_back.as_mut(), of_model)
        });
        model_reports.extend(staged?);
    }
    checked::all_passed(models().filter_map(|model| {
        let of_model = outcomes.get(model.name.as_str())?;
        Some((model.name.as_str(), of_model.as_slice()))
    }))?;
    cancel.check()?;
    if let Some(postgres) = postgres {
        postgres.end()?;
    }
    tracing::info!("publishing");
    // Tables are published first: more can go wrong with them than with files.
    if let Some(write_back) = write_back {
        write_back.publish(&run)?;
    }
    for (model, report) in models().zip(&mut model_reports) {
        report.path = context.publish(model)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    tracing::debug!("deleting the former output");
    drop(staging);
    Ok(Report {
        run,
        snapshot,
        tables: reports,
        models: model_reports,
        seconds,
    })
}

/// The tables that are staged on disk.
pub(crate) fn staged(tables: &[(String, Table)]) -> Vec<StagedTable> {
    let staged = tables.iter().filter_map(|(_, table)| match table {
        Table::Staged(staged) => Some(staged.clone()),
        Table::Frame(_) => None,
    });
    staged.collect()
}

/// The identifier of a run: `20260131T235959Z-` and the process's id. No two runs on one machine share it.
pub(crate) fn run_id() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64);
    let mut id = String::new();
    text::date(Date::from_days((seconds / 86_400) as i32), &mut id);
    id.push('T');
    text::time(seconds % 86_400 * 1_000_000, &mut id);
    id.retain(|c| !matches!(c, '-' | ':'));
    // A service may run several in a second.
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let process = std::process::id();
    match RUNS.fetch_add(1, Ordering::Relaxed) {
        0 => format!("{id}Z-{process}"),
        before => format!("{id}Z-{process}-{}", before + 1),
    }
}
