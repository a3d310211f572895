//! The tables of a run: from a database, in one snapshot, or from what a former run kept.

use std::path::Path;
use std::time::Instant;

use database::snapshot::Snapshot;
use database::{Cancel, Settings};

use crate::memory::{Budget, Shares};
use crate::model::projection::Needed;
use crate::model::select::Ready;
use crate::options::Options;
use crate::report::TableReport;
use crate::stage::{Spill, StagedTable, Table, layer};
use storage::publish::Staging;

/// Where the tables come from.
pub(crate) enum Source<'a> {
    /// A database.
    Database(&'a Settings),
    /// The raw layer that a former run kept below this folder.
    Stage(&'a Path),
}

/// The tables, as they were read.
pub(crate) struct Read {
    /// The snapshot, as Postgres names it.
    pub(crate) snapshot: String,
    /// The tables by name, in the dataset's order.
    pub(crate) tables: Vec<(String, Table)>,
    pub(crate) reports: Vec<TableReport>,
    /// The models over them, each name and type of which was found before a row was read.
    pub(crate) models: Vec<Ready>,
    /// Keeps a raw layer as it is for the run.
    pub(crate) _layer: Option<layer::Layer>,
}

impl Source<'_> {
    /// Reads the tables with the columns that the models need; what memory cannot hold goes through `staging`.
    pub(crate) fn read(
        &self,
        options: &Options,
        needed: Needed<'_>,
        run: &str,
        staging: &Staging,
        cancel: &Cancel,
    ) -> anyhow::Result<Read> {
        match self {
            Self::Database(settings) => {
                read_database(settings, options, needed, run, staging, cancel)
            }
            Self::Stage(stage) => read_stage(stage, options, needed),
        }
    }
}

fn read_database(
    settings: &Settings,
    options: &Options,
    needed: Needed<'_>,
    run: &str,
    staging: &Staging,
    cancel: &Cancel,
) -> anyhow::Result<Read> {
    // Taken before anything is read: another run may be writing there.
    let kept = match &options.stage {
        Some(stage) => Some(Staging::begin(&layer::folder(stage), run)?),
        None => None,
    };
    // What is kept is kept whole.
    let wanted = |table: &str, column: &str| kept.is_some() || needed.has(table, column);
    let dataset = match &kept {
        Some(_) => needed.with_numerics(&options.dataset),
        None => needed.of(&options.dataset),
    };
    let snapshot = Snapshot::take(settings, &dataset, &options.schema, &wanted, cancel)?;
    let id = snapshot.id().to_owned();
    let reader = snapshot.reader(options.max_connections, "--max-connections");
    let models = needed.ready(snapshot.tables().iter().map(|table| &table.schema))?;

    let root = match &kept {
        Some(kept) => kept.path(&options.dataset.name),
        None => staging.path("raw"),
    };
    let budget = Budget::new(Shares::of(options.memory_bytes).tables());
    let mut tables = Vec::new();
    let mut reports = Vec::new();
    for table in snapshot.tables() {
        let began = Instant::now();
        let name = table.schema.name.clone();
        let spill = Spill::new(&root, &name, &budget, kept.is_some());
        let read = crate::extract::read_table(&snapshot, &reader, table, spill, cancel)?;
        reports.push(TableReport {
            table: name.clone(),
            rows: read.rows(),
            seconds: began.elapsed().as_secs_f64(),
        });
        tracing::info!(table = name, rows = read.rows(), "read");
        tables.push((name, read));
    }
    // From here on the database is left alone.
    drop(reader);
    snapshot.release()?;

    if let Some(kept) = kept {
        let origin = layer::Origin {
            run,
            dataset: &options.dataset.name,
            schema: &options.schema,
            snapshot: &id,
        };
        let staged = tables.into_iter().filter_map(|(_, table)| match table {
            Table::Staged(staged) => Some(staged),
            Table::Frame(_) => None,
        });
        let mut staged = layer::publish(&kept, &origin, staged.collect())?;
        staged
            .iter_mut()
            .for_each(|table| needed.keep(&mut table.schema));
        tables = loaded(staged, options.memory_bytes)?;
    }
    Ok(Read {
        snapshot: id,
        tables,
        reports,
        models,
        _layer: None,
    })
}

fn read_stage(stage: &Path, options: &Options, needed: Needed<'_>) -> anyhow::Result<Read> {
    let mut layer = layer::open(stage, &needed.of(&options.dataset))?;
    let models = needed.ready(layer.tables.iter().map(|table| &table.schema))?;
    let mut tables = std::mem::take(&mut layer.tables);
    tables
        .iter_mut()
        .for_each(|table| needed.keep(&mut table.schema));
    let reports = tables.iter().map(layer::report).collect();
    Ok(Read {
        snapshot: layer.snapshot.clone(),
        tables: loaded(tables, options.memory_bytes)?,
        reports,
        models,
        _layer: Some(layer),
    })
}

/// Loads as many tables as memory can hold, in their order; the others stay on disk.
fn loaded(tables: Vec<StagedTable>, memory_bytes: u64) -> anyhow::Result<Vec<(String, Table)>> {
    let mut left = Shares::of(memory_bytes).tables();
    tables
        .into_iter()
        .map(|staged| {
            let name = staged.schema.name.clone();
            let table = Table::Staged(staged);
            let bytes = table.memory_bytes();
            if bytes > left {
                return Ok((name, table));
            }
            left -= bytes;
            Ok((name, Table::Frame(table.load()?)))
        })
        .collect()
}
