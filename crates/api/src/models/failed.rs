//! The reasons why a model gave no result, as a client is told them.

use std::io::{Error, ErrorKind};

use axum::http::StatusCode;
use dataset::failure::{Failure, Kind};

use crate::problem::Problem;

/// The problem of a version that is not kept any longer.
pub(crate) fn gone() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "version-gone",
        "the rows of this version are no longer kept: start again with the first page",
    )
}

/// The problem of a model that could not be computed; the log says why.
pub(crate) fn problem(error: &anyhow::Error) -> Problem {
    tracing::error!("a model could not be computed: {error:#}");
    match Failure::kind_of(error) {
        Some(Kind::Connection) => Problem::busy(
            "the database does not answer, or the service's role may not read a table: try again later; the log of the service \
             says why",
        ),
        Some(Kind::Interrupted) => Problem::busy("the service is stopping: try again later"),
        _ if is_full(error) => Problem::busy(
            "the service has no room on its disk for the model's rows: try again later; its log names the file",
        ),
        _ => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "model-failed",
            "the model could not be computed: the log of the service says why; `extrato check` and `extrato transform` say \
             it too",
        ),
    }
}

/// Whether an error means that a disk is full.
pub(crate) fn is_full(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
    causes.any(|error: &Error| {
        matches!(
            error.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded
        )
    })
}
