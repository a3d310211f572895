//! What is wrong with a request as a whole, in the form of RFC 9457.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

/// How many seconds a client is asked to wait before it tries again.
const RETRY_SECONDS: &str = "1";
/// The name of the kind of problem for a table that was altered.
pub(crate) const ALTERED: &str = "table-altered";
/// The beginning of the URI of every kind of problem.
const URN: &str = "urn:extrato:problem:";

/// A refusal of a request, with the reason.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// The name of the kind of problem, which stays the same when the words change.
    name: &'static str,
    detail: String,
    /// Additional headers of the answer.
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind; `detail` says what happened, and the way out.
    pub(crate) fn new(status: StatusCode, name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            name,
            detail: detail.into(),
            headers: Vec::new(),
        }
    }

    /// The problem of a request that makes no sense.
    pub(crate) fn bad(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, name, detail)
    }

    /// The problem of something that does not exist.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// The problem of a body that is too long, or has too many rows.
    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// The problem of a request that cannot be served at the moment, and did nothing.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with(header::RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS))
    }

    /// The problem of rows for a table that was altered.
    pub(crate) fn altered() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ALTERED,
            "the table was altered after its rules were read: they have been read again, nothing was done, send the \
             request again",
        )
        .with(header::RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS))
    }

    /// The problem of a fault in the service or its database; the log says what it is.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the service could not do this: its log says why, under the request's id",
        )
    }

    /// The problem with an additional header.
    pub(crate) fn with(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The name of the problem's kind.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The answer to the request with this id.
    pub(crate) fn answer(self, request: &str) -> Response<Body> {
        let body = json!({
            "type": kind(self.name),
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "request": request,
        });
        let mut answer = Response::new(Body::from(body.to_string()));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.extend(self.headers);
        answer
    }
}

/// The media type of problems.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// The URI of a kind of problem.
pub(crate) fn kind(name: &str) -> String {
    format!("{URN}{name}")
}
