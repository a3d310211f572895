//! The main job: each table once out of Postgres, in one snapshot; the models in memory; files per client.
//!
//! `extract` reads, `engine` joins, `sink` writes, `reconcile` checks; nothing is published before
//! everything adds up, and `write_back` puts the same rows into Postgres where that is asked for. Tables that memory cannot hold go through `stage`, and their models through `ranges`.

pub mod check;
pub mod cli;
mod engine;
mod extract;
mod fault;
pub mod memory;
pub mod model;
pub mod preview;
mod run;
mod sink;
mod stage;

use std::path::{Path, PathBuf};

use database::{Cancel, Settings};
use dataset::failure::Kind;
use dataset::{Dataset, Model};
use serde::Serialize;

use check::reconcile::Reconciliation;
use extract::tables::Source;
use model::catalog::Catalog;
use model::select::Select;
use preview::Preview;
pub use sink::Format;
use sink::postgres;

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
    /// What the files are.
    pub format: Format,
    /// The most connections that read at once; one more holds the snapshot.
    pub max_connections: usize,
    /// The memory that the run may take, in bytes; what needs more is staged on disk.
    pub memory_bytes: u64,
    /// A folder to keep the tables in, as they were read.
    pub stage: Option<PathBuf>,
    /// Whether the report has the first rows of each output.
    pub preview: bool,
    /// The Postgres schema to write the outputs into as tables, besides the files.
    pub to_postgres: Option<String>,
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
    /// The table that has the same rows, if one was to be written.
    pub table: Option<String>,
    /// The first rows, if they were asked for.
    pub preview: Option<Preview>,
    /// In = written + left out; `None` for a model that declares no driving table.
    pub reconciliation: Option<Reconciliation>,
}

/// Checks what can be checked before the database is asked.
///
/// # Errors
/// [`Kind::Usage`] if a model has a construct that is not on the list of what is known to equal Postgres, or lacks a column
/// to partition by; or if results cannot be written into the schema named.
pub fn check(options: &Options) -> anyhow::Result<()> {
    checked(options).map(drop)
}

/// The models, parsed, once they are checked.
fn checked(options: &Options) -> anyhow::Result<Vec<Select<'_>>> {
    let selects = Select::all(&options.dataset.models)?;
    let catalog = Catalog::open(&options.dataset);
    for select in &selects {
        select.resolved(&catalog)?;
    }
    check_layout(&options.dataset.models, &options.layout)?;
    postgres::check_names(options)?;
    Ok(selects)
}

/// Reads, joins, writes, checks and publishes.
///
/// # Errors
/// Of every [`Kind`]; nothing is published then, and the former output is as it was.
pub fn run(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    run::run(&Source::Database(settings), options, cancel)
}

/// The same from the tables that a former run kept below the folder `stage`, without a database.
///
/// # Errors
/// As [`run()`]; [`Kind::Usage`] if there is nothing to read.
pub fn run_from_stage(stage: &Path, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    run::run(&Source::Stage(stage), options, cancel)
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

/// The output folder unless another is named.
pub const DEFAULT_OUT: &str = "data/out";
/// The folder for staged tables unless another is named.
pub const DEFAULT_STAGE: &str = "data/lake";
