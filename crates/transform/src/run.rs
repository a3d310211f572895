//! One run, from the source to the published output.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use database::embedded::scratch::Scratch;
use database::{Cancel, Settings};
use dataset::Model;
use dataset::calendar::Date;
use dataset::failure::{Failure, Kind};
use storage::manifest;
use storage::place::Place;
use storage::publish::Staging;
use values::text;

use crate::check::left_out::Counted;
use crate::checked::{self, Outcome};
use crate::declared::{declared, with_checks_apart};
use crate::engine::postgres::PostgresEngine;
use crate::engine::route::{self, Route};
use crate::engine::spark::{self, SparkEngine};
use crate::engine::{self, Job};
use crate::extract::tables::{Read, Source};
use crate::fault;
use crate::model::projection::Needed;
use crate::model::select::{Ready, Select};
use crate::options::{Engine, Options};
use crate::preview::Preview;
use crate::reconciliation::Reconciliation;
use crate::report::{ModelReport, Report, TableReport};
use crate::sink::manifest::Run;
use crate::sink::postgres::{self, Target, WriteBack};
use crate::sink::{Writer, accepted};
use crate::stage::layer::Layer;
use crate::stage::{StagedTable, Table};

/// Checks what can be checked before the database is asked.
///
/// # Errors
/// [`Kind::Usage`] if a model has a construct that is not on the list of what is known to equal Postgres, or lacks a column
/// to partition by; or if results cannot be written into the schema named.
pub fn check(options: &Options) -> anyhow::Result<()> {
    let apart = with_checks_apart(options);
    checked(apart.as_ref().unwrap_or(options)).map(drop)
}

/// The models, parsed, once they are checked.
fn checked(options: &Options) -> anyhow::Result<Vec<Select<'_>>> {
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

/// Reads, joins, writes, checks and publishes.
///
/// # Errors
/// Of every [`Kind`]; nothing is published then, and the former output is as it was.
pub fn run(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    run_from(&Source::Database(settings), options, cancel)
}

/// Joins, writes, checks and publishes from the tables that a former run kept below the place `stage`, without a database.
///
/// # Errors
/// As [`run()`]; [`Kind::Usage`] if there is nothing to read.
pub fn run_from_stage(
    stage: impl Into<Place>,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    // Held to the end, so that all is of one layer.
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
        // A statement that was cancelled on the server says so in its own words; ours are clearer.
        cancel.check()?;
        // Once more from the beginning, so that all models are of one snapshot.
        beyond.push(error.downcast::<BeyondPolars>()?);
    }
}

/// Models that Polars took and could not end, and why: that Postgres can is not excluded.
#[derive(Debug)]
struct BeyondPolars {
    models: Vec<String>,
    why: anyhow::Error,
}

impl fmt::Display for BeyondPolars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.why)
    }
}

impl std::error::Error for BeyondPolars {}

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
            *route = Route::Postgres(format!("Polars could not end it: {beyond}"));
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
            // What is read as the numeric that a cast says may have to be rounded.
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
    // Reading has ended, so nothing that is written can be in its way.
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
                // After the last model nobody needs the tables: then they are freed on the way.
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
    // The tables come first: more can be in their way than in that of files.
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

/// Where a model runs, and with what.
enum RunsIn<'a, 'o> {
    Polars(Ready, Vec<(String, Table)>),
    Postgres(&'a PostgresEngine),
    Spark(&'a mut SparkEngine<'o>, Ready, &'a [StagedTable]),
}

/// The tables that lie on disk.
fn staged(tables: &[(String, Table)]) -> Vec<StagedTable> {
    let staged = tables.iter().filter_map(|(_, table)| match table {
        Table::Staged(staged) => Some(staged.clone()),
        Table::Frame(_) => None,
    });
    staged.collect()
}

/// What the models of one run share.
struct RunContext<'a> {
    run: &'a str,
    snapshot: &'a str,
    options: &'a Options,
    table_reports: &'a [TableReport],
    staging: &'a Staging,
    /// Whether what Polars cannot end is left to a scratch database.
    may_run_again: bool,
    cancel: &'a Cancel,
}

impl RunContext<'_> {
    /// Runs a model, writes its output into the staging folder and reconciles it; of a model that checks another, the rows are
    /// looked at alone. What came of the checks of the output is added to those that were made of it before.
    fn stage(
        &self,
        select: &Select<'_>,
        engine: RunsIn<'_, '_>,
        write_back: Option<&mut WriteBack<'_>>,
        outcomes: &mut Vec<Outcome>,
    ) -> anyhow::Result<Option<ModelReport>> {
        self.cancel.check()?;
        let model = select.model;
        let began = Instant::now();
        match &model.checked_model {
            None => tracing::info!(model = model.name, "joining"),
            Some(of) => tracing::info!(model = of, "checking that {} gives no row", model.file),
        }
        let partition_by = self.options.layout.partition_by(model);
        let single_file = single_file(self.options, model);
        let target = self.staging.output(&model.name, single_file.as_deref());
        let job = Job {
            select,
            dataset: &self.options.dataset,
            memory_bytes: self.options.memory_bytes,
            partition_by,
            scratch: match self.options.engine {
                Engine::Spark => self.staging.scratch("spark").join(&model.name),
                _ => self.staging.scratch("ranges"),
            },
            cancel: self.cancel,
        };
        let mut join_seconds = 0.0;
        let writer = |expected_rows| {
            join_seconds = began.elapsed().as_secs_f64();
            self.writer(model, &target, write_back, expected_rows)
        };
        let (name, (written, counted)) = match engine {
            RunsIn::Polars(ready, tables) => {
                let run = engine::run(job, &ready, tables, writer);
                (Engine::Polars, run.map_err(|why| self.beyond(model, why))?)
            }
            RunsIn::Postgres(postgres) => (Engine::Postgres, postgres.run(job, writer)?),
            RunsIn::Spark(spark, ready, tables) => {
                (Engine::Spark, spark.run(&job, &ready, tables, &target)?)
            }
        };
        outcomes.extend(written.checks);
        if model.checked_model.is_some() {
            return Ok(None);
        }
        let write_seconds = began.elapsed().as_secs_f64() - join_seconds;
        let reconciliation = match (&model.driving, counted) {
            (Some(driving), Some(Counted { read, left_out })) => {
                let (rows, sums) = (written.rows, &written.sums);
                Some(Reconciliation::of(
                    model, driving, read, left_out, rows, sums,
                )?)
            }
            _ => None,
        };

        let header = Run {
            run: self.run,
            extrato: env!("CARGO_PKG_VERSION"),
            dataset: &self.options.dataset.name,
            model: &model.name,
            format: self.options.format,
            dialect: Some(&self.options.dialect).filter(|dialect| !dialect.is_default()),
            compression: self.options.compression,
            parameters: self
                .options
                .dataset
                .parameters()
                .into_iter()
                .map(|(name, of)| (name, of.value.as_str()))
                .collect(),
            snapshot: self.snapshot,
            tables: self.table_reports,
            columns: model
                .visible_columns()
                .map(|(name, kind)| (name.as_str(), kind.to_string()))
                .collect(),
            partition_by: partition_by.unwrap_or_default(),
            file_name: self.options.layout.file_name(),
            rows: written.rows,
            files: written.files.len() as u64,
            bytes: written.bytes,
            sums: written_sums(model, reconciliation.as_ref()),
            reconciliation: reconciliation.as_ref(),
            checks: outcomes.iter().map(|outcome| &outcome.checked).collect(),
        };
        match &single_file {
            None => manifest::complete(&target, &header, &written.files)?,
            Some(file) => {
                let beside = target.beside(&manifest::beside(file));
                manifest::write(&beside, &header, &written.files)?;
            }
        }
        tracing::info!(
            model = model.name,
            rows = written.rows,
            files = written.files.len(),
            "written"
        );
        let preview = match self.options.preview_rows {
            0 => None,
            _ => {
                let folder = match &single_file {
                    None => target.clone(),
                    Some(_) => target.above(),
                };
                Some(Preview::read(self.options, model, &folder, &written.files)?)
            }
        };
        let schema = self.options.to_postgres.as_ref();
        let checks = outcomes.iter().map(|outcome| outcome.checked.clone());
        Ok(Some(ModelReport {
            model: model.name.clone(),
            engine: name,
            rows: written.rows,
            files: written.files.len() as u64,
            bytes: written.bytes,
            join_seconds,
            write_seconds,
            path: target,
            table: schema.map(|schema| format!("{schema}.{}", model.name)),
            preview,
            reconciliation,
            checks: checks.collect(),
        }))
    }

    fn beyond(&self, model: &Model, why: anyhow::Error) -> anyhow::Error {
        if !self.may_run_again || Failure::kind_of(&why) != Some(Kind::Refused) {
            return why;
        }
        let models = vec![model.name.clone()];
        anyhow::Error::new(BeyondPolars { models, why })
    }

    fn writer<'m>(
        &'m self,
        model: &'m Model,
        target: &Place,
        write_back: Option<&'m mut WriteBack<'_>>,
        expected_rows: usize,
    ) -> anyhow::Result<Writer<'m>> {
        let is_written = model.checked_model.is_none();
        let write_back = write_back.filter(|_| is_written);
        let table = write_back.map(|write_back| write_back.table(model));
        Writer::new(
            model,
            self.options,
            target,
            table.transpose()?,
            expected_rows,
            &self.staging.scratch("checks"),
            self.cancel,
        )
    }

    fn publish(&self, model: &Model) -> anyhow::Result<Place> {
        let single_file = single_file(self.options, model);
        self.staging.publish(&model.name, single_file.as_deref())
    }
}

/// The sums of what was written, by output column; those of hidden columns are in no file.
fn written_sums<'a>(
    model: &'a Model,
    reconciliation: Option<&Reconciliation>,
) -> BTreeMap<&'a str, String> {
    let sums = model.driving.iter().flat_map(|driving| &driving.sums);
    sums.filter(|(_, output)| !model.hidden.contains(output))
        .filter_map(|(column, output)| {
            let amount = reconciliation?.written.sums.get(column)?;
            Some((output.as_str(), amount.to_string()))
        })
        .collect()
}

/// The name of a model's file, if its output is no folder.
fn single_file(options: &Options, model: &Model) -> Option<String> {
    match options.layout.partition_by(model) {
        Some(_) => None,
        None => Some(format!("{}.{}", model.name, options.extension())),
    }
}

/// `20260131T235959Z-` and the process's id: no two runs on one machine share it.
fn run_id() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64);
    let mut id = String::new();
    text::date(Date::from_days((seconds / 86_400) as i32), &mut id);
    id.push('T');
    text::time(seconds % 86_400 * 1_000_000, &mut id);
    id.retain(|c| !matches!(c, '-' | ':'));
    // A service runs several in a second.
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let process = std::process::id();
    match RUNS.fetch_add(1, Ordering::Relaxed) {
        0 => format!("{id}Z-{process}"),
        before => format!("{id}Z-{process}-{}", before + 1),
    }
}
