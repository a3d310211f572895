//! What to serve, where, and within which limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use database::Environment;
use dataset::Dataset;
use dataset::failure::Kind;
use ipnet::IpNet;

use crate::tls::TlsFiles;

/// The port by default.
pub(crate) const DEFAULT_PORT: u16 = 8080;

/// For how long the result of a model is given again by default.
const DEFAULT_FRESH_FOR: Duration = Duration::from_secs(60);
/// For how many days answers are kept by default.
pub(crate) const KEEP_ANSWERS_DAYS: u32 = 7;
/// How many requests of one caller are served at the same time by default.
pub(crate) const AT_ONCE: NonZeroU32 = NonZeroU32::new(256).unwrap();

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The datasets whose tables take rows, each with the schema that holds its tables.
    pub datasets: Vec<(Dataset, String)>,
    /// The address on which connections are accepted.
    pub listen: SocketAddr,
    /// Whether requests need a key. If not, only this machine's own address may be listened on.
    pub needs_key: bool,
    /// The files for TLS; `None` to serve without it.
    pub tls: Option<TlsFiles>,
    /// How many sessions of the database are used at most.
    pub sessions: usize,
    /// The proxies that are believed when they say where a request came from.
    pub trusted_proxies: Vec<IpNet>,
    /// For how many days answers to requests with an Idempotency-Key are kept.
    pub keep_answers_days: u32,
    /// What a request may take.
    pub limits: Limits,
    /// How many bytes of memory computing a model may take; what needs more is staged on disk.
    pub memory_bytes: u64,
    /// For how long the result of a model is given again, while no rows come in through the service.
    pub fresh_for: Duration,
    /// Tells where the embedded Postgres is, which runs models that Polars does not support.
    pub environment: Environment,
}

impl ServeOptions {
    /// The options that the command line has by default for these datasets: only this machine's own address is listened on.
    pub fn new(datasets: Vec<(Dataset, String)>) -> Self {
        Self {
            datasets,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT),
            needs_key: true,
            tls: None,
            sessions: 8,
            trusted_proxies: Vec::new(),
            keep_answers_days: KEEP_ANSWERS_DAYS,
            limits: Limits::default(),
            memory_bytes: transform::memory::default_bytes(),
            fresh_for: DEFAULT_FRESH_FOR,
            environment: Environment::default(),
        }
    }

    /// Checks that the options make sense together.
    ///
    /// # Errors
    /// [`Kind::Usage`] for options that contradict each other.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.datasets.is_empty() {
            return Err(Kind::Usage.error("no dataset is named: give --dataset NAME"));
        }
        for (index, (dataset, _)) in self.datasets.iter().enumerate() {
            let before = &self.datasets[..index];
            if before.iter().any(|(other, _)| other.name == dataset.name) {
                return Err(Kind::Usage.error(format!(
                    "dataset {} is named twice: it can be served once",
                    dataset.name
                )));
            }
        }
        if !self.needs_key && !self.listen.ip().is_loopback() {
            return Err(Kind::Usage.error(format!(
                "--no-auth would let everybody who reaches {} write: leave it out and make keys (extrato keys create), or \
                 listen on 127.0.0.1",
                self.listen
            )));
        }
        if self.sessions == 0 {
            return Err(Kind::Usage.error("--connections 0: give at least 1"));
        }
        Ok(())
    }
}

/// What a request, a connection and the service as a whole may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many rows a request may have.
    pub rows: usize,
    /// How many bytes a body may have, both as it comes and decompressed.
    pub body_bytes: usize,
    /// How many bytes the bodies of all requests that are served at once may have together; further requests wait.
    pub all_bodies_bytes: usize,
    /// How long a client may take to send the head of a request.
    pub head: Duration,
    /// How long a client may take to send a body.
    pub body: Duration,
    /// How long the database may take for a request, including waiting for locks.
    pub statement: Duration,
    /// How long a request waits for a session of the database before it is refused.
    pub queue: Duration,
    /// How many requests may wait for the database at once.
    pub waiting: usize,
    /// How many requests a caller may send in a second; `None` allows any number.
    pub per_second: Option<NonZeroU32>,
    /// How many requests of one caller are served at the same time.
    pub at_once: NonZeroU32,
    /// How long a client may take to read the next part of an answer.
    pub answer: Duration,
    /// How many connections are kept open at once.
    pub connections: usize,
    /// How long accepted requests may take to finish once the service is stopped.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rows: 1000,
            body_bytes: 16 << 20,
            all_bodies_bytes: 256 << 20,
            head: Duration::from_secs(5),
            body: Duration::from_secs(30),
            statement: Duration::from_secs(30),
            queue: Duration::from_secs(5),
            waiting: 512,
            per_second: None,
            at_once: AT_ONCE,
            answer: Duration::from_secs(30),
            connections: 4096,
            grace: Duration::from_secs(30),
        }
    }
}
