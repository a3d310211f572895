//! A request in one transaction: rows, rejects and the answer for repetitions are all committed together, or not at all.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use loader::OnDuplicate;
use tokio_postgres::{Client, Error};

use crate::access::Caller;
use crate::insert::answer::{self, Subject};
use crate::insert::attempt::{Attempt, Trouble};
use crate::insert::commit::{AuditLine, commit};
use crate::insert::failed::{Failed, Meaning, fault, meaning, no_key, told, unknown_outcome};
use crate::insert::outcome::{Counts, Outcome};
use crate::insert::rejects::{RejectedText, Rejects};
use crate::pool::{Lent, Pool};
use crate::problem::Problem;
use crate::rows::batch::Batch;
use crate::rows::csv::CsvBatch;
use crate::store::{Before, Given, Repeatable};
use crate::table::ServedTable;

/// How often a transaction is tried if locks of others or the loss of a session end it.
const TRIES: u32 = 6;
/// The pause before the second try; further pauses are longer.
const PAUSE: Duration = Duration::from_millis(5);

/// Rows that were judged by themselves, with the body that they came in.
pub(crate) enum Judged {
    /// Rows of JSON, with the text of the body.
    Json(Batch, String),
    /// Rows of CSV, with its records.
    Csv(Box<CsvBatch>),
}

impl Judged {
    /// The judged rows.
    pub(crate) fn batch(&self) -> &Batch {
        match self {
            Self::Json(batch, _) => batch,
            Self::Csv(of_csv) => &of_csv.batch,
        }
    }

    /// The text of a row as it came, and its place.
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
    pub(crate) caller: Caller,
    pub(crate) dataset: String,
    pub(crate) table: Arc<ServedTable>,
    pub(crate) rows: Judged,
    pub(crate) on_duplicate: OnDuplicate,
    /// Whether all rows must be inserted, or none.
    pub(crate) atomic: bool,
    pub(crate) repeatable: Option<Repeatable>,
}

/// The answer to a request, and whether it was given before.
pub(crate) struct Done {
    pub(crate) given: Given,
    pub(crate) is_repeated: bool,
}

impl Insertion {
    /// Inserts the rows, and tries again as long as another try may succeed.
    ///
    /// # Errors
    /// A problem means that nothing was inserted, unless it says that this is unknown.
    pub(crate) async fn run(&self, pool: &Arc<Pool>) -> Result<Done, Problem> {
        let mut careful = false;
        let mut pause = PAUSE;
        for _ in 0..TRIES {
            let mut lent = pool.lend_to(self.caller.entered.as_deref()).await?;
            match self.transaction(&mut lent, careful).await {
                Ok(done) => {
                    lent.give_back();
                    match done.is_repeated {
                        true => _ = pool.metrics.replays.inc(),
                        false => pool.metrics.per_commit.observe(1.0),
                    }
                    return Ok(done);
                }
                Err(Failed::Problem(problem)) => {
                    self.roll_back(lent).await;
                    return Err(problem);
                }
                Err(Failed::RowRefused) => {
                    self.roll_back(lent).await;
                    pool.metrics.retried("row_refused");
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
                            pool.metrics.retried("conflict");
                            self.roll_back(lent).await;
                            let random = rand::random_range(0..=pause.as_millis() as u64);
                            tokio::time::sleep(pause + Duration::from_millis(random)).await;
                            pause *= 2;
                        }
                        Meaning::SessionLost => {
                            tracing::warn!(request = self.request, "a session was lost: {error}");
                            pool.metrics.retried("session_lost");
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
                        Meaning::Altered => {
                            tracing::warn!(request = self.request, "altered: {}", told(&error));
                            self.roll_back(lent).await;
                            return Err(Problem::altered());
                        }
                        Meaning::NoKey => {
                            self.roll_back(lent).await;
                            return Err(no_key());
                        }
                        Meaning::Fault => {
                            tracing::error!(request = self.request, "failed: {}", told(&error));
                            self.roll_back(lent).await;
                            return Err(fault(&error));
                        }
                    }
                }
            }
        }
        Err(Problem::busy(
            "the database was still busy or away after several tries: nothing was inserted, try again later",
        ))
    }

    async fn roll_back(&self, lent: Lent) {
        match lent.session.client.batch_execute("ROLLBACK").await {
            Ok(()) => lent.give_back(),
            Err(error) => tracing::debug!(request = self.request, "a session is closed: {error}"),
        }
    }

    async fn transaction(&self, lent: &mut Lent, careful: bool) -> Result<Done, Failed> {
        let mut opening = Some(lent.opening().to_owned());
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
                return Err(Failed::Problem(no_key()));
            }
            Err(Trouble::Altered) => return Err(Failed::Problem(Problem::altered())),
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
        let counts = Counts::of(&outcomes);
        let given = self.told(client, &outcomes, &counts).await?;
        if let Some(repeatable) = &self.repeatable {
            repeatable.keep(client, &given).await?;
        }
        let line = self.audit_line(counts);
        commit(&mut lent.session, &self.dataset, &self.table, &[line]).await?;
        self.table.counters.add(&counts);
        Ok(Done {
            given,
            is_repeated: false,
        })
    }

    /// Records the rejected rows, and makes the answer.
    pub(crate) async fn told(
        &self,
        client: &Client,
        outcomes: &[Outcome],
        counts: &Counts,
    ) -> Result<Given, Error> {
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
        Ok(answer::of(&subject, outcomes, counts))
    }

    /// The audit's line about the request.
    pub(crate) fn audit_line(&self, counts: Counts) -> AuditLine<'_> {
        AuditLine {
            request: &self.request,
            client: &self.caller.name,
            counts,
        }
    }
}
