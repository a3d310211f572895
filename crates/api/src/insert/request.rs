//! A request in one transaction: rows, rejects and the answer to a repetition are committed together, or none of them.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use database::transaction;
use loader::OnDuplicate;
use tokio_postgres::{Client, Error};

use crate::insert::answer::{self, Subject};
use crate::insert::attempt::{Attempt, Trouble};
use crate::insert::outcome::Outcome;
use crate::insert::rejects::{RejectedText, Rejects};
use crate::options::Limits;
use crate::pool::{Lent, Pool};
use crate::problem::Problem;
use crate::rows::batch::Batch;
use crate::rows::csv::CsvBatch;
use crate::store::{Before, Given, Repeatable};
use crate::table::ServedTable;

/// How often a transaction is tried that others' locks or the loss of a session have ended.
const TRIES: u32 = 6;
/// The pause before the second try; it grows.
const PAUSE: Duration = Duration::from_millis(5);

/// Rows that were judged by themselves, and the body that they came in.
pub(crate) enum Judged {
    /// Of JSON, with its text.
    Json(Batch, String),
    /// Of CSV.
    Csv(Box<CsvBatch>),
}

impl Judged {
    /// The rows.
    pub(crate) fn batch(&self) -> &Batch {
        match self {
            Self::Json(batch, _) => batch,
            Self::Csv(of_csv) => &of_csv.batch,
        }
    }

    /// A row as it came.
    fn text(&self, row: usize) -> RejectedText {
        let place = self.batch().rows[row].raw;
        match self {
            Self::Json(_, text) => RejectedText {
                byte_offset: place.start,
                text: text[place.start..place.end].to_owned(),
            },
            Self::Csv(of_csv) => RejectedText {
                byte_offset: of_csv.rows.offset(row),
                text: of_csv.rows.raw(row),
            },
        }
    }
}

/// A request to insert rows.
pub(crate) struct Insertion {
    pub(crate) request: String,
    pub(crate) dataset: String,
    pub(crate) table: Arc<ServedTable>,
    pub(crate) rows: Judged,
    pub(crate) on_duplicate: OnDuplicate,
    /// Whether no row is inserted unless all are.
    pub(crate) atomic: bool,
    pub(crate) repeatable: Option<Repeatable>,
}

/// The answer to a request, and whether it is one that was given before.
pub(crate) struct Done {
    pub(crate) given: Given,
    pub(crate) is_repeated: bool,
}

/// Why a try ended.
pub(crate) enum Failed {
    /// For good.
    Problem(Problem),
    /// The server refuses a row.
    RowRefused,
    /// The transaction did nothing.
    Undone(Error),
    /// Whether the transaction was committed cannot be told.
    Unknown(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Undone(error)
    }
}

impl Insertion {
    /// Inserts the rows, and tries again where another try may succeed.
    ///
    /// # Errors
    /// Nothing was inserted, unless the problem says that this cannot be told.
    pub(crate) async fn run(&self, pool: &Arc<Pool>, limits: &Limits) -> Result<Done, Problem> {
        let mut careful = false;
        let mut pause = PAUSE;
        for _ in 0..TRIES {
            let mut lent = pool.lend().await?;
            match self.transaction(&mut lent, limits, careful).await {
                Ok(done) => {
                    lent.give_back();
                    return Ok(done);
                }
                Err(Failed::Problem(problem)) => {
                    self.roll_back(lent).await;
                    return Err(problem);
                }
                Err(Failed::RowRefused) => {
                    self.roll_back(lent).await;
                    careful = true;
                }
                Err(Failed::Unknown(error)) => {
                    tracing::error!(request = self.request, "the commit failed: {error}");
                    return Err(unknown_outcome());
                }
                Err(Failed::Undone(error)) => {
                    let what = meaning(&error);
                    match what {
                        Meaning::Again => {
                            tracing::debug!(request = self.request, "again: {error}");
                            self.roll_back(lent).await;
                            let random = rand::random_range(0..=pause.as_millis() as u64);
                            tokio::time::sleep(pause + Duration::from_millis(random)).await;
                            pause *= 2;
                        }
                        Meaning::SessionLost => {
                            tracing::warn!(request = self.request, "a session was lost: {error}");
                            drop(lent);
                            pool.forget_free();
                            tokio::time::sleep(pause).await;
                            pause *= 4;
                        }
                        Meaning::Busy => {
                            tracing::warn!(request = self.request, "refused: {}", told(&error));
                            self.roll_back(lent).await;
                            return Err(Problem::busy(
                                "the database could not take the rows in time, or has no room for them: nothing was \
                                 inserted, try again later",
                            ));
                        }
                        Meaning::Fault => {
                            tracing::error!(request = self.request, "failed: {}", told(&error));
                            self.roll_back(lent).await;
                            return Err(Problem::internal());
                        }
                    }
                }
            }
        }
        Err(Problem::busy(
            "the database was not to be had after several tries: nothing was inserted, try again later",
        ))
    }

    async fn roll_back(&self, lent: Lent) {
        match lent.session.client.batch_execute("ROLLBACK").await {
            Ok(()) => lent.give_back(),
            Err(error) => tracing::debug!(request = self.request, "a session is closed: {error}"),
        }
    }

    async fn transaction(
        &self,
        lent: &mut Lent,
        limits: &Limits,
        careful: bool,
    ) -> Result<Done, Failed> {
        let mut opening = Some(self::opening(limits));
        if let (Some(repeatable), Some(begin)) = (&self.repeatable, &opening) {
            match repeatable.find(&lent.session.client, begin).await? {
                Before::Nothing => opening = None,
                Before::Answered(given) => {
                    lent.session.client.batch_execute("ROLLBACK").await?;
                    return Ok(Done {
                        given,
                        is_repeated: true,
                    });
                }
                Before::Other => {
                    return Err(Failed::Problem(Problem::new(
                        StatusCode::UNPROCESSABLE_ENTITY,
                        "idempotency-key-reused",
                        "this Idempotency-Key was used for another request: give each request a key of its own",
                    )));
                }
            }
        }
        if self.atomic {
            let before = opening.map_or(String::new(), |opening| opening + "; ");
            opening = Some(before + "SAVEPOINT rows");
        }
        let mut attempt = Attempt {
            session: &mut lent.session,
            table: &self.table,
            batch: self.rows.batch(),
            on_duplicate: self.on_duplicate,
            careful,
            opening,
        };
        let mut outcomes = match attempt.run().await {
            Ok(outcomes) => outcomes,
            Err(Trouble::RowRefused) => return Err(Failed::RowRefused),
            Err(Trouble::Failed(error)) => return Err(error.into()),
            Err(Trouble::NoKey) => {
                return Err(Failed::Problem(Problem::bad(
                    "no-primary-key",
                    "on_duplicate=update replaces rows by their primary key, which the table lacks",
                )));
            }
        };
        let client = &lent.session.client;
        let is_rejected = |outcome: &Outcome| matches!(outcome, Outcome::Rejected(_));
        if self.atomic && outcomes.iter().any(is_rejected) {
            client.batch_execute("ROLLBACK TO rows").await?;
            for outcome in &mut outcomes {
                if !is_rejected(outcome) {
                    *outcome = Outcome::LeftOut;
                }
            }
        }
        let given = self.told(client, &outcomes).await?;
        if let Some(repeatable) = &self.repeatable {
            repeatable.keep(client, &given).await?;
        }
        commit(client).await?;
        Ok(Done {
            given,
            is_repeated: false,
        })
    }

    /// Records the rejects among the outcomes of the rows, and makes the answer.
    pub(crate) async fn told(&self, client: &Client, outcomes: &[Outcome]) -> Result<Given, Error> {
        let rejects = Rejects {
            schema: &self.table.schema,
            table: &self.table.target.table,
            request: &self.request,
            outcomes,
        };
        rejects.write(client, |row| self.rows.text(row)).await?;
        let subject = Subject {
            request: &self.request,
            dataset: &self.dataset,
            table: &self.table.target.table,
        };
        Ok(answer::of(&subject, outcomes))
    }
}

/// The statements that begin the transaction of a request.
pub(crate) fn opening(limits: &Limits) -> String {
    format!(
        "{}; SET LOCAL statement_timeout = {}",
        transaction::begin_writing(),
        limits.statement.as_millis()
    )
}

/// Commits.
pub(crate) async fn commit(client: &Client) -> Result<(), Failed> {
    client.batch_execute("COMMIT").await.map_err(|error| {
        // What the server says of a commit, it says instead of doing it.
        match error.as_db_error().is_some() && meaning(&error) != Meaning::SessionLost {
            true => Failed::Undone(error),
            false => Failed::Unknown(error),
        }
    })
}

/// The problem of rows of which cannot be told whether they are in the table.
pub(crate) fn unknown_outcome() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "outcome-unknown",
        "the connection to the database was lost as the rows were committed, so they may be in the table or not: send the \
         request again under the same Idempotency-Key, or with on_duplicate=skip",
    )
}

/// What an error of the server means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Another try may succeed at once.
    Again,
    /// The session is gone, and a new one may do.
    SessionLost,
    /// The server has no time, no room or no right to write just now.
    Busy,
    /// Another try would fail too.
    Fault,
}

/// Finds what an error means.
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
        // Too long, a lock not to be had, a replica.
        "57014" | "55P03" | "25006" => Meaning::Busy,
        code if code.starts_with("08") => Meaning::SessionLost,
        code if code.starts_with("53") => Meaning::Busy,
        _ => Meaning::Fault,
    }
}

/// Whether an error is of the connection's bytes.
fn is_of_connection(error: &Error) -> bool {
    let cause = std::error::Error::source(error);
    cause.is_some_and(|cause| cause.is::<std::io::Error>())
}

/// An error with the server's own words, without the values of a row that its detail may have.
pub(crate) fn told(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => error.to_string(),
    }
}
