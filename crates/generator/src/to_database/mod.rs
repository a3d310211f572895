//! Filling a schema: everything is built in a schema of its own that is moved into place at the end.

mod append;
pub(crate) mod copy;
mod keys;
pub mod record;
mod schema;
mod worker_connection;

use std::time::Instant;

use database::lock::{lock, unlock};
use database::{Cancel, Settings};
use postgres::Client;

use crate::options::{Mode, Options, Storage, processors};
use crate::recipe::{Recipe, VERSION};
use crate::report::Report;
use crate::to_database::append::append;
use crate::to_database::copy::Load;
use crate::to_database::record::{Generation, highest};
use crate::to_database::worker_connection::WorkerConnection;

/// What the lock on the schema says of who holds it.
const COMMAND: &str = "generate";

/// Generates the rows and loads them.
///
/// Either all rows are in the schema at the end, or it is as it was before.
///
/// # Errors
/// A failure's [`Kind`](dataset::failure::Kind) is `Usage` for options that make no sense; `Refused` if the schema
/// holds something that `mode` doesn't allow for, or another run is at it; `Connection` if a right is missing or the
/// server goes away; `Output` if its disk is full; `Interrupted` if the run was cancelled.
pub fn generate(settings: &Settings, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    options.check()?;
    let loading = schema::loading_name(&options.schema)?;
    let mut control = settings.connect(cancel)?;
    lock(&mut control, COMMAND, &options.schema)?;
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
    unlock(&mut control, COMMAND, &options.schema);
    // A statement that was cancelled on the server says so in its own words; ours are clearer.
    result.map_err(|error| cancel.check().err().unwrap_or(error))
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
    let source = options
        .known_dataset()?
        .plan(&recipe, options.size, cancel)?;
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
    let connections: anyhow::Result<Vec<_>> = (0..workers)
        .map(|_| WorkerConnection::open(settings, cancel))
        .collect();
    let mut connections = connections?;
    let load = Load {
        schema: loading,
        source,
        freeze,
        cancel,
    };
    let tables = copy::tables(&mut connections, &load)?;
    let load_seconds = loaded.elapsed().as_secs_f64();

    let indexed = Instant::now();
    tracing::info!("adding keys, foreign keys and indexes");
    for connection in &mut connections {
        connection.refresh(cancel)?;
    }
    let mut clients: Vec<_> = connections
        .iter_mut()
        .map(WorkerConnection::client)
        .collect();
    keys::add(
        &mut clients,
        loading,
        &options.dataset.constraints_sql,
        cancel,
    )?;
    drop(connections);
    keys::analyze(control, loading, source)?;
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
