//! The tables of a run: from a database, in one snapshot, or from what a former run kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use database::catalogue::{self, LiveTable};
use database::snapshot::{Reader, Snapshot};
use database::{Cancel, Settings};
use dataset::{Dataset, TableSchema};

use crate::engine::postgres::PostgresEngine;
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
    /// Reads the tables with the columns that the models need; what memory cannot hold goes through `staging`, and what
    /// `postgres` needs is copied there.
    pub(crate) fn read(
        &self,
        options: &Options,
        needed: Needed<'_>,
        run: &str,
        staging: &Staging,
        postgres: Option<&PostgresEngine>,
        cancel: &Cancel,
    ) -> anyhow::Result<Read> {
        match self {
            Self::Database(settings) => {
                read_database(settings, options, needed, run, staging, postgres, cancel)
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
    postgres: Option<&PostgresEngine>,
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
    let root = match &kept {
        Some(kept) => kept.path(&options.dataset.name),
        None => staging.path("raw"),
    };
    let mut reading = Reading {
        root,
        budget: Budget::new(Shares::of(options.memory_bytes).tables()),
        is_kept: kept.is_some(),
        tables: Vec::new(),
        schemas: Vec::new(),
        reports: Vec::new(),
        cancel,
    };
    let copied = Copied::of(postgres, &dataset, &wanted);
    let from_source = |table: &str, column: &str| {
        dataset.table(table).is_some() && !copied.serves(table) && wanted(table, column)
    };
    let all = copied.with(&options.dataset, &dataset);
    let snapshot = Snapshot::take(settings, &all, &options.schema, &from_source, cancel)?;
    let id = snapshot.id().to_owned();
    // What is read later was resolved when the models' engines were chosen.
    let resolved = match copied.is_empty() {
        true => Some(needed.ready(snapshot.tables().iter().map(|table| &table.schema))?),
        false => None,
    };
    let reader = snapshot.reader(options.max_connections, "--max-connections");
    if let Some(engine) = postgres {
        engine.check_unaltered(&snapshot)?;
        for table in snapshot.tables().iter().filter(|of| !of.as_is.is_empty()) {
            reading.copy(engine, &snapshot, &reader, table)?;
        }
    }
    let is_read = |table: &LiveTable| {
        dataset.table(&table.schema.name).is_some() && !copied.serves(&table.schema.name)
    };
    reading.read(&snapshot, &reader, is_read)?;
    // From here on the database is left alone.
    drop(reader);
    snapshot.release()?;
    if let Some(engine) = postgres
        && let Some(dataset) = copied.served(&dataset)
    {
        let snapshot = Snapshot::take(
            engine.settings(),
            &dataset,
            &options.schema,
            &wanted,
            cancel,
        )?;
        let reader = snapshot.reader(options.max_connections, "--max-connections");
        reading.read(&snapshot, &reader, |_| true)?;
        drop(reader);
        snapshot.release()?;
    }
    let Reading {
        mut tables,
        schemas,
        reports,
        ..
    } = reading;
    let models = match resolved {
        Some(models) => models,
        None => needed.ready(schemas.iter())?,
    };

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

/// The tables of a run, while they are read.
struct Reading<'a> {
    /// Where tables go that memory cannot hold.
    root: PathBuf,
    budget: Budget,
    is_kept: bool,
    tables: Vec<(String, Table)>,
    schemas: Vec<TableSchema>,
    reports: Vec<TableReport>,
    cancel: &'a Cancel,
}

impl Reading<'_> {
    /// Reads tables of a snapshot into frames.
    fn read(
        &mut self,
        snapshot: &Snapshot,
        reader: &Reader,
        is_read: impl Fn(&LiveTable) -> bool,
    ) -> anyhow::Result<()> {
        for table in snapshot.tables().iter().filter(|table| is_read(table)) {
            let began = Instant::now();
            let name = table.schema.name.clone();
            let spill = Spill::new(&self.root, &name, &self.budget, self.is_kept);
            let read = crate::extract::read_table(snapshot, reader, table, spill, self.cancel)?;
            self.report(&name, read.rows(), began);
            self.schemas.push(table.schema.clone());
            self.tables.push((name, read));
        }
        Ok(())
    }

    /// Copies a table into the scratch database.
    fn copy(
        &mut self,
        engine: &PostgresEngine,
        snapshot: &Snapshot,
        reader: &Reader,
        table: &LiveTable,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let rows = engine.fill(snapshot, reader, table, self.cancel)?;
        self.report(&table.schema.name, rows, began);
        Ok(())
    }

    /// Reports a table, once.
    fn report(&mut self, table: &str, rows: u64, began: Instant) {
        if self.reports.iter().any(|report| report.table == table) {
            return;
        }
        tracing::info!(table, rows, "read");
        self.reports.push(TableReport {
            table: table.to_owned(),
            rows,
            seconds: began.elapsed().as_secs_f64(),
        });
    }
}

/// The columns that are copied into the scratch database, by table.
#[derive(Default)]
struct Copied {
    columns: BTreeMap<String, Vec<String>>,
    /// Tables that Polars needs too, and takes from there, since they leave the source once.
    served: BTreeSet<String>,
}

impl Copied {
    /// What `postgres` needs, with what Polars wants of the same tables of `dataset`.
    fn of(
        postgres: Option<&PostgresEngine>,
        dataset: &Dataset,
        wanted: catalogue::Wanted<'_>,
    ) -> Self {
        let mut copied = Self::default();
        let needed = postgres.into_iter().flat_map(|engine| {
            let tables = engine.needed();
            tables.map(move |(table, columns)| (engine, table, columns))
        });
        for (engine, table, columns) in needed {
            let mut columns = columns.clone();
            if dataset.table(table).is_some() {
                let also: Vec<&str> = engine
                    .columns(table)
                    .filter(|column| wanted(table, column))
                    .collect();
                if also.iter().all(|column| engine.has(table, column)) {
                    copied.served.insert(table.to_owned());
                    columns.extend(also.into_iter().map(str::to_owned));
                }
            }
            let columns = columns.into_iter().collect();
            copied.columns.insert(table.to_owned(), columns);
        }
        copied
    }

    fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    fn serves(&self, table: &str) -> bool {
        self.served.contains(table)
    }

    /// The tables of `all` that are read from the source: those of `dataset`, and those that are copied.
    fn with(&self, all: &Dataset, dataset: &Dataset) -> Dataset {
        let mut source = dataset.clone();
        let tables = all.tables.iter().filter_map(|table| {
            let copied = self.columns.get(&table.name);
            let read = dataset.table(&table.name);
            let mut table = read.or(copied.map(|_| table))?.clone();
            table.as_is = copied.cloned().unwrap_or_default();
            Some(table)
        });
        source.tables = tables.collect();
        source
    }

    /// The dataset with the tables alone that Polars takes from the scratch database.
    fn served(&self, dataset: &Dataset) -> Option<Dataset> {
        let mut served = dataset.clone();
        served.tables.retain(|table| self.serves(&table.name));
        (!served.tables.is_empty()).then_some(served)
    }
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
