//! The tables of a run: read from a database in one snapshot, or from what an earlier run kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use database::catalogue::{self, LiveTable};
use database::mirror::blueprint::Blueprint;
use database::snapshot::{Reader, Snapshot};
use database::{Cancel, Settings, transaction};
use dataset::{Dataset, Place, TableSchema};

use crate::engine::postgres::PostgresEngine;
use crate::engine::route::{self, Route};
use crate::engine::spark;
use crate::marks;
use crate::memory::{Budget, Shares};
use crate::model::projection::Needed;
use crate::model::select::{Ready, Select};
use crate::options::{Engine, Options};
use crate::report::TableReport;
use crate::stage::layer::{self, Layer};
use crate::stage::{Spill, StagedTable, Table};
use storage::publish::Staging;

/// The source of the tables.
pub(crate) enum Source<'a> {
    /// A database.
    Database(&'a Settings),
    /// The raw layer that an earlier run kept.
    Layer(&'a Layer),
}

/// The tables that were read.
pub(crate) struct Read {
    /// The database snapshot, as Postgres names it.
    pub(crate) snapshot: String,
    /// The tables by name, in the dataset's order.
    pub(crate) tables: Vec<(String, Table)>,
    pub(crate) reports: Vec<TableReport>,
    /// The models over the tables. Their names and types were resolved before any row was read.
    pub(crate) models: Vec<Ready>,
}

impl Source<'_> {
    /// Chooses the engine of each model, given the tables.
    ///
    /// # Errors
    /// Any error of the connection; an error for a table that is missing, or for a model that no engine may run.
    pub(crate) fn routes(
        &self,
        selects: &[Select<'_>],
        options: &Options,
        cancel: &Cancel,
    ) -> anyhow::Result<Vec<Route>> {
        match self {
            Self::Database(settings) => route::of_database(selects, settings, options, cancel),
            Self::Layer(layer) => route::of_layer(selects, layer, options),
        }
    }

    /// Makes a scratch database for models, with the tables that they read but without rows.
    ///
    /// # Errors
    /// As [`PostgresEngine::prepare`]; any error of the connection.
    pub(crate) fn prepare(
        &self,
        selects: &[&Select<'_>],
        options: &Options,
        cancel: &Cancel,
    ) -> anyhow::Result<PostgresEngine> {
        let blueprint = match self {
            Self::Database(settings) => {
                let tables = options.dataset.tables.iter();
                let read =
                    tables.filter(|table| selects.iter().any(|of| of.reads_table(&table.name)));
                let schema = &options.schema;
                let read = read.map(|table| (table.name.clone(), table.place_in(schema)));
                let read: BTreeMap<String, Place> = read.collect();
                let mut connection = settings.connect(cancel)?;
                transaction::reading(&mut connection, |client| {
                    Blueprint::read(client, schema, &read)
                })?
            }
            Self::Layer(layer) => layer.blueprint()?,
        };
        PostgresEngine::prepare(blueprint, options, selects, cancel)
    }

    /// Whether a scratch database can be made for this source, as far as the source tells.
    pub(crate) fn has_blueprint(&self) -> bool {
        match self {
            Self::Database(_) => true,
            Self::Layer(layer) => layer.blueprint().is_ok(),
        }
    }

    /// Reads the tables with the columns that the models need. What doesn't fit in memory goes through `staging`, and what
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
            Self::Layer(layer) => read_layer(layer, options, needed, postgres, cancel),
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
    // The place is taken before anything is read, since another run may be writing there.
    let kept = match &options.stage {
        Some(stage) => {
            let raw = layer::folder(stage).cancelled_by(cancel);
            let kept = Staging::begin(&raw, run, "--stage", options.keep)?;
            kept.claim(&options.dataset.name, None)?;
            Some(kept)
        }
        None => None,
    };
    // Tables that are kept are kept with all columns.
    let wanted = |table: &str, column: &str| kept.is_some() || needed.has(table, column);
    let dataset = match &kept {
        Some(_) => needed.with_numerics(&options.dataset),
        None => needed.of(&options.dataset),
    };
    let kept_on_disk = kept
        .as_ref()
        .map(|kept| kept.output(&options.dataset.name, None));
    let root = match kept_on_disk {
        Some(storage::place::Place::Disk(root)) => root,
        // These files go from there into the bucket when everything is read.
        Some(storage::place::Place::Bucket(_)) | None => staging.scratch("raw"),
    };
    let mut reading = Reading {
        root,
        budget: Budget::new(Shares::of(options.memory_bytes).tables()),
        is_on_disk: kept.is_some() || options.engine == Engine::Spark,
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
    if let Some((zone, column)) = snapshot.other_time_zone()? {
        tracing::info!(
            "timestamptz columns, such as {column}, are read, compared and written in UTC; the database's time zone is {zone}, \
             whose time and date a model gets by `AT TIME ZONE '{zone}'`"
        );
    }
    // If tables are copied, the others are resolved later, as they were when the engines were chosen.
    let resolved = match copied.is_empty() {
        true => {
            let schemas = snapshot.tables().iter().map(|table| &table.schema);
            Some(ready(needed, options, &schemas.collect::<Vec<_>>())?)
        }
        false => None,
    };
    let reader = snapshot.reader(options.max_connections, "--max-connections");
    let blueprint = match &kept {
        None => None,
        Some(_) => {
            let tables = snapshot.tables().iter();
            let places = tables.map(|table| (table.schema.name.clone(), table.place.clone()));
            let places: BTreeMap<String, Place> = places.collect();
            let mut connection = snapshot.connection();
            let read = Blueprint::read(&mut **connection, &options.schema, &places)?;
            Some(read)
        }
    };
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
    // From here on the database is no longer used.
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
        None => ready(needed, options, &schemas.iter().collect::<Vec<_>>())?,
    };

    if let (Some(kept), Some(blueprint)) = (kept, &blueprint) {
        let origin = layer::Origin {
            run,
            dataset: &options.dataset.name,
            schema: &options.schema,
            snapshot: &id,
            places: options
                .dataset
                .tables
                .iter()
                .filter_map(|table| Some((table.name.as_str(), table.place.as_ref()?)))
                .filter(|(_, place)| place.schema != options.schema)
                .collect(),
            blueprint,
        };
        let staged = tables.into_iter().filter_map(|(_, table)| match table {
            Table::Staged(staged) => Some(staged),
            Table::Frame(_) => None,
        });
        let mut staged = layer::publish(&kept, &origin, staged.collect())?;
        staged
            .iter_mut()
            .for_each(|table| needed.keep(&mut table.schema));
        tables = loaded(staged, options)?;
    }
    Ok(Read {
        snapshot: id,
        tables,
        reports,
        models,
    })
}

/// The tables of a run, while they are being read.
struct Reading<'a> {
    /// The folder for tables that don't fit in memory.
    root: PathBuf,
    budget: Budget,
    /// Whether tables go to disk even if they fit in memory.
    is_on_disk: bool,
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
            let spill = Spill::new(&self.root, &name, &self.budget, self.is_on_disk);
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

    /// Adds a table to the report, unless it is there already.
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
    /// Tables that Polars needs too. It reads them from the scratch database, so that they leave the source only once.
    served: BTreeSet<String>,
}

impl Copied {
    /// The columns that `postgres` needs, with those that Polars wants of the same tables in `dataset`.
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

    /// The dataset with only the tables that Polars reads from the scratch database; `None` if there are none.
    fn served(&self, dataset: &Dataset) -> Option<Dataset> {
        let mut served = dataset.clone();
        served.tables.retain(|table| self.serves(&table.name));
        (!served.tables.is_empty()).then_some(served)
    }
}

/// Resolves the models, and checks that their files can have the decimal mark that is asked for, and that Spark may run them if it
/// is asked for.
///
/// # Errors
/// As [`Needed::ready`], [`marks::check`] and [`spark::check_model`].
pub(crate) fn ready(
    needed: Needed<'_>,
    options: &Options,
    schemas: &[&TableSchema],
) -> anyhow::Result<Vec<Ready>> {
    let models = needed.ready(schemas.iter().copied())?;
    for (select, ready) in needed.0.iter().zip(&models) {
        marks::check(&options.dialect, select.model, &ready.resolved, schemas)?;
        if options.engine == Engine::Spark {
            let model = select.model;
            spark::check_model(model, ready, schemas, &options.layout, options.format)?;
        }
    }
    Ok(models)
}

/// Reads the tables of a raw layer with the columns that the models need, and fills `postgres` with the columns that it needs.
pub(crate) fn read_layer(
    layer: &Layer,
    options: &Options,
    needed: Needed<'_>,
    postgres: Option<&PostgresEngine>,
    cancel: &Cancel,
) -> anyhow::Result<Read> {
    let mut tables = layer.tables(&needed.of(&options.dataset))?;
    if options.engine != Engine::Spark {
        layer.fetch(&tables)?;
    }
    let schemas: Vec<_> = tables.iter().map(|table| &table.schema).collect();
    let models = ready(needed, options, &schemas)?;
    tables
        .iter_mut()
        .for_each(|table| needed.keep(&mut table.schema));
    let mut reports: Vec<TableReport> = tables.iter().map(layer::report).collect();
    if let Some(engine) = postgres {
        let mut copied = options.dataset.clone();
        copied
            .tables
            .retain(|table| engine.needed().any(|(name, _)| name == table.name));
        let copied = layer.tables(&copied)?;
        layer.fetch(&copied)?;
        engine.check_kept(&copied)?;
        for table in &copied {
            let began = Instant::now();
            let rows = engine.fill_from(table, cancel)?;
            let name = &table.schema.name;
            tracing::info!(table = name, rows, "read");
            reports.retain(|report| report.table != *name);
            reports.push(TableReport {
                seconds: began.elapsed().as_secs_f64(),
                ..layer::report(table)
            });
        }
    }
    let place = |report: &TableReport| {
        let mut tables = options.dataset.tables.iter();
        tables.position(|table| table.name == report.table)
    };
    reports.sort_by_key(place);
    Ok(Read {
        snapshot: layer.snapshot().to_owned(),
        tables: loaded(tables, options)?,
        reports,
        models,
    })
}

/// Loads tables in order, as many as fit in memory. The others stay on disk; for Spark, all do.
fn loaded(tables: Vec<StagedTable>, options: &Options) -> anyhow::Result<Vec<(String, Table)>> {
    let mut left = Shares::of(options.memory_bytes).tables();
    tables
        .into_iter()
        .map(|staged| {
            let name = staged.schema.name.clone();
            let table = Table::Staged(staged);
            let bytes = table.memory_bytes();
            if bytes > left || options.engine == Engine::Spark {
                return Ok((name, table));
            }
            left -= bytes;
            Ok((name, Table::Frame(table.load()?)))
        })
        .collect()
}
