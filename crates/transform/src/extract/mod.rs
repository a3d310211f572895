//! Reads tables from Postgres into frames: connectorx's dispatcher with a source, a transport and a destination of ours. Only this
//! module knows connectorx.

mod frames;
mod source;
pub(crate) mod tables;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use connectorx::prelude::{CXQuery, Dispatcher};
use database::Cancel;
use database::catalogue::LiveTable;
use database::snapshot::{Reader, Snapshot};
use tracing::field::Empty;

use frames::{BlocksToFrames, Frames};
use source::{PostgresSource, Shared};

use crate::stage::{Spill, Table};

/// A part of a table smaller than this, in blocks of 8 kB, isn't worth its own connection.
const MIN_PART_PAGES: u32 = 128;

/// Reads a whole table from the snapshot, in as many parts as `reader` has connections. Rows that don't fit in memory go to
/// `spill`.
///
/// # Errors
/// The first error of any part: of the connection, or [`dataset::failure::Kind::Refused`] for a value that cannot be carried
/// exactly. No row is ever left out silently: as many rows must be read as were sent.
pub(crate) fn read_table(
    snapshot: &Snapshot,
    reader: &Reader,
    table: &LiveTable,
    spill: Spill,
    cancel: &Cancel,
) -> anyhow::Result<Table> {
    let columns = &table.schema.columns;
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let statements = snapshot.copy_statements(table, &names, reader.parts(), MIN_PART_PAGES);
    let queries: Vec<CXQuery<String>> = statements.into_iter().map(CXQuery::naked).collect();

    let name = table.schema.name.as_str();
    let span = tracing::info_span!(
        "copy out",
        table = name,
        rows_total = table.estimated_rows,
        rows = Empty
    );
    let _entered = span.clone().entered();
    let shared = Arc::new(Shared {
        reader: reader.clone(),
        table: name.to_owned(),
        columns: columns.clone(),
        cancel: cancel.clone(),
        span,
        rows: AtomicU64::new(0),
        error: Mutex::new(None),
    });
    let source = PostgresSource {
        shared: shared.clone(),
        queries: vec![],
    };
    let mut frames = Frames::new(shared.clone(), spill);
    // This uses a pool of its own. On the global one, a partition that waits for its rows would keep a thread from the others, and
    // with fewer threads than partitions they could wait for each other forever.
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(queries.len())
        .thread_name(|index| format!("extract {index}"))
        .build()
        .context("starting threads")?;
    let dispatcher = Dispatcher::<_, _, BlocksToFrames>::new(source, &mut frames, &queries, None);
    let result = pool.install(|| dispatcher.run());
    if let Some(error) = shared
        .error
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
    {
        return Err(error);
    }
    result?;

    let extracted = frames.into_table(columns)?;
    let read = shared.rows.load(Ordering::Relaxed);
    if extracted.rows() != read {
        anyhow::bail!(
            "table `{name}`: {read} rows were read, but {} taken over",
            extracted.rows()
        );
    }
    Ok(extracted)
}
