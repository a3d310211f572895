//! Filling a schema: everything is built in a schema of its own that is moved into place at the end.

mod append;
pub(crate) mod copy;
mod keys;
pub mod record;
mod schema;
mod worker_connection;

use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use anyhow::Context;
use database::catalogue::identifier::qualified;
use database::{Cancel, Settings};
use dataset::Dataset;
use dataset::failure::Kind;
use postgres::Client;
use serde::Serialize;

use crate::VERSION;
use crate::cards::plan::BusiestClient;
use crate::recipe::{Asked, Recipe};
use crate::table::faults::{Planted, PlantedFault};
use crate::table::{Maker, Source};
use crate::to_database::append::append;
use crate::to_database::copy::{Load, TableReport};
use crate::to_database::record::{Generation, highest};
use crate::to_database::worker_connection::Lane;

/// The most connections that load at a time.
pub const MAX_WORKERS: usize = 64;

/// What to generate, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The dataset, one that rows can be made for: `cards`, `hiring`, `sales`.
    pub dataset: Dataset,
    /// The schema to fill.
    pub schema: String,
    /// How many associates of `cards` (with all that they own), orders of `sales` (with all that they need), or
    /// employees of `hiring`; 1 or more.
    pub size: u32,
    /// What the rows depend on. What is not asked for is as in [`Recipe::default`], or when appending as in the
    /// rows that are there.
    pub asked: Asked,
    /// Connections that load at the same time, 1 to [`MAX_WORKERS`]; `None` means one for each processor of
    /// this machine, but no more than half of those that the server has left. No row depends on it.
    /// Appending uses one.
    pub workers: Option<usize>,
    /// What to do about what the schema holds.
    pub mode: Mode,
    /// How the rows are stored.
    pub storage: Storage,
}

/// What to do about what the schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It must not hold anything.
    Fresh,
    /// Drop the dataset's own tables and types in it, and nothing else.
    Replace,
    /// Add associates to those that an earlier run made. For `cards` only.
    Append,
}

/// How rows are stored. Appended ones are stored as those before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Storage {
    /// In tables without write-ahead log: a crash of the server empties them, a replica doesn't have them.
    pub unlogged: bool,
    /// Frozen as they come in, so that no later read or vacuum has to mark them; one connection for each table.
    pub freeze: bool,
}

/// What was generated.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The dataset's name.
    pub dataset: String,
    /// The schema.
    pub schema: String,
    /// The folder, if the rows went into files.
    pub folder: Option<PathBuf>,
    /// The seed.
    pub seed: u64,
    /// The [`VERSION`] that made the rows.
    pub version: u32,
    /// "Today", `YYYY-MM-DD`.
    pub as_of: String,
    /// Connections that loaded, or threads that wrote, at the same time.
    pub workers: usize,
    /// What this run added, table by table in foreign-key order.
    pub tables: Vec<TableReport>,
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of all tables.
    pub bytes: u64,
    /// The client with the most movements, if there are movements.
    pub busiest_client: Option<BusiestClient>,
    /// The faults that were planted on purpose.
    pub planted: Vec<PlantedFault>,
    /// Making the rows and bringing them there alone.
    pub load_seconds: f64,
    /// Keys, foreign keys, indexes and ANALYZE.
    pub index_seconds: f64,
    /// The whole run.
    pub seconds: f64,
}

impl Report {
    pub(crate) fn new(
        options: &Options,
        recipe: &Recipe,
        source: &dyn Source,
        tables: Vec<(TableReport, Planted)>,
        workers: usize,
        (load_seconds, index_seconds): (f64, f64),
        start: Instant,
    ) -> Self {
        Self {
            dataset: options.dataset.name.clone(),
            schema: options.schema.clone(),
            folder: None,
            seed: recipe.seed,
            version: VERSION,
            as_of: recipe.as_of.to_string(),
            workers,
            rows: tables.iter().map(|(table, _)| table.rows).sum(),
            bytes: tables.iter().map(|(table, _)| table.bytes).sum(),
            busiest_client: source.busiest(),
            planted: tables
                .iter()
                .flat_map(|(table, planted)| planted.report(table.table))
                .collect(),
            tables: tables.into_iter().map(|(table, _)| table).collect(),
            load_seconds,
            index_seconds,
            seconds: start.elapsed().as_secs_f64(),
        }
    }
}

/// Generates the rows and loads them.
///
/// Either all rows are in the schema at the end, or it is as it was before.
///
/// # Errors
/// [`Kind::Usage`] for options that make no sense; [`Kind::Refused`] if the schema holds something that
/// `mode` doesn't allow for, or another run is at it; [`Kind::Connection`] if a right is missing or the
/// server goes away; [`Kind::Output`] if its disk is full; [`Kind::Interrupted`].
pub fn generate(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    options.check()?;
    let loading = schema::loading_name(&options.schema)?;
    let mut control = settings.connect(cancel)?;
    schema::lock(&mut control, &options.schema)?;
    let result = if options.mode == Mode::Append {
        append(&mut control, options, cancel)
    } else {
        schema::check_rights(&mut control, &options.schema).and_then(|()| {
            if options.mode == Mode::Fresh {
                schema::check_empty(&mut control, &options.schema)?;
            }
            let filled = fill(settings, &mut control, &loading, options, cancel);
            if filled.is_err() {
                schema::drop_loading(settings, &mut control, &loading);
            }
            filled
        })
    };
    schema::unlock(&mut control, &options.schema);
    // A statement that was cancelled on the server says so in its own words; ours are clearer.
    result.map_err(|error| cancel.check().err().unwrap_or(error))
}

impl Options {
    /// Whether they make sense.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let maker = self.maker()?;
        let described = self.dataset.tables.iter().map(|table| table.name.as_str());
        if !described.eq(maker.layouts().iter().map(|table| table.name)) {
            return Err(Kind::Usage.error(format!(
                "rows can be generated for the dataset {0} that is built in, not for another {0} with tables of its own",
                self.dataset.name
            )));
        }
        if !(1..=maker.most()).contains(&self.size) {
            return Err(Kind::Usage.error(format!(
                "{} {}: give 1 to {}",
                self.size,
                maker.unit(),
                maker.most()
            )));
        }
        let (laws, as_of) = (&self.asked.laws, self.asked.as_of);
        for (option, asked) in [
            ("--append", self.mode == Mode::Append),
            ("--as-of", as_of.is_some()),
            ("distributions", laws.is_some()),
        ] {
            if asked && !maker.has_laws() {
                return Err(Kind::Usage.error(format!(
                    "{option}: not for the dataset {}, whose rows have laws and dates of their own; leave it out",
                    self.dataset.name
                )));
            }
        }
        if let Some(workers) = self.workers
            && !(1..=MAX_WORKERS).contains(&workers)
        {
            return Err(Kind::Usage.error(format!("{workers} workers: give 1 to {MAX_WORKERS}")));
        }
        self.asked.or(&Recipe::default()).check()
    }

    /// What makes the rows.
    pub(crate) fn maker(&self) -> anyhow::Result<Maker> {
        Maker::of(&self.dataset.name)
    }
}

/// Builds everything in the schema `loading` and moves it into place.
fn fill(
    settings: &Settings,
    control: &mut Client,
    loading: &str,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    let start = Instant::now();
    let recipe = options.asked.or(&Recipe::default());
    let source = options.maker()?.plan(&recipe, options.size, cancel)?;
    let source = source.as_ref();
    let Storage { unlogged, freeze } = options.storage;
    schema::create_loading(control, loading, &options.dataset, unlogged)?;

    let loaded = Instant::now();
    let workers = match options.workers {
        Some(workers) => workers,
        None => processors()
            .min(schema::free_connections(control)? / 2)
            .max(1),
    };
    let lanes: anyhow::Result<Vec<_>> =
        (0..workers).map(|_| Lane::open(settings, cancel)).collect();
    let mut lanes = lanes?;
    let load = Load {
        schema: loading,
        source,
        freeze,
        cancel,
    };
    let tables = copy::tables(&mut lanes, &load)?;
    let load_seconds = loaded.elapsed().as_secs_f64();

    let indexed = Instant::now();
    tracing::info!("adding keys, foreign keys and indexes");
    for lane in &mut lanes {
        lane.refresh(cancel)?;
    }
    let mut clients: Vec<_> = lanes.iter_mut().map(Lane::client).collect();
    keys::add(
        &mut clients,
        loading,
        &options.dataset.constraints_sql,
        cancel,
    )?;
    drop(lanes);
    analyze(control, loading, source)?;
    let index_seconds = indexed.elapsed().as_secs_f64();

    let generation = Generation {
        dataset: options.dataset.name.clone(),
        version: VERSION,
        recipe,
        highest: highest(source),
    };
    Generation::create(control, loading, unlogged)?;
    generation.write(control, loading)?;
    cancel.check()?;
    schema::publish(
        control,
        loading,
        &options.schema,
        options.mode == Mode::Replace,
    )?;
    tracing::info!(schema = options.schema, "moved into place");
    Ok(Report::new(
        options,
        &generation.recipe,
        source,
        tables,
        workers,
        (load_seconds, index_seconds),
        start,
    ))
}

pub(crate) fn processors() -> usize {
    thread::available_parallelism()
        .map_or(1, usize::from)
        .min(MAX_WORKERS)
}

/// Statistics for the planner.
pub(crate) fn analyze(
    client: &mut Client,
    schema: &str,
    source: &dyn Source,
) -> anyhow::Result<()> {
    let tables = source.tables().iter();
    let tables: Vec<_> = tables.map(|table| qualified(schema, table.name)).collect();
    client
        .batch_execute(&format!("ANALYZE {}", tables.join(", ")))
        .with_context(|| format!("cannot analyze the tables in schema {schema}"))
}
