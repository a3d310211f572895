//! Runs one model, writes its output into the staging folder, reconciles it and writes its manifest.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use database::Cancel;
use dataset::Model;
use dataset::failure::{Failure, Kind};
use storage::manifest::{self, FileEntry};
use storage::place::Place;
use storage::publish::Staging;

use crate::check::left_out::Counted;
use crate::checked::Outcome;
use crate::engine::postgres::PostgresEngine;
use crate::engine::spark::{self, Driven, Folders, SparkEngine};
use crate::engine::{self, Job};
use crate::model::select::{Ready, Select};
use crate::options::{Engine, Options};
use crate::preview::Preview;
use crate::reconciliation::Reconciliation;
use crate::report::{ModelReport, TableReport};
use crate::sink::manifest::Run;
use crate::sink::postgres::WriteBack;
use crate::sink::{NULL_FOLDER, Writer};
use crate::stage::{StagedTable, Table};

/// The engine that runs a model, with what it needs.
pub(crate) enum RunsIn<'a, 'o> {
    Polars(Ready, Vec<(String, Table)>),
    Postgres(&'a PostgresEngine),
    Spark(&'a mut SparkEngine<'o>, Ready, &'a [StagedTable]),
    /// The model has already run on Spark, and its output is in these folders.
    Adopted(Folders, Option<Driven>),
}

/// What the models of a run have in common.
pub(crate) struct RunContext<'a> {
    pub(crate) run: &'a str,
    pub(crate) snapshot: &'a str,
    pub(crate) options: &'a Options,
    pub(crate) table_reports: &'a [TableReport],
    pub(crate) staging: &'a Staging,
    /// Whether a model that Polars cannot finish may run again in a scratch database.
    pub(crate) may_run_again: bool,
    pub(crate) cancel: &'a Cancel,
}

impl RunContext<'_> {
    /// Runs a model, writes its output into the staging folder and reconciles it. If the model is a check of another one, nothing
    /// is written. The results of the output's checks are added to those that exist already.
    pub(crate) fn stage(
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
            None => match engine {
                RunsIn::Spark(..) => tracing::info!(model = model.name, "running on Spark"),
                RunsIn::Adopted(..) => {
                    tracing::info!(model = model.name, "reading what Spark wrote")
                }
                _ => tracing::info!(model = model.name, "joining"),
            },
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
            RunsIn::Adopted(folders, driven) => {
                let of = spark::adopted(
                    &job,
                    self.options,
                    &folders,
                    driven.as_ref(),
                    &target,
                    false,
                )?;
                (Engine::Spark, of)
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

        let file_name = partition_by.and(self.options.layout.file_name(model));
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
            file_name: file_name.as_ref(),
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
            partition_by: partition_by.unwrap_or_default().to_vec(),
            null_partition_rows: null_rows(&written.files),
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

    pub(crate) fn publish(&self, model: &Model) -> anyhow::Result<Place> {
        let single_file = single_file(self.options, model);
        self.staging.publish(&model.name, single_file.as_deref())
    }
}

/// The sums of what was written, by output column. Hidden columns have none, since they are in no file.
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

/// The name of a model's file, unless its output is a folder.
pub(crate) fn single_file(options: &Options, model: &Model) -> Option<String> {
    match options.layout.partition_by(model) {
        Some(_) => None,
        None => Some(format!("{}.{}", model.name, options.extension())),
    }
}

/// Models that Polars began and could not finish, with the reason. Postgres may be able to run them.
#[derive(Debug)]
pub(crate) struct BeyondPolars {
    pub(crate) models: Vec<String>,
    pub(crate) why: anyhow::Error,
}

impl fmt::Display for BeyondPolars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.why)
    }
}

impl std::error::Error for BeyondPolars {}

/// How many rows are in files whose path has the name that stands for NULL and the empty text.
fn null_rows(files: &[FileEntry]) -> u64 {
    let of_null = files.iter().filter(|file| file.path.contains(NULL_FOLDER));
    of_null.map(|file| file.rows).sum()
}
