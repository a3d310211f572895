//! Requests of one size over a number of connections, sent to one contender.

use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::service::Service;
use crate::rounds::{Latency, Usage};
use crate::server::Server;
use crate::{child, processes};

/// The table that the rows go into.
pub(super) const TABLE: &str = "hired_employees";

/// The sizes of requests, each with a table in the results.
pub(super) const PARTS: [&str; 3] = [ONE, "100 rows a request", THOUSAND];
/// The part with one row in each request.
pub(super) const ONE: &str = "1 row a request";
/// The part with a thousand rows in each request.
pub(super) const THOUSAND: &str = "1,000 rows a request";
const ROWS: [u32; 3] = [1, 100, 1000];
const CONNECTIONS: [u32; 3] = [1, 16, 64];

/// How long wrk waits for an answer, and for outstanding answers once it sends no more requests.
const PATIENCE_SECONDS: u32 = 60;
const LOAD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/serve_load.lua");

/// The requests that are measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) part: &'static str,
    /// How many rows a request has.
    pub(super) rows: u32,
    pub(super) connections: u32,
    pub(super) seconds: u32,
}

/// What the sender of requests reports.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// How many requests were answered.
    pub(super) requests: u64,
    /// How many answers were errors, and how many connections broke.
    pub(super) failures: u64,
    /// The time from the first request to the last answer.
    pub(super) seconds: f64,
    #[serde(flatten)]
    pub(super) latency: Latency,
}

/// The resources that were used meanwhile.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Taken {
    /// What the processes that insert the rows used.
    pub(super) usage: Usage,
    /// The processor time of the database's processes.
    pub(super) server_cpu_seconds: f64,
}

impl Cell {
    /// All sizes and numbers of connections, smallest first.
    pub(super) fn all(seconds: u32) -> impl Iterator<Item = Self> {
        PARTS.into_iter().zip(ROWS).flat_map(move |(part, rows)| {
            CONNECTIONS.map(|connections| Self {
                part,
                rows,
                connections,
                seconds,
            })
        })
    }

    /// Sends requests to a service with wrk.
    pub(super) fn send(&self, service: &Service, server: &Server) -> anyhow::Result<Told> {
        let mut wrk = Command::new("wrk");
        let most = self.seconds + PATIENCE_SECONDS;
        wrk.args(["--threads=1", "--script", LOAD]);
        wrk.arg(format!("--connections={}", self.connections));
        wrk.arg(format!("--duration={most}s"));
        wrk.arg(format!("--timeout={PATIENCE_SECONDS}s"));
        wrk.arg(&service.url);
        wrk.env("ROWS", self.rows.to_string());
        wrk.env("CONNECTIONS", self.connections.to_string());
        wrk.env("DURATION", self.seconds.to_string());
        if let Some(key) = &service.key {
            wrk.env("KEY", key);
        }
        let limit = Duration::from_secs(u64::from(most + PATIENCE_SECONDS));
        let done = child::run(&mut wrk, None, limit, server.cancel())?;
        let last = done.printed.trim_end().lines().last().unwrap_or_default();
        Ok(serde_json::from_str(last)?)
    }
}

/// The name in the results of a contender with this many connections.
pub(super) fn label(contender: &str, connections: u32) -> String {
    let ending = if connections == 1 { "" } else { "s" };
    format!("{contender}, {connections} connection{ending}")
}

/// The processor times of processes before rows came.
pub(super) struct Meter {
    family: u32,
    postmaster: u32,
    seconds: f64,
    server_seconds: f64,
}

impl Meter {
    /// Starts measuring the family of a process, and that of the database's first process.
    pub(super) fn begin(family: u32, postmaster: u32) -> anyhow::Result<Self> {
        processes::forget_peaks_of_family(family)?;
        Ok(Self {
            family,
            postmaster,
            seconds: processes::seconds_of_family(family)?,
            server_seconds: processes::seconds_of_family(postmaster)?,
        })
    }

    /// What they have used since.
    pub(super) fn end(&self) -> anyhow::Result<Taken> {
        let Self {
            family, postmaster, ..
        } = *self;
        Ok(Taken {
            usage: Usage {
                cpu_seconds: processes::seconds_of_family(family)? - self.seconds,
                peak_bytes: processes::peak_bytes_of_family(family)?,
            },
            server_cpu_seconds: processes::seconds_of_family(postmaster)? - self.server_seconds,
        })
    }
}
