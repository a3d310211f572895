//! Filling a schema: everything in a schema of its own that is moved into place at the end, or more
//! associates added to what an earlier run made.

use std::time::Instant;

use anyhow::Context;
use database::identifier::qualified;
use database::{Cancel, Settings};
use dataset::Dataset;
use dataset::failure::Kind;
use postgres::Client;
use serde::Serialize;

use crate::cards::Cards;
use crate::copy::{self, TableReport};
use crate::plan::{Counts, MAX_ASSOCIATES, Plan};
use crate::record::{Generation, recorded};
use crate::{DEFAULT_SEED, VERSION, schema};

/// The most connections that load at a time.
pub const MAX_WORKERS: usize = 64;

/// What to generate, and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The dataset; rows can be made for `cards`.
    pub dataset: Dataset,
    /// The schema to fill.
    pub schema: String,
    /// How many associates (with all that they own), 1 to [`MAX_ASSOCIATES`].
    pub associates: u32,
    /// The seed. `None` means [`DEFAULT_SEED`], or when appending the seed of the rows that are there.
    pub seed: Option<u64>,
    /// Connections that load at the same time, 1 to [`MAX_WORKERS`]. No row depends on it. Appending
    /// uses one.
    pub workers: usize,
    /// What to do about what the schema holds.
    pub mode: Mode,
}

/// What to do about what the schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It must not hold anything.
    Fresh,
    /// Drop the dataset's own tables and types in it, and nothing else.
    Replace,
    /// Add associates to those that an earlier run made.
    Append,
}

/// What was generated.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The dataset's name.
    pub dataset: String,
    /// The schema.
    pub schema: String,
    /// The seed.
    pub seed: u64,
    /// The [`VERSION`] that made the rows.
    pub version: u32,
    /// What this run added, table by table in foreign-key order.
    pub tables: Vec<TableReport>,
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of binary COPY of all tables.
    pub bytes: u64,
    /// Copying alone.
    pub load_seconds: f64,
    /// Keys, foreign keys, indexes and ANALYZE.
    pub index_seconds: f64,
    /// The whole run.
    pub seconds: f64,
}

/// Generates the rows and loads them.
///
/// Either all rows are in the schema at the end, or it is as it was before.
///
/// # Errors
/// [`Kind::Usage`] for options that make no sense; [`Kind::Refused`] if the schema holds something that
/// `mode` doesn't allow for, or another run is at it; [`Kind::Connection`] if a right is missing or the
/// server goes away; [`Kind::Interrupted`].
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
    // A statement that was cancelled on the server says so in its own words; ours are clearer.
    result.map_err(|error| cancel.check().err().unwrap_or(error))
}

impl Options {
    fn check(&self) -> anyhow::Result<()> {
        if self.dataset.name != "cards" {
            return Err(Kind::Usage.error(format!(
                "rows can be generated for the dataset cards, not for {}",
                self.dataset.name
            )));
        }
        if !(1..=MAX_ASSOCIATES).contains(&self.associates) {
            return Err(Kind::Usage.error(format!(
                "{} associates: give 1 to {MAX_ASSOCIATES}",
                self.associates
            )));
        }
        if !(1..=MAX_WORKERS).contains(&self.workers) {
            return Err(
                Kind::Usage.error(format!("{} workers: give 1 to {MAX_WORKERS}", self.workers))
            );
        }
        Ok(())
    }

    fn generation(&self, seed: u64, highest: Counts) -> Generation {
        Generation {
            dataset: self.dataset.name.clone(),
            version: VERSION,
            seed,
            highest,
        }
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
    let seed = options.seed.unwrap_or(DEFAULT_SEED);
    let cards = Cards::new(seed);
    let plan = Plan::new(
        cards.shapes(),
        Counts::default(),
        options.associates,
        cancel,
    )?;
    let generation = options.generation(seed, plan.end());
    schema::create_loading(control, loading, &options.dataset.schema_sql)?;

    let loaded = Instant::now();
    let mut connections = Vec::new();
    for _ in 0..options.workers {
        let mut connection = settings.connect(cancel)?;
        // The commit that moves the tables into place waits for the disk, and so for all commits before
        // it; until then nothing is worth waiting for.
        connection.batch_execute("SET synchronous_commit TO off")?;
        connections.push(connection);
    }
    let mut clients: Vec<&mut Client> = connections
        .iter_mut()
        .map(|connection| &mut **connection)
        .collect();
    let tables = copy::tables(&mut clients, loading, &cards, &plan, cancel)?;
    drop(connections);
    let load_seconds = loaded.elapsed().as_secs_f64();

    let indexed = Instant::now();
    tracing::info!("adding keys, foreign keys and indexes");
    control
        .batch_execute(&options.dataset.constraints_sql)
        .with_context(|| format!("cannot add keys and indexes in schema {loading}"))?;
    analyze(control, loading, options)?;
    let index_seconds = indexed.elapsed().as_secs_f64();

    Generation::create(control, loading)?;
    generation.write(control, loading)?;
    cancel.check()?;
    schema::publish(
        control,
        loading,
        &options.schema,
        options.mode == Mode::Replace,
    )?;
    tracing::info!(schema = options.schema, "moved into place");
    Ok(report(
        options,
        seed,
        tables,
        (load_seconds, index_seconds),
        start,
    ))
}

/// Adds associates in one transaction on one connection, so that a failure leaves no trace.
fn append(control: &mut Client, options: &Options, cancel: &Cancel) -> anyhow::Result<Report> {
    let start = Instant::now();
    let name = &options.schema;
    let before = recorded(control, name)?.ok_or_else(|| {
        Kind::Refused.error(format!(
            "schema {name} holds nothing that generate made, so there is nothing to append to: leave out --append"
        ))
    })?;
    let seed = options.seed.unwrap_or(before.seed);
    for (what, theirs, ours) in [
        ("seed", before.seed.to_string(), seed.to_string()),
        (
            "version of the generator",
            before.version.to_string(),
            VERSION.to_string(),
        ),
        (
            "dataset",
            before.dataset.clone(),
            options.dataset.name.clone(),
        ),
    ] {
        if theirs != ours {
            return Err(Kind::Refused.error(format!(
                "schema {name} was filled with {what} {theirs}, not {ours}: its rows cannot be continued; \
                 --replace makes new ones"
            )));
        }
    }
    // The connection is closed after a failure, which rolls everything back.
    control.batch_execute("BEGIN")?;
    for (table, highest) in before.tables() {
        let query = format!(
            "SELECT coalesce(max(id), 0)::bigint FROM {}",
            qualified(name, table)
        );
        let found: i64 = control.query_one(&query, &[])?.get(0);
        if found != highest as i64 {
            return Err(Kind::Refused.error(format!(
                "{name}.{table} was changed since it was generated (highest id {found} instead of {highest}): \
                 its rows cannot be continued; --replace makes new ones"
            )));
        }
    }
    let cards = Cards::new(seed);
    let plan = Plan::new(cards.shapes(), before.highest, options.associates, cancel)?;
    let loaded = Instant::now();
    let tables = copy::tables(&mut [&mut *control], name, &cards, &plan, cancel)?;
    let load_seconds = loaded.elapsed().as_secs_f64();
    let indexed = Instant::now();
    analyze(control, name, options)?;
    let index_seconds = indexed.elapsed().as_secs_f64();
    options.generation(seed, plan.end()).write(control, name)?;
    cancel.check()?;
    control
        .batch_execute("COMMIT")
        .with_context(|| format!("cannot append to schema {name}"))?;
    Ok(report(
        options,
        seed,
        tables,
        (load_seconds, index_seconds),
        start,
    ))
}

fn analyze(client: &mut Client, schema: &str, options: &Options) -> anyhow::Result<()> {
    let tables: Vec<_> = options
        .dataset
        .tables
        .iter()
        .map(|table| qualified(schema, &table.name))
        .collect();
    client
        .batch_execute(&format!("ANALYZE {}", tables.join(", ")))
        .with_context(|| format!("cannot analyze the tables in schema {schema}"))
}

fn report(
    options: &Options,
    seed: u64,
    tables: Vec<TableReport>,
    (load_seconds, index_seconds): (f64, f64),
    start: Instant,
) -> Report {
    Report {
        dataset: options.dataset.name.clone(),
        schema: options.schema.clone(),
        seed,
        version: VERSION,
        rows: tables.iter().map(|table| table.rows).sum(),
        bytes: tables.iter().map(|table| table.bytes).sum(),
        tables,
        load_seconds,
        index_seconds,
        seconds: start.elapsed().as_secs_f64(),
    }
}
