//! Which requests are answered, and by whom.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{Response, StatusCode};
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{get, post};

use crate::around::{RequestId, around, guarded};
use crate::docs::{docs, file_of_docs};
use crate::insert::endpoint::insert;
use crate::openapi::endpoint::openapi;
use crate::problem::Problem;
use crate::read::endpoint::{row, rows};
use crate::shared::Shared;

/// The service's routes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/openapi.json", get(openapi))
        .route("/docs", get(docs))
        .route("/docs/{file}", get(file_of_docs))
        .route("/v1/{dataset}/{table}", post(insert).get(rows))
        .route("/v1/{dataset}/{table}/{key}", get(row))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guarded))
        .layer(middleware::from_fn(around))
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

/// Asks the database for something.
async fn ready(shared: &Shared) -> Result<(), Problem> {
    let lent = shared.pool.lend().await?;
    match lent.session.client.simple_query("SELECT 1").await {
        Ok(_) => {
            lent.give_back();
            Ok(())
        }
        Err(error) => {
            tracing::warn!("not ready: {error}");
            Err(Problem::busy("the database gives no answer"))
        }
    }
}

async fn not_found(Extension(id): Extension<RequestId>) -> Response<Body> {
    Problem::not_found("there is nothing here: rows are at /v1/DATASET/TABLE").answer(&id.0)
}

async fn not_allowed(Extension(id): Extension<RequestId>) -> Response<Body> {
    let detail = "this method is not taken here: rows are sent with POST and read with GET";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail).answer(&id.0)
}
