//! What happens around a job's work, and how long it took: starting the server, and waiting for locks.

use serde::Serialize;

/// The server that a job used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Server {
    /// No server, or one that is not ours.
    Given,
    /// The embedded server, with the seconds that starting it took, if it wasn't running.
    Embedded(Option<f64>),
}

/// What took time besides the work itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    pub(crate) server: Server,
    /// How long the job waited for other sessions' locks; this is part of the time of its work.
    pub(crate) lock_seconds: f64,
}

/// A report, with the times around the work.
#[derive(Serialize)]
pub(crate) struct Timed<'a, R> {
    #[serde(flatten)]
    report: &'a R,
    /// How long starting the embedded server took; null if none was started.
    server_start_seconds: Option<f64>,
    lock_seconds: f64,
}

impl Around {
    /// Adds the times to a report, for `--json`.
    pub(crate) fn with<R>(self, report: &R) -> Timed<'_, R> {
        Timed {
            report,
            server_start_seconds: match self.server {
                Server::Embedded(seconds) => seconds,
                Server::Given => None,
            },
            lock_seconds: self.lock_seconds,
        }
    }
}
