//! Runs models on a cluster of Spark, over the raw layer. The source is read once, as always, and Spark never asks it.
//!
//! A model's resolved SELECT is rewritten as Spark's SQL ([`sql`]), which goes into a job ([`job`]). A server of Spark Connect does
//! the job, or a script does. What it wrote is adopted as if it had been written here ([`adopt`]).

pub(crate) mod adopt;
#[cfg(not(feature = "spark"))]
#[path = "absent.rs"]
mod client;
#[cfg(feature = "spark")]
mod client;
pub(crate) mod job;
pub(crate) mod sql;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use database::Cancel;
use dataset::failure::Kind;
use dataset::{Model, TableSchema};
use serde::{Deserialize, Serialize};
use storage::place::Place;

use super::job::Job as Asked;
use crate::check::left_out::Counted;
use crate::check::verify::Form;
use crate::model::select::Ready;
use crate::options::{Engine, Format, Layout, Options, RemotePath};
use crate::sink::Written;
use crate::stage::StagedTable;
use adopt::Output;
use client::Client;
use job::{Job, Write, on_cluster};
use sql::Source;

/// Checks that a run on Spark can do what these options demand.
///
/// # Errors
/// [`Kind::Usage`] with what it cannot do, and the way out.
pub(crate) fn check(options: &Options) -> anyhow::Result<()> {
    if options.engine != Engine::Spark {
        return Ok(());
    }
    let refused = |why: &str| Err(Kind::Usage.error(format!("--engine spark {why}")));
    let Some(spark) = &options.spark else {
        return refused("is for `transform` only, with --remote sc://HOST:PORT");
    };
    if spark.remote.is_none() && spark.emit_job.is_none() {
        return refused(
            "needs --remote sc://HOST:PORT, the server of Spark Connect, or --emit-job DIR for a script",
        );
    }
    if options.out.is_bucket() || options.stage.as_ref().is_some_and(Place::is_bucket) {
        return refused(
            "writes into a folder that the cluster sees too (--remote-path says where), and --stage keeps tables in \
             one: name a folder",
        );
    }
    if options.format == Format::JsonLines
        || options.compression.is_some()
        || !options.dialect.is_default()
    {
        return refused(
            "writes CSV of the default dialect, not compressed, or Parquet: leave the rest out",
        );
    }
    if options.to_postgres.is_some() {
        return refused("writes only files: leave out --to-postgres");
    }
    options.dataset.models.iter().try_for_each(check_declared)
}

/// Checks that a run on Spark can keep what a model declares.
///
/// # Errors
/// [`Kind::Usage`] with what it can't, and the way out.
fn check_declared(model: &Model) -> anyhow::Result<()> {
    let called = model.called();
    if !model.checks.is_empty() || model.checked_model.is_some() {
        return Err(Kind::Usage.error(format!(
            "--engine spark does not check outputs, but {called} declares checks: run it with --engine auto"
        )));
    }
    let driving = model.driving.iter();
    let mut sums = driving.flat_map(|driving| driving.sums.values());
    match sums.find(|name| model.hidden.contains(name)) {
        None => Ok(()),
        Some(hidden) => Err(Kind::Usage.error(format!(
            "--engine spark sums what is in the files, but {called} hides `{hidden}`, which must be summed: run it with \
             --engine auto"
        ))),
    }
}

/// Checks that a model over tables of these columns is known to give the same in Spark as in Postgres.
///
/// # Errors
/// As [`Source::output`]; [`Kind::Usage`] for what a run on Spark can't keep of what the model declares.
pub(crate) fn check_model(
    model: &Model,
    ready: &Ready,
    tables: &[&TableSchema],
    layout: &Layout,
    format: Format,
) -> anyhow::Result<()> {
    check_declared(model)?;
    if layout.file_name(model).is_some() {
        return Err(Kind::Usage.error(format!(
            "--engine spark writes a folder for each client, but the files of {} have names: leave out --file-name and file_name, or \
             name columns with --partition-by",
            model.called()
        )));
    }
    let source = Source {
        model,
        resolved: &ready.resolved,
        tables,
    };
    source.output(layout.partition_by(model), format).map(drop)
}

/// Runs models over tables on a cluster.
pub(crate) struct SparkEngine<'a> {
    client: Client,
    options: &'a Options,
}

impl<'a> SparkEngine<'a> {
    /// Connects to the server that the options name, if they name one.
    ///
    /// # Errors
    /// [`Kind::Connection`] if it cannot be reached; [`Kind::Mismatch`] if its version is too old.
    pub(crate) fn begin(options: &'a Options, cancel: &Cancel) -> anyhow::Result<Option<Self>> {
        let remote = options
            .spark
            .as_ref()
            .and_then(|spark| spark.remote.as_deref());
        match (options.engine, remote) {
            (Engine::Spark, Some(remote)) => Ok(Some(Self {
                client: Client::connect(remote, &options.environment, cancel)?,
                options,
            })),
            _ => Ok(None),
        }
    }

    /// Makes the tables known to the server, with the settings that it needs.
    ///
    /// # Errors
    /// Any error of the server.
    pub(crate) fn prepare(&mut self, tables: &[StagedTable]) -> anyhow::Result<()> {
        let job = Job::over(tables, self.paths())?;
        let prepared = self.client.prepare(&job);
        prepared.map_err(|error| sql::explained(&error))
    }

    fn paths(&self) -> &'a [RemotePath] {
        let spark = self.options.spark.as_ref();
        spark.map_or(&[], |spark| &spark.paths)
    }

    /// Runs a model over the tables and adopts Spark's output at `target`.
    ///
    /// # Errors
    /// [`Kind::Refused`] if a value cannot be computed; any error of the server; [`Kind::Check`] if it wrote something else than it
    /// was asked for.
    pub(crate) fn run(
        &mut self,
        asked: &Asked<'_>,
        ready: &Ready,
        tables: &[StagedTable],
        target: &Place,
    ) -> anyhow::Result<(Written, Option<Counted>)> {
        let written = Folders::of(&asked.scratch);
        let model = asked.select.model;
        let writes = writes(asked, ready, tables, self.options, &written, self.paths())?;
        for write in &writes {
            let run = self.client.write(write, model);
            run.map_err(|error| sql::cannot(model, &error))?;
        }
        let driven = Driven::of(model, tables);
        adopted(asked, self.options, &written, driven.as_ref(), target, true)
    }
}

/// The folders that Spark writes for a model.
pub(crate) struct Folders {
    output: PathBuf,
    counts: PathBuf,
}

impl Folders {
    /// The folders below a model's own folder.
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            output: folder.join("output"),
            counts: folder.join("counts"),
        }
    }
}

/// The writes that Spark has to do for a model.
///
/// # Errors
/// As [`Source::output`] and [`on_cluster`].
pub(crate) fn writes(
    asked: &Asked<'_>,
    ready: &Ready,
    tables: &[StagedTable],
    options: &Options,
    folders: &Folders,
    paths: &[RemotePath],
) -> anyhow::Result<Vec<Write>> {
    let schemas: Vec<_> = tables.iter().map(|table| &table.schema).collect();
    let model = asked.select.model;
    let source = Source {
        model,
        resolved: &ready.resolved,
        tables: &schemas,
    };
    let statement = source.output(asked.partition_by, options.format)?;
    let path = on_cluster(&folders.output, paths)?;
    let mut writes = vec![Write::output(statement, options.format, path)];
    if let Some(driving) = &model.driving {
        let path = on_cluster(&folders.counts, paths)?;
        writes.push(Write::counts(source.counts(driving)?, path));
    }
    Ok(writes)
}

/// Adopts what Spark wrote for a model as files of the run. `is_ended` says that Spark reported that it finished.
///
/// # Errors
/// [`Kind::Check`] if Spark wrote something else than it was asked for.
pub(crate) fn adopted(
    asked: &Asked<'_>,
    options: &Options,
    folders: &Folders,
    driven: Option<&Driven>,
    target: &Place,
    is_ended: bool,
) -> anyhow::Result<(Written, Option<Counted>)> {
    let target = target.path().context("a folder on this machine")?;
    let model = asked.select.model;
    let form = Form::of(options, model);
    let output = Output {
        model,
        partition_by: asked.partition_by,
        format: options.format,
        form: &form,
        is_ended,
        cancel: asked.cancel,
    };
    let written = output.adopt(&folders.output, target)?;
    let (Some(driving), Some(driven)) = (&model.driving, driven) else {
        return Ok((written, None));
    };
    let scale = |column: &str| driven.scales.get(column).copied().unwrap_or_default();
    let counted = adopt::counted(&folders.counts, driving, scale)?;
    // The layer knows how many rows the table has, whoever reads it.
    if counted.read.rows != driven.rows {
        return Err(Kind::Check.error(format!(
            "{} rows of `{}` were read, but Spark found {}: it does not see the same files",
            driven.rows, driving.table, counted.read.rows
        )));
    }
    Ok((written, Some(counted)))
}

/// Facts about a model's driving table that don't come from Spark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Driven {
    /// How many rows the table has.
    rows: u64,
    /// The scales of the columns that are summed.
    scales: BTreeMap<String, u8>,
}

impl Driven {
    /// Finds the driving table of a model among the tables; `None` if the model declares none.
    pub(crate) fn of(model: &Model, tables: &[StagedTable]) -> Option<Self> {
        let driving = model.driving.as_ref()?;
        let table = tables
            .iter()
            .find(|table| table.schema.name == driving.table)?;
        let scale = |column: &String| (column.clone(), sql::scale(Some(&table.schema), column));
        Some(Self {
            rows: table.rows(),
            scales: driving.sums.keys().map(scale).collect(),
        })
    }
}
