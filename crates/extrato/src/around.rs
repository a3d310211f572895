//! What a job needs around its work, and the time that this took: its server, and what others hold.

use serde::Serialize;

/// Which server a job has used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Server {
    /// None, or one that is not ours.
    Given,
    /// The embedded one, and the seconds that starting it took if it did not run.
    Embedded(Option<f64>),
}

/// What took time around the work itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around {
    pub(crate) server: Server,
    /// How long others' locks were waited for, which is a part of the work's own time.
    pub(crate) lock_seconds: f64,
}

/// A report, with what took time around the work.
#[derive(Serialize)]
pub(crate) struct Timed<'a, R> {
    #[serde(flatten)]
    report: &'a R,
    /// Starting the embedded server; null where none was started.
    server_start_seconds: Option<f64>,
    lock_seconds: f64,
}

impl Around {
    /// What `--json` says of a run.
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
