//! The reasons why a transaction ended without its rows, and whether another try may succeed.

use axum::http::StatusCode;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::problem::Problem;

/// The reason why a try ended.
pub(crate) enum Failed {
    /// The request fails for good, with this answer.
    Problem(Problem),
    /// The server refuses a row.
    RowRefused,
    /// The transaction did nothing.
    Undone(Error),
    /// It is unknown whether the transaction was committed.
    Unknown(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Undone(error)
    }
}

/// What an error of the server means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Another try may succeed at once.
    Again,
    /// The session is gone; a new one may work.
    SessionLost,
    /// The server has no time, no room or no right to write at the moment.
    Busy,
    /// The table was altered since its rules were read.
    Altered,
    /// Rows cannot replace others by a key that the database doesn't have.
    NoKey,
    /// Another try would fail too.
    Fault,
}

/// What an error of the server means.
pub(crate) fn meaning(error: &Error) -> Meaning {
    let Some(code) = error.code() else {
        return match error.is_closed() || is_of_connection(error) {
            true => Meaning::SessionLost,
            false => Meaning::Fault,
        };
    };
    match code.code() {
        // Deadlock, serialization failure.
        "40P01" | "40001" => Meaning::Again,
        "57P01" | "57P02" | "57P03" | "57P05" => Meaning::SessionLost,
        // A statement that took too long, a lock that was not available, a replica.
        "57014" | "55P03" | "25006" => Meaning::Busy,
        // A plan whose columns changed; columns, tables, schemas, types, functions or casts that do not exist.
        "0A000" | "42703" | "42P01" | "3F000" | "42704" | "42804" | "42846" | "42883" => {
            Meaning::Altered
        }
        // ON CONFLICT without a unique index for it.
        "42P10" => Meaning::NoKey,
        code if code.starts_with("08") => Meaning::SessionLost,
        code if code.starts_with("53") => Meaning::Busy,
        _ => Meaning::Fault,
    }
}

/// Whether an error comes from reading or writing the connection.
fn is_of_connection(error: &Error) -> bool {
    let cause = std::error::Error::source(error);
    cause.is_some_and(|cause| cause.is::<std::io::Error>())
}

/// The server's own words for an error, without its detail, which may have values of a row.
pub(crate) fn told(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => error.to_string(),
    }
}

/// The problem of an error that every try would meet: a right that the service's role lacks, or a fault that only the log
/// describes.
pub(crate) fn fault(error: &Error) -> Problem {
    match error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        true => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "no-right",
            "the service's role lacks a right in the database: the service's log says which, and sql/roles.sql grants \
             all that it needs",
        ),
        false => Problem::internal(),
    }
}

/// The problem of rows that may or may not be in the table.
pub(crate) fn unknown_outcome() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "outcome-unknown",
        "the connection to the database was lost while the rows were being committed, so they may or may not be in \
         the table: send the request again under the same Idempotency-Key, or with on_duplicate=skip",
    )
}

/// The problem of rows that should replace others, when no primary key says which.
pub(crate) fn no_key() -> Problem {
    Problem::bad(
        "no-primary-key",
        "on_duplicate=update replaces rows by their primary key, which the table lacks in the database: give it one there, or \
         send the rows without on_duplicate=update",
    )
}
