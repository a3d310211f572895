//! Failures that callers can tell apart. All other crates name the kind of what went wrong, and the
//! binaries turn it into their exit code.

use std::error::Error;
use std::fmt::Display;

use serde::Serialize;

/// The kind of a failure, which decides the exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A fault of the program itself.
    Internal,
    /// The arguments, or the description of the dataset, make no sense.
    Usage,
    /// The database cannot be reached, refuses the login or the right, or went away.
    Connection,
    /// Data was refused: it cannot be carried exactly.
    Refused,
    /// The output cannot be written.
    Output,
    /// The user stopped the run.
    Interrupted,
    /// The source doesn't fit: a table or column is missing, a type is not supported.
    Mismatch,
    /// A check or the reconciliation failed.
    Check,
}

impl Kind {
    /// The documented exit code for the kind.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Connection => 3,
            Self::Refused => 4,
            Self::Output => 5,
            Self::Interrupted => 6,
            Self::Mismatch => 7,
            Self::Check => 8,
        }
    }

    /// An error of this kind. `message` says what failed, where, and what to do.
    pub fn error(self, message: impl Display) -> anyhow::Error {
        self.failure(message, None)
    }

    /// An error of this kind with another error as its cause.
    pub fn caused_by(
        self,
        source: impl Into<Box<dyn Error + Send + Sync>>,
        message: impl Display,
    ) -> anyhow::Error {
        self.failure(message, Some(source.into()))
    }

    fn failure(
        self,
        message: impl Display,
        source: Option<Box<dyn Error + Send + Sync>>,
    ) -> anyhow::Error {
        anyhow::Error::new(Failure {
            kind: self,
            message: message.to_string(),
            source,
        })
    }
}

/// An error that knows its [`Kind`].
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    kind: Kind,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// The kind of the first [`Failure`] in the chain of `error`, if there is one.
    pub fn kind_of(error: &anyhow::Error) -> Option<Kind> {
        error
            .chain()
            .find_map(|cause| cause.downcast_ref::<Failure>())
            .map(|failure| failure.kind)
    }
}

/// The message of an error with its causes, each only once: some libraries repeat the cause in their own message.
pub fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let message = cause.to_string();
        // The Postgres client says this about every answer of the server; the server's own words follow.
        if message == "db error" || text.ends_with(&message) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&message);
    }
    text
}

/// Gives an error a [`Kind`] and a message, and keeps the error as the cause.
pub trait OrFail<T> {
    /// Turns `Err` into a [`Failure`] of `kind`; only then is `message` called.
    fn or_fail<M: Display>(self, kind: Kind, message: impl FnOnce() -> M) -> anyhow::Result<T>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> OrFail<T> for Result<T, E> {
    fn or_fail<M: Display>(self, kind: Kind, message: impl FnOnce() -> M) -> anyhow::Result<T> {
        self.map_err(|source| kind.caused_by(source, message()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_the_message_repeats_is_printed_once() {
        let error = anyhow::anyhow!("disk full")
            .context("cannot write: disk full")
            .context("publishing");
        assert_eq!(chain(&error), "publishing: cannot write: disk full");
    }

    #[test]
    fn the_kind_is_found_below_any_context() {
        let error = Err::<(), _>(std::io::Error::other("disk"))
            .or_fail(Kind::Output, || "cannot write x")
            .unwrap_err()
            .context("while publishing");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
        assert_eq!(
            format!("{error:#}"),
            "while publishing: cannot write x: disk"
        );
        assert_eq!(Failure::kind_of(&anyhow::anyhow!("plain")), None);
    }
}
