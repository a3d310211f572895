//! The main job: each table once out of Postgres, in one snapshot; the models in memory; files per client.
//!
//! `extract` reads, `engine` joins, `sink` writes, `reconcile` checks; nothing is published before
//! everything adds up.

pub mod cli;
mod engine;
mod extract;
mod needed;
mod output;
mod portability;
pub mod reconcile;
mod sink;
pub mod verify;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use database::snapshot::Snapshot;
use database::{Cancel, Settings};
use dataset::failure::Kind;
use dataset::{Dataset, Model};
use serde::Serialize;

use needed::Needed;
use reconcile::Reconciliation;
use sink::manifest;
use sink::publish::{Staging, write_file};

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tables and models.
    pub dataset: Dataset,
    /// The Postgres schema that holds the tables.
    pub schema: String,
    /// The folder to publish into.
    pub out: PathBuf,
    /// How a model's output is laid out.
    pub layout: Layout,
    /// The most connections that read one table at once.
    pub partitions: usize,
}

/// How a model's output is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// As the model declares: by its partition columns, in one file if it has none.
    Declared,
    /// A folder for each value of these columns.
    PartitionBy(Vec<String>),
    /// One file.
    SingleFile,
}

impl Layout {
    /// The partition columns for `model`; `None` for a single file.
    fn partition_by<'a>(&'a self, model: &'a Model) -> Option<&'a [String]> {
        let columns = match self {
            Self::Declared => model.partition_by.as_slice(),
            Self::PartitionBy(columns) => columns,
            Self::SingleFile => &[],
        };
        (!columns.is_empty()).then_some(columns)
    }
}

/// What was done.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The run's identifier, as in the manifest.
    pub run: String,
    /// The snapshot, as Postgres names it.
    pub snapshot: String,
    /// The tables as read.
    pub tables: Vec<TableReport>,
    /// The models as written.
    pub models: Vec<ModelReport>,
    /// From the first byte read to the last file in its place.
    pub seconds: f64,
}

/// A table as read.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// Its name.
    pub table: String,
    /// Rows.
    pub rows: u64,
    /// Reading time.
    pub seconds: f64,
}

/// A model's output.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub model: String,
    /// Rows written.
    pub rows: u64,
    /// Files written, without manifest and marker.
    pub files: u64,
    /// Bytes in these files.
    pub bytes: u64,
    /// Time to run the SELECT.
    pub join_seconds: f64,
    /// Time to sort, encode and write.
    pub write_seconds: f64,
    /// Where it lies.
    pub path: PathBuf,
    /// In = written + left out; `None` for a model that declares no driving table.
    pub reconciliation: Option<Reconciliation>,
}

/// Checks what can be checked before the database is asked.
///
/// # Errors
/// [`Kind::Usage`] if a model joins in a way that Polars gets wrong, or lacks a column to partition by.
pub fn check(options: &Options) -> anyhow::Result<()> {
    options.dataset.models.iter().try_for_each(|model| {
        portability::check(model)?;
        engine::plan::Plan::of(model).map(|_| ())
    })?;
    check_layout(&options.dataset.models, &options.layout)
}

/// Reads, joins, writes, checks and publishes.
///
/// # Errors
/// Of every [`Kind`]; nothing is published then, and the former output is as it was.
pub fn run(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    // A statement that was cancelled on the server says so in its own words; ours are clearer.
    run_to_end(settings, options, cancel).map_err(|error| cancel.check().err().unwrap_or(error))
}

fn run_to_end(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    let began = Instant::now();
    let models = &options.dataset.models;
    check(options)?;
    let run = run_id();
    let staging = Staging::begin(&options.out, &run)?;
    for model in models {
        match options.layout.partition_by(model) {
            Some(_) => staging.check_replaceable(&model.name)?,
            None => {
                staging.check_file_replaceable(&file_name(model), &manifest::beside(&model.name))?
            }
        }
    }

    let needed = Needed::by(models)?;
    let wanted = |table: &str, column: &str| needed.has(table, column);
    let snapshot = Snapshot::take(settings, &options.dataset, &options.schema, &wanted, cancel)?;
    let snapshot_id = snapshot.id().to_owned();
    check_columns(&needed, &snapshot)?;
    let (tables, table_reports) = read_tables(settings, options, &snapshot, cancel)?;
    // From here on the database is left alone.
    snapshot.release()?;

    let context = RunContext {
        run: &run,
        snapshot: &snapshot_id,
        options,
        tables: &tables,
        table_reports: &table_reports,
        staging: &staging,
        cancel,
    };
    let mut reports = models
        .iter()
        .map(|model| context.stage(model))
        .collect::<anyhow::Result<Vec<_>>>()?;
    cancel.check()?;
    tracing::info!("publishing");
    for (model, report) in models.iter().zip(&mut reports) {
        report.path = context.publish(model)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    tracing::debug!("deleting the former output");
    drop(staging);
    Ok(Report {
        run,
        snapshot: snapshot_id,
        tables: table_reports,
        models: reports,
        seconds,
    })
}

fn read_tables(
    settings: &Settings,
    options: &Options,
    snapshot: &Snapshot,
    cancel: &Cancel,
) -> anyhow::Result<(engine::Tables, Vec<TableReport>)> {
    let mut tables = Vec::new();
    let mut reports = Vec::new();
    for table in snapshot.tables() {
        let began = Instant::now();
        let frame = extract::read_table(settings, snapshot, table, options.partitions, cancel)?;
        let report = TableReport {
            table: table.schema.name.clone(),
            rows: frame.height() as u64,
            seconds: began.elapsed().as_secs_f64(),
        };
        tracing::info!(table = report.table, rows = report.rows, "read");
        tables.push((report.table.clone(), frame));
        reports.push(report);
    }
    Ok((tables, reports))
}

fn check_layout(models: &[Model], layout: &Layout) -> anyhow::Result<()> {
    for model in models {
        let columns = layout.partition_by(model).unwrap_or_default();
        if let Some(twice) = columns
            .iter()
            .enumerate()
            .find(|(at, name)| columns[..*at].contains(name))
        {
            return Err(Kind::Usage.error(format!("`{}` is named twice to partition by", twice.1)));
        }
        if let Some(unknown) = columns.iter().find(|name| !model.has_column(name)) {
            let names: Vec<&str> = model
                .columns
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            return Err(Kind::Usage.error(format!(
                "model `{}` has no column `{unknown}` to partition by; it has {}",
                model.name,
                names.join(", ")
            )));
        }
    }
    Ok(())
}

fn check_columns(needed: &Needed, snapshot: &Snapshot) -> anyhow::Result<()> {
    for (table, column) in needed.of_tables() {
        let mut tables = snapshot.tables().iter().map(|table| &table.schema);
        let found = tables.find(|schema| schema.name == *table);
        let found =
            found.is_some_and(|schema| schema.columns.iter().any(|live| live.name == *column));
        if !found {
            return Err(
                Kind::Mismatch.error(format!("column `{column}` is missing in table `{table}`"))
            );
        }
    }
    Ok(())
}

/// What the models of one run share.
struct RunContext<'a> {
    run: &'a str,
    snapshot: &'a str,
    options: &'a Options,
    tables: &'a engine::Tables,
    table_reports: &'a [TableReport],
    staging: &'a Staging,
    cancel: &'a Cancel,
}

impl RunContext<'_> {
    /// Runs a model, writes its output into the staging folder and reconciles it.
    fn stage(&self, model: &Model) -> anyhow::Result<ModelReport> {
        self.cancel.check()?;
        let began = Instant::now();
        tracing::info!(model = model.name, "joining");
        let (output, kept) = engine::run(model, self.tables)?;
        let join_seconds = began.elapsed().as_secs_f64();

        let began = Instant::now();
        let partition_by = self.options.layout.partition_by(model);
        let target = match partition_by {
            Some(_) => self.staging.path(&model.name),
            None => self.staging.path(&file_name(model)),
        };
        let written = match partition_by {
            Some(columns) => {
                std::fs::create_dir(&target).with_context(|| target.display().to_string())?;
                sink::write_partitioned(model, output, columns, &target, self.cancel)?
            }
            None => sink::write_single(model, output, &target, self.cancel)?,
        };
        let write_seconds = began.elapsed().as_secs_f64();
        let reconciliation =
            Reconciliation::of(model, self.tables, &kept, written.rows, &written.sums)?;

        let visible = model
            .columns
            .iter()
            .filter(|(name, _)| !model.hidden.contains(name));
        let header = manifest::Run {
            run: self.run,
            extrato: env!("CARGO_PKG_VERSION"),
            dataset: &self.options.dataset.name,
            model: &model.name,
            snapshot: self.snapshot,
            tables: self.table_reports,
            columns: visible
                .map(|(name, kind)| (name.as_str(), kind.to_string()))
                .collect(),
            partition_by: partition_by.unwrap_or_default(),
            rows: written.rows,
            files: written.files.len() as u64,
            bytes: written.bytes,
            sums: written_sums(model, reconciliation.as_ref()),
            reconciliation: reconciliation.as_ref(),
        };
        let text = manifest::text(&header, &written.files)?;
        match partition_by {
            Some(_) => {
                write_file(&target.join(manifest::IN_FOLDER), &text)?;
                write_file(&target.join(manifest::SUCCESS), b"")?;
            }
            None => write_file(&self.staging.path(&manifest::beside(&model.name)), &text)?,
        }
        tracing::info!(
            model = model.name,
            rows = written.rows,
            files = written.files.len(),
            "written"
        );
        Ok(ModelReport {
            model: model.name.clone(),
            rows: written.rows,
            files: written.files.len() as u64,
            bytes: written.bytes,
            join_seconds,
            write_seconds,
            path: target,
            reconciliation,
        })
    }

    fn publish(&self, model: &Model) -> anyhow::Result<PathBuf> {
        match self.options.layout.partition_by(model) {
            Some(_) => self.staging.publish_folder(&model.name),
            None => self
                .staging
                .publish_file(&file_name(model), &manifest::beside(&model.name)),
        }
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

fn file_name(model: &Model) -> String {
    format!("{}.csv", model.name)
}

/// `20260131T235959Z-` and the process's id: no two runs on one machine share it.
fn run_id() -> String {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs() as i64);
    let mut text = Vec::new();
    sink::write_date((seconds / 86_400) as i32, &mut text);
    text.push(b'T');
    sink::write_time(seconds % 86_400 * 1_000_000, &mut text);
    text.retain(|byte| !matches!(byte, b'-' | b':'));
    format!("{}Z-{}", String::from_utf8_lossy(&text), std::process::id())
}

/// The output folder unless another is named.
pub const DEFAULT_OUT: &str = "data/out";
