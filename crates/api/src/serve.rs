//! The service, from its start to its end.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use database::{Cancel, Connection, Settings, transaction};
use dataset::Dataset;
use dataset::failure::{Kind, OrFail};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use transform::Options;

use crate::accept::Accepting;
use crate::access::Access;
use crate::insert::gather::Gatherer;
use crate::limiter::Limiter;
use crate::metrics::Metrics;
use crate::models::compute::{Models, ServedModels};
use crate::options::{Limits, ServeOptions};
use crate::places::Places;
use crate::pool::Pool;
use crate::router::router;
use crate::shared::Shared;
use crate::{accept, old_answers, served, store, tls};

/// How many sessions of the database read the tables for a model.
const CONNECTIONS_OF_MODEL: usize = 3;

/// Serves until the run is cancelled, and then finishes the requests that it has accepted. `listening` is told the address; its
/// port is chosen by the system if the options say 0.
///
/// # Errors
/// [`Kind::Usage`] for options that make no sense, and for files of TLS that hold something else; [`Kind::Connection`] if the
/// database cannot be reached or a right is missing; [`Kind::Mismatch`] if a table is missing; [`Kind::Output`] if the address
/// cannot be used.
pub fn serve(
    settings: &Settings,
    options: &ServeOptions,
    cancel: &Cancel,
    listening: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    options.check()?;
    let tls = options.tls.as_ref().map(tls::acceptor).transpose()?;
    let mut client = settings.connect(cancel)?;
    let metrics = Arc::new(Metrics::new());
    let mut datasets = BTreeMap::new();
    let mut models = BTreeMap::new();
    for (dataset, schema) in &options.datasets {
        let served = served::read(&mut client, dataset, schema, &metrics)?;
        datasets.insert(dataset.name.clone(), served);
        models.insert(dataset.name.clone(), models_of(dataset, schema, options));
    }
    let schemas: Vec<&str> = options
        .datasets
        .iter()
        .map(|(_, schema)| &**schema)
        .collect();
    store::prepare(&mut client, &schemas)?;
    let opening = opening(&mut client, &options.limits)?;
    drop(client);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_io()
        .enable_time()
        .thread_name("serve")
        .build()
        .or_fail(Kind::Internal, || "the threads of the service")?;
    let (stop, stopped) = watch::channel(false);
    let _on_cancel = cancel.on_cancel(move || {
        stop.send_replace(true);
    });
    cancel.check()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.listen)
            .await
            .or_fail(Kind::Output, || {
                format!(
                    "cannot listen on {}: give another address with --listen",
                    options.listen
                )
            })?;
        let address = listener.local_addr().context("the address")?;
        listening(address);
        let scheme = if tls.is_some() { "https" } else { "http" };
        tracing::info!("serving on {scheme}://{address}");
        if !options.needs_key {
            tracing::warn!(
                "everybody on this machine may write: --no-auth lets requests in without a key"
            );
        }
        let (running, mut finished) = mpsc::channel(1);
        let pool = Arc::new(Pool::new(
            settings.clone(),
            options.sessions,
            options.limits.clone(),
            opening,
            Arc::clone(&metrics),
        ));
        // The task ends with the runtime.
        tokio::spawn(old_answers::remove(
            Arc::clone(&pool),
            options.keep_answers_days,
        ));
        let shared = Arc::new(Shared {
            datasets,
            limiter: Arc::new(Limiter::new(&options.limits, options.sessions)),
            access: Access::new(options.needs_key),
            gatherer: Gatherer::default(),
            pool,
            places: Places::new(options.limits.all_bodies_bytes),
            limits: options.limits.clone(),
            models: Models {
                datasets: models,
                settings: settings.clone(),
                cancel: cancel.clone(),
                fresh_for: options.fresh_for,
                cache: Arc::default(),
            },
            running: running.downgrade(),
        });
        let accepting = Accepting {
            router: router(shared),
            limits: options.limits.clone(),
            proxies: options.trusted_proxies.clone(),
            tls,
            metrics,
        };
        accept::serve(listener, Arc::new(accepting), stopped).await;
        // Transactions whose clients have gone may finish too.
        drop(running);
        if tokio::time::timeout(options.limits.grace, finished.recv())
            .await
            .is_err()
        {
            tracing::warn!("transactions were still running when the service stopped");
        }
        Ok(())
    })
}

/// The statements that begin the transaction of a request that inserts.
///
/// # Errors
/// The server's errors.
fn opening(client: &mut Connection, limits: &Limits) -> anyhow::Result<String> {
    // Each key that is looked up has an index, but a plan that is made while the table is tiny would not use it.
    let mut opening = format!(
        "{}; SET LOCAL statement_timeout = {}; SET LOCAL enable_seqscan = off",
        transaction::begin_writing(),
        limits.statement.as_millis()
    );
    // An acknowledged row survives a crash, even if the database by default does not wait for the disk.
    let waits = client.query_one(
        "SELECT pg_catalog.current_setting('synchronous_commit')",
        &[],
    );
    let waits: String = waits.context("asking how the server commits")?.get(0);
    if waits == "off" {
        opening += "; SET LOCAL synchronous_commit = on";
    }
    Ok(opening)
}

/// The models of a dataset, including those for reports. One that cannot run is reported now, and to whoever asks for it.
fn models_of(dataset: &Dataset, schema: &str, options: &ServeOptions) -> ServedModels {
    let mut dataset = dataset.clone();
    dataset.with_those_for_reports();
    let options = Options {
        max_connections: CONNECTIONS_OF_MODEL,
        memory_bytes: options.memory_bytes,
        ..Options::of_models(dataset, Some(schema), &options.environment)
    };
    if let Err(error) = transform::check(&options) {
        tracing::warn!("a model cannot be served: {error:#}");
    }
    ServedModels::of(options)
}
