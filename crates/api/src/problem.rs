//! What is wrong with a request as a whole, as RFC 9457 has it told.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

/// How many seconds a client is asked to wait before it tries again.
const RETRY_SECONDS: &str = "1";
/// The kind of problem that a table has which was altered.
pub(crate) const ALTERED: &str = "table-altered";
/// What the names of kinds of problems begin with.
const URN: &str = "urn:extrato:problem:";

/// A request that was refused, and why.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// The kind of problem, which stays the same whatever the words.
    name: &'static str,
    detail: String,
    /// Further headers of the answer.
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of a kind, with what happened and the way out.
    pub(crate) fn new(status: StatusCode, name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            name,
            detail: detail.into(),
            headers: Vec::new(),
        }
    }

    /// A request that makes no sense.
    pub(crate) fn bad(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, name, detail)
    }

    /// Something that is not there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// A body that is too long, or has too many rows.
    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// A request that came at a time when it cannot be served, and did nothing.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
            .with(header::RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS))
    }

    /// Rows for a table that was altered.
    pub(crate) fn altered() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ALTERED,
            "the table was altered after its rules were read: they have been read again, nothing was done, send the \
             request again",
        )
        .with(header::RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS))
    }

    /// A fault of the service or its database; what it is stands in the log.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the service could not do this: its log says why, under the request's id",
        )
    }

    /// The problem with a further header.
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
