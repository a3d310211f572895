//! Connections: they are accepted up to a limit, closed if a head doesn't come or an answer isn't read, and allowed to finish when
//! the service stops.
//!
//! `axum::serve` has no timeout for the head of a request, and hyper-util's automatic builder reads the protocol's version without
//! one: a client that sends nothing would keep its connection for ever. So hyper's own builder serves connections.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use futures_util::future::{self, Either};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_io_timeout::TimeoutWriter;
use tokio_rustls::TlsAcceptor;

use crate::metrics::Metrics;
use crate::options::Limits;
use crate::proxies;

/// How many bytes the head of a request may have.
const HEAD_BYTES: usize = 32 << 10;
/// How many headers a request may have.
const MOST_HEADERS: usize = 64;
/// The pause after a connection could not be accepted, for example because no more files can be opened.
const PAUSE: Duration = Duration::from_millis(50);

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// How connections are served.
pub(crate) struct Accepting {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    /// The proxies that are believed when they say where a request came from.
    pub(crate) proxies: Vec<IpNet>,
    /// TLS for connections, if they have it.
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Serves connections until `stop` says so. Connections that are open then may finish, for the grace period of the limits.
pub(crate) async fn serve(
    listener: TcpListener,
    accepting: Arc<Accepting>,
    mut stop: watch::Receiver<bool>,
) {
    let Accepting {
        limits, metrics, ..
    } = &*accepting;
    let places = Arc::new(Semaphore::new(limits.connections));
    let most = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    loop {
        let accepted = async {
            // While all places are taken, the next connection waits in the system's queue.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let stopped = stop.wait_for(|stop| *stop);
        let accepted = match future::select(pin!(accepted), pin!(stopped)).await {
            Either::Left((accepted, _)) => accepted,
            Either::Right(_) => break,
        };
        match accepted {
            (Ok(place), Ok((stream, peer))) => {
                let (accepting, stop) = (Arc::clone(&accepting), stop.clone());
                tokio::spawn(async move {
                    accepting.metrics.connections.inc();
                    accepting
                        .connection(stream, peer.ip().to_canonical(), stop)
                        .await;
                    accepting.metrics.connections.dec();
                    drop(place);
                });
            }
            (_, Err(error)) => {
                tracing::warn!("a connection was not accepted: {error}");
                metrics.connection_failed("not_accepted");
                tokio::time::sleep(PAUSE).await;
            }
            (Err(_), _) => break,
        }
    }
    drop(listener);
    let ended = places.acquire_many(most);
    if tokio::time::timeout(limits.grace, ended).await.is_err() {
        tracing::warn!("connections were still open when the service stopped");
    }
}

impl Accepting {
    /// Serves a connection until it ends.
    async fn connection(&self, stream: TcpStream, peer: IpAddr, stop: watch::Receiver<bool>) {
        // A small answer should not wait for the next one.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.limits.answer));
        let stream = Box::pin(stream);
        let failed = match &self.tls {
            None => self.requests(stream, peer, stop).await,
            // A client that does not shake hands has no more time than one that sends no head.
            Some(tls) => match tokio::time::timeout(self.limits.head, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.requests(stream, peer, stop).await,
                Ok(Err(error)) => Err(("no_tls", error.to_string())),
                Err(_) => Err(("no_tls", "no handshake in time".to_owned())),
            },
        };
        if let Err((why, error)) = failed {
            tracing::debug!(%peer, "a connection ended: {error}");
            self.metrics.connection_failed(why);
        }
    }

    /// Serves the requests of a connection. An error says why it ended, in a word and at length.
    async fn requests(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        peer: IpAddr,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), (&'static str, String)> {
        let router = TowerToHyperService::new(self.router.clone());
        let asked = AtomicBool::new(false);
        let service = service_fn(|mut request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            let client = proxies::client(peer, request.headers(), &self.proxies);
            request.extensions_mut().insert(Peer(client));
            router.call(request)
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_buf_size(HEAD_BYTES)
            .max_headers(MOST_HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let mut serving = pin!(serving);
        let stopped = async {
            // An error means that nobody can stop the service any more.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let served = match future::select(serving.as_mut(), pin!(stopped)).await {
            Either::Left((served, _)) => served,
            Either::Right(_) => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        match served {
            // The client asked nothing more.
            Err(error) if error.is_timeout() && asked.load(Ordering::Relaxed) => Ok(()),
            served => served.map_err(|error| (why(&error), error.to_string())),
        }
    }
}

/// The reason why a connection ended, in a word.
fn why(error: &hyper::Error) -> &'static str {
    let cause = error
        .source()
        .and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut) {
        true => "slow_reader",
        false if error.is_timeout() => "no_head",
        false => "broken",
    }
}
