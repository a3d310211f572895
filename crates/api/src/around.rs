//! What is done around each request: it gets a number, its sender is found, every answer gets headers, and the log gets a line.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, Response, header};
use axum::middleware::Next;
use values::text::printable;

use crate::accept::Peer;
use crate::limiter::Who;
use crate::metrics::Route;
use crate::shared::Shared;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The number of a request, which its answer, its rejects and the log show.
#[derive(Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// Gives a request its number, its answer the common headers, and the log a line.
pub(crate) async fn around(
    State(shared): State<Arc<Shared>>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    let began = Instant::now();
    let id: Arc<str> = format!("{:032x}", rand::random::<u128>()).into();
    let (method, route) = (request.method().clone(), Route::of(&request));
    // The path stays on one line, whatever a client writes in it. What comes after `?` is not logged.
    let path: String = request.uri().path().chars().take(200).collect();
    request.extensions_mut().insert(RequestId(Arc::clone(&id)));
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    // All at once, since a map that grows moves what it holds.
    headers.reserve(6);
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        // Headers that are there already stay: a page has a policy of its own, and an answer that may be cached says so.
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    let took = began.elapsed();
    let status = answer.status().as_u16();
    shared.pool.metrics.answered(&method, route, status, took);
    tracing::info!(
        request = &*id,
        %peer,
        %method,
        path = &*printable(&path),
        status,
        ms = took.as_millis() as u64,
        "answered"
    );
    answer
}

/// Lets in requests with a key. Whether the service is alive may be asked without one.
pub(crate) async fn guarded(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response<Body> {
    if matches!(request.uri().path(), "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    let headers = request.headers();
    let caller = shared.access.caller(headers, peer, &shared.pool).await;
    let entered = caller.and_then(|mut caller| {
        let who = match &*caller.name {
            "" => Who::Address(peer),
            _ => Who::Key(Arc::clone(&caller.name)),
        };
        caller.entered = Some(Arc::new(shared.limiter.enter(who)?));
        Ok(caller)
    });
    match entered {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => {
            shared.pool.metrics.refused(problem.name());
            tracing::warn!(request = &*id.0, %peer, "refused: {}", problem.name());
            problem.answer(&id.0)
        }
    }
}
