//! Fills a schema: everything is built in a separate schema and moved into place at the end.

mod append;
pub(crate) mod copy;
mod keys;
pub mod record;
mod schema;
mod worker_connection;

use std::time::Instant;

use anyhow::Context;
use database::lock::lock;
use database::{Cancel, Settings, transaction};
use postgres::Client;
use tracing::field;

use crate::options::{Mode, Options, processors};
use crate::recipe::{Recipe, VERSION};
use crate::report::{Report, TableReport};
use crate::table::RowSource;
use crate::table::faults::FaultCounts;
use crate::to_database::append::append;
use crate::to_database::copy::Load;
use crate::to_database::record::{Generation, highest};
use crate::to_database::worker_connection::WorkerConnection;

/// The name under which this command holds the lock on the schema.
const COMMAND: &str = "generate";

/// Generates the rows and loads them.
///
/// At the end, either all rows are in the schema, or it is as it was before.
///
/// # Errors
/// The [`Kind`](dataset::failure::Kind) of a failure is `Usage` for options that make no sense; `Refused` if the schema
/// holds something that `mode` doesn't allow, or another run is working on it; `Connection` if a right is missing or the
/// server goes away; `Output` if the server's disk is full; `Interrupted` if the run was cancelled.
pub fn generate(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    options.check()?;
    let loading = schema::loading_name(&options.schema)?;
    let mut control = settings.connect(cancel)?;
    begin(&mut control, options)?;
    let result = if options.mode == Mode::Append {
        append(&mut control, options, cancel)
    } else {
        fill(settings, &mut control, &loading, options, cancel)
    };
    // A statement that was cancelled on the server says so in its own words; ours are clearer.
    result.map_err(|error| cancel.check().err().unwrap_or(error))
}

/// Begins a transaction on the connection that keeps other runs off the schema.
fn begin(control: &mut Client, options: &Options) -> anyhow::Result<()> {
    transaction::begin(control)?;
    lock(control, COMMAND, &options.schema)
}

/// Builds everything in the schema `loading` and moves it into place. A single worker does it all in the control connection's
/// transaction; several have connections of their own, which must be able to see the new schema.
fn fill(
    settings: &Settings,
    control: &mut Client,
    loading: &str,
    options: &Options,
    cancel: &Cancel,
) -> anyhow::Result<Report> {
    let start = Instant::now();
    schema::check_rights(control, &options.schema)?;
    if options.mode == Mode::Fresh {
        schema::check_empty(control, &options.schema)?;
    }
    let workers = match options.workers {
        Some(workers) => workers,
        None => processors()
            .min(schema::free_connections(control)? / 2)
            .max(1),
    };
    let recipe = options.asked.or(&Recipe::default());
    let source = options
        .known_dataset()?
        .plan(&recipe, options.size, cancel)?;
    let fill = Fill {
        settings,
        loading,
        options,
        cancel,
        source: source.as_ref(),
        workers,
    };
    let created =
        schema::create_loading(control, loading, &options.dataset, options.storage.unlogged)?;
    let (tables, (load_seconds, mut index_seconds)) = match workers {
        1 => fill.rows(&mut [WorkerConnection::Lent(control)])?,
        _ => {
            control
                .batch_execute("COMMIT")
                .with_context(|| format!("cannot create schema {loading}"))?;
            let filled = begin(control, options)
                .and_then(|()| schema::check_same(control, loading, created))
                .and_then(|()| fill.rows_over_connections());
            filled
                .and_then(|(tables, (load_seconds, index_seconds))| {
                    let analyzed = fill.publish(control, &recipe)?;
                    Ok((tables, (load_seconds, index_seconds + analyzed)))
                })
                .inspect_err(|_| schema::drop_loading(settings, control, loading, created))?
        }
    };
    if workers == 1 {
        index_seconds += fill.publish(control, &recipe)?;
    }
    Ok(Report::new(
        options,
        &recipe,
        source.as_ref(),
        tables,
        workers,
        (load_seconds, index_seconds),
        start,
    ))
}

/// What a fresh load works with.
struct Fill<'a> {
    settings: &'a Settings,
    loading: &'a str,
    options: &'a Options,
    cancel: &'a Cancel,
    source: &'a dyn RowSource,
    workers: usize,
}

/// What was copied into each table, and the seconds that copying and indexing took.
type Filled = (Vec<(TableReport, FaultCounts)>, (f64, f64));

impl Fill<'_> {
    /// Copies the rows over connections of the workers' own.
    fn rows_over_connections(&self) -> anyhow::Result<Filled> {
        let connections: anyhow::Result<Vec<_>> = (0..self.workers)
            .map(|_| WorkerConnection::open(self.settings, self.workers, self.cancel))
            .collect();
        self.rows(&mut connections?)
    }

    /// Copies the rows and adds the keys.
    fn rows(&self, connections: &mut [WorkerConnection<'_>]) -> anyhow::Result<Filled> {
        let (loading, cancel) = (self.loading, self.cancel);
        let loaded = Instant::now();
        let load = Load {
            schema: loading,
            source: self.source,
            freeze: self.options.storage.freeze,
            cancel,
        };
        let tables = copy::tables(connections, &load)?;
        let load_seconds = loaded.elapsed().as_secs_f64();
        let indexed = Instant::now();
        tracing::info!("adding keys, foreign keys and indexes");
        let span = tracing::info_span!(
            "adding keys, foreign keys and indexes",
            waits = field::Empty
        );
        let _shown = span.entered();
        for connection in &mut *connections {
            connection.refresh(cancel)?;
        }
        keys::add(
            connections,
            loading,
            &self.options.dataset.constraints_sql,
            cancel,
        )?;
        Ok((tables, (load_seconds, indexed.elapsed().as_secs_f64())))
    }

    /// Records what was made and moves it into place, in the control connection's transaction. Returns the seconds that
    /// ANALYZE took.
    fn publish(&self, control: &mut Client, recipe: &Recipe) -> anyhow::Result<f64> {
        let Options {
            dataset,
            schema,
            storage,
            mode,
            ..
        } = self.options;
        let began = Instant::now();
        let span = tracing::info_span!("collecting statistics", waits = field::Empty);
        span.in_scope(|| keys::analyze(control, self.loading, self.source))?;
        let analyze_seconds = began.elapsed().as_secs_f64();
        let generation = Generation {
            dataset: dataset.name.clone(),
            version: VERSION,
            recipe: recipe.clone(),
            highest: highest(self.source),
        };
        Generation::create(control, self.loading, storage.unlogged)?;
        generation.write(control, self.loading)?;
        self.cancel.check()?;
        schema::publish(control, self.loading, schema, *mode == Mode::Replace)?;
        tracing::info!(schema, "moved into place");
        Ok(analyze_seconds)
    }
}
