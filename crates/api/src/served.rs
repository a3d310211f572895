//! The tables that are served. Their rules are read again when a table was altered.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;
use database::{Cancel, Settings};
use dataset::Dataset;
use dataset::failure::Kind;
use postgres::Client;

use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::table::{self, ServedTable};

/// The tables of a dataset, by their names.
pub(crate) type ServedTables = BTreeMap<String, Arc<Served>>;

/// A table that is served.
pub(crate) struct Served {
    dataset: Arc<Dataset>,
    metrics: Arc<Metrics>,
    now: RwLock<Arc<ServedTable>>,
    /// Held while the rules are read again.
    reading: tokio::sync::Mutex<()>,
}

/// Reads the rules of a dataset's tables.
///
/// # Errors
/// [`Kind::Mismatch`] if a table is missing; errors of the server.
pub(crate) fn read(
    client: &mut Client,
    dataset: &Dataset,
    schema: &str,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<ServedTables> {
    let names: Vec<&str> = dataset.tables.iter().map(|table| &*table.name).collect();
    let tables = table::read(client, dataset, schema, &names, metrics)?;
    let dataset = Arc::new(dataset.clone());
    let served = tables.into_iter().map(|table| {
        let name = table.target.table.clone();
        let served = Served {
            dataset: Arc::clone(&dataset),
            metrics: Arc::clone(metrics),
            now: RwLock::new(Arc::new(table)),
            reading: tokio::sync::Mutex::default(),
        };
        (name, Arc::new(served))
    });
    Ok(served.collect())
}

impl Served {
    /// The table's rules, as they were last read.
    pub(crate) fn now(&self) -> Arc<ServedTable> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the table's rules again, unless that was done since `old` was read.
    ///
    /// # Errors
    /// An error if the table is gone, or has the same columns as before; errors of the server.
    async fn read_anew(&self, settings: &Settings, old: &Arc<ServedTable>) -> anyhow::Result<()> {
        let _reading = self.reading.lock().await;
        if self.now().id != old.id {
            return Ok(());
        }
        let (settings, dataset) = (settings.clone(), Arc::clone(&self.dataset));
        let (metrics, of_old) = (Arc::clone(&self.metrics), Arc::clone(old));
        let read = tokio::task::spawn_blocking(move || {
            let mut client = settings.connect(&Cancel::default())?;
            let names = [&*of_old.target.table];
            table::read(&mut client, &dataset, &of_old.schema, &names, &metrics)
        });
        let table = read.await.context("a thread that reads tables")??.pop();
        let table = table.ok_or_else(|| Kind::Mismatch.error("the table is gone"))?;
        if table.live == old.live {
            return Err(Kind::Internal.error("the table has the columns that it had"));
        }
        tracing::info!("the rules of {} were read again", table.name());
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
        Ok(())
    }

    /// Reads the rules of an altered table again, and returns the problem for the request that met it.
    pub(crate) async fn altered(&self, settings: &Settings, old: &Arc<ServedTable>) -> Problem {
        match self.read_anew(settings, old).await {
            Ok(()) => Problem::altered(),
            Err(error) => {
                tracing::error!(
                    "the columns and rules of {} cannot be read: {error:#}",
                    old.name()
                );
                Problem::internal()
            }
        }
    }
}
