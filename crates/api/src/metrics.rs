//! What the service counts about itself, for Prometheus.
//!
//! Labels take few values: the pattern of a route and never a path, methods and statuses that exist, tables that are served.

use std::hash::{Hash, Hasher};
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::insert::outcome::Counts;

/// The media type of the metrics.
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The label of routes and methods that the service doesn't have.
const OTHER: &str = "other";
/// The upper bounds of the buckets of durations, in seconds.
const SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0,
];

/// The pattern of the route that matched a request.
#[derive(Debug, Clone)]
pub(crate) struct Route(Option<MatchedPath>);

impl Route {
    /// The route of a request.
    pub(crate) fn of(request: &Request) -> Self {
        Self(request.extensions().get().cloned())
    }

    fn pattern(&self) -> &str {
        self.0.as_ref().map_or(OTHER, MatchedPath::as_str)
    }
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        self.pattern() == other.pattern()
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pattern().hash(state);
    }
}

impl EncodeLabelValue for Route {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.pattern().encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRequest {
    method: &'static str,
    route: Route,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoute {
    route: Route,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRows {
    dataset: String,
    table: String,
    outcome: &'static str,
}

/// A single label with one of a few values.
type Reason = [(&'static str, &'static str); 1];

/// Counters of a table's rows, one for each outcome.
#[derive(Debug)]
pub(crate) struct RowCounters {
    inserted: Counter,
    updated: Counter,
    skipped: Counter,
    rejected: Counter,
    left_out: Counter,
}

impl RowCounters {
    /// Adds the rows of a request that was committed.
    pub(crate) fn add(&self, counts: &Counts) {
        self.inserted.inc_by(counts.inserted.into());
        self.updated.inc_by(counts.updated.into());
        self.skipped.inc_by(counts.skipped.into());
        self.rejected.inc_by(counts.rejected.into());
        self.left_out.inc_by(counts.left_out.into());
    }
}

/// Levels, such as the number of sessions, at the moment when the metrics are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Levels {
    pub(crate) sessions: usize,
    pub(crate) sessions_lent: usize,
    pub(crate) requests_waiting: usize,
    pub(crate) body_bytes: usize,
}

/// What the service counts.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<OfRequest, Counter>,
    seconds: Family<OfRoute, Histogram, fn() -> Histogram>,
    rows: Family<OfRows, Counter>,
    refused: Family<Reason, Counter>,
    retries: Family<Reason, Counter>,
    closed: Family<Reason, Counter>,
    /// How many requests one commit served.
    pub(crate) per_commit: Histogram,
    /// Answers to repeated requests, which were given before.
    pub(crate) replays: Counter,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    sessions: Gauge,
    sessions_lent: Gauge,
    requests_waiting: Gauge,
    body_bytes: Gauge,
}

impl Metrics {
    /// Metrics that all start from zero.
    pub(crate) fn new() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let mut metrics = Self {
            registry: Registry::with_prefix("extrato"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            rows: Family::default(),
            refused: Family::default(),
            retries: Family::default(),
            closed: Family::default(),
            per_commit: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            replays: Counter::default(),
            connections: Gauge::default(),
            sessions: Gauge::default(),
            sessions_lent: Gauge::default(),
            requests_waiting: Gauge::default(),
            body_bytes: Gauge::default(),
        };
        let all = &mut metrics.registry;
        all.register(
            "requests",
            "Requests that were answered",
            metrics.requests.clone(),
        );
        all.register_with_unit(
            "request_duration",
            "How long requests took until the head of their answer",
            Unit::Seconds,
            metrics.seconds.clone(),
        );
        all.register(
            "rows",
            "Rows of requests by what became of them",
            metrics.rows.clone(),
        );
        all.register(
            "requests_refused",
            "Requests that were refused because of who sent them, or how many",
            metrics.refused.clone(),
        );
        all.register(
            "insert_retries",
            "Transactions that were tried again",
            metrics.retries.clone(),
        );
        all.register(
            "requests_per_commit",
            "How many requests one commit served",
            metrics.per_commit.clone(),
        );
        all.register(
            "idempotent_replays",
            "Answers that were given again, under the same Idempotency-Key",
            metrics.replays.clone(),
        );
        all.register(
            "connections_open",
            "Connections of clients",
            metrics.connections.clone(),
        );
        all.register(
            "connections_failed",
            "Connections that were not accepted, or closed before their client did",
            metrics.closed.clone(),
        );
        all.register(
            "sessions",
            "The most sessions of the database",
            metrics.sessions.clone(),
        );
        all.register(
            "sessions_lent",
            "Sessions of the database in use",
            metrics.sessions_lent.clone(),
        );
        all.register(
            "requests_waiting",
            "Requests that wait for a session of the database",
            metrics.requests_waiting.clone(),
        );
        all.register_with_unit(
            "bodies",
            "Memory that bodies of requests take",
            Unit::Bytes,
            metrics.body_bytes.clone(),
        );
        metrics
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, method: &Method, route: Route, status: u16, took: Duration) {
        let seconds = OfRoute {
            route: route.clone(),
        };
        self.seconds
            .get_or_create(&seconds)
            .observe(took.as_secs_f64());
        let request = OfRequest {
            method: known(method),
            route,
            status,
        };
        self.requests.get_or_create(&request).inc();
    }

    /// Counts a request that was refused for its sender, or because its sender sent too many.
    pub(crate) fn refused(&self, why: &'static str) {
        self.refused.get_or_create(&[("reason", why)]).inc();
    }

    /// Counts a transaction that is tried again.
    pub(crate) fn retried(&self, why: &'static str) {
        self.retries.get_or_create(&[("reason", why)]).inc();
    }

    /// Counts a connection that was not ended by its client.
    pub(crate) fn connection_failed(&self, why: &'static str) {
        self.closed.get_or_create(&[("reason", why)]).inc();
    }

    /// The counters of a table's rows.
    pub(crate) fn rows_of(&self, dataset: &str, table: &str) -> RowCounters {
        let of = |outcome| {
            self.rows.get_or_create_owned(&OfRows {
                dataset: dataset.to_owned(),
                table: table.to_owned(),
                outcome,
            })
        };
        RowCounters {
            inserted: of("inserted"),
            updated: of("updated"),
            skipped: of("skipped"),
            rejected: of("rejected"),
            left_out: of("left_out"),
        }
    }

    /// All metrics as text in the format of OpenMetrics.
    pub(crate) fn text(&self, levels: Levels) -> Result<String, std::fmt::Error> {
        self.sessions.set(levels.sessions as i64);
        self.sessions_lent.set(levels.sessions_lent as i64);
        self.requests_waiting.set(levels.requests_waiting as i64);
        self.body_bytes.set(levels.body_bytes as i64);
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// The name of a method, or `other` for one that doesn't exist.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => OTHER,
    }
}
