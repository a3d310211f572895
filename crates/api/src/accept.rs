//! Connections: accepted up to a limit, closed where a head doesn't come, ended in peace where the service stops.
//!
//! `axum::serve` has no timeout for the head of a request, and hyper-util's automatic builder reads the version without one: a
//! client that sends nothing would keep its connection for ever. So connections are served by hyper's own builder.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future::{self, Either};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::options::Limits;

/// How many bytes the head of a request may have.
const HEAD_BYTES: usize = 32 << 10;
/// How many headers a request may have.
const MOST_HEADERS: usize = 64;
/// The pause after a connection could not be accepted, as where no file is left to open.
const PAUSE: Duration = Duration::from_millis(50);

/// The address that a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Serves connections, over TLS if there is an acceptor, until `stop` says so, and then those that are open until they end, for the grace that the limits give.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    tls: Option<TlsAcceptor>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let most = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    loop {
        let accepted = async {
            // Where all places are taken, the next connection waits in the system's queue.
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
                // A small answer is not to wait for a next one.
                let _ = stream.set_nodelay(true);
                let peer = Peer(peer.ip().to_canonical());
                let (router, head, stop) = (router.clone(), limits.head, stop.clone());
                let tls = tls.clone();
                tokio::spawn(async move {
                    match tls {
                        None => connection((stream, peer, router), head, stop).await,
                        // Who does not shake hands has no more time than who sends no head.
                        Some(tls) => match tokio::time::timeout(head, tls.accept(stream)).await {
                            Ok(Ok(stream)) => connection((stream, peer, router), head, stop).await,
                            Ok(Err(error)) => tracing::debug!("no TLS: {error}"),
                            Err(_) => tracing::debug!("no TLS in time"),
                        },
                    }
                    drop(place);
                });
            }
            (_, Err(error)) => {
                tracing::warn!("a connection was not accepted: {error}");
                tokio::time::sleep(PAUSE).await;
            }
            (Err(_), _) => break,
        }
    }
    drop(listener);
    let ended = places.acquire_many(most);
    if tokio::time::timeout(limits.grace, ended).await.is_err() {
        tracing::warn!("connections were open still as the service stopped");
    }
}

async fn connection(
    (stream, peer, router): (impl AsyncRead + AsyncWrite + Unpin, Peer, Router),
    head: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.call(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HEAD_BYTES)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = pin!(serving);
    let stopped = async {
        // An error says that nobody can stop the service any more.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    let served = match future::select(serving.as_mut(), pin!(stopped)).await {
        Either::Left((served, _)) => served,
        Either::Right(_) => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = served {
        tracing::debug!("a connection ended: {error}");
    }
}
