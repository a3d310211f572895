//! `GET /openapi.json`

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, Response, header};

use crate::access::Caller;
use crate::openapi::document::document;
use crate::shared::Shared;

/// `GET /openapi.json`
pub(crate) async fn openapi(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
) -> Response<Body> {
    let document = document(&shared, &caller);
    let mut answer = Response::new(Body::from(document.to_string()));
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    answer
}
