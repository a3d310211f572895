//! The routes: which function answers which request.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{get, post};

use crate::access::Caller;
use crate::around::{RequestId, around, guarded};
use crate::docs::{docs, file_of_docs};
use crate::insert::endpoint::insert;
use crate::keys::Right;
use crate::metrics::{self, Levels};
use crate::models::endpoint;
use crate::openapi::endpoint::openapi;
use crate::problem::Problem;
use crate::read::endpoint::{row, rows};
use crate::shared::Shared;

/// The service's routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/v1/{dataset}/models/{model}", get(endpoint::model))
        .route("/report/{dataset}", get(endpoint::report))
        .route("/openapi.json", get(openapi))
        .route("/docs", get(docs))
        .route("/docs/{file}", get(file_of_docs))
        .route("/v1/{dataset}/{table}", post(insert).get(rows))
        .route("/v1/{dataset}/{table}/{key}", get(row))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guarded))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), around))
        .with_state(shared)
}

async fn healthz() -> &'static str {
    "alive\n"
}

async fn readyz(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
) -> Response<Body> {
    match ready(&shared).await {
        Ok(()) => "ready\n".into_response(),
        Err(problem) => problem.answer(&id.0),
    }
}

/// Answers with the metrics, for keys that may read everything.
async fn metrics(
    State(shared): State<Arc<Shared>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    if let Err(problem) = caller.check("*", Right::Read) {
        return problem.answer(&id.0);
    }
    let Shared { pool, places, .. } = &*shared;
    let (sessions_lent, requests_waiting) = pool.lent_and_waiting();
    let levels = Levels {
        sessions: pool.sessions,
        sessions_lent,
        requests_waiting,
        body_bytes: places.taken_bytes(),
    };
    let Ok(text) = pool.metrics.text(levels) else {
        return Problem::internal().answer(&id.0);
    };
    let mut answer = Response::new(Body::from(text));
    let media_type = HeaderValue::from_static(metrics::MEDIA_TYPE);
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    answer
}

/// Checks that the database answers.
async fn ready(shared: &Shared) -> Result<(), Problem> {
    let lent = shared.pool.lend().await?;
    match lent.session.client.simple_query("SELECT 1").await {
        Ok(_) => {
            lent.give_back();
            Ok(())
        }
        Err(error) => {
            tracing::warn!("not ready: {error}");
            Err(Problem::busy("the database does not answer"))
        }
    }
}

async fn not_found(Extension(id): Extension<RequestId>) -> Response<Body> {
    Problem::not_found("there is nothing here: rows are at /v1/DATASET/TABLE").answer(&id.0)
}

async fn not_allowed(Extension(id): Extension<RequestId>) -> Response<Body> {
    let detail = "this method is not allowed here: rows are sent with POST and read with GET";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail).answer(&id.0)
}
