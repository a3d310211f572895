//! Requests that wait for a session at the same time share one statement and one commit.
//!
//! A request waits for a session in a queue, unless it is atomic or has an Idempotency-Key. The request that gets a session inserts
//! the rows of all that are in its queue, as far as they fit one statement, and gives each its own answer. So with a free session
//! nobody waits, and without one a single commit serves many requests. If it fails, each request runs by itself.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{self, Either};
use loader::OnDuplicate;
use tokio::sync::oneshot;

use crate::insert::attempt::{Attempt, Trouble};
use crate::insert::commit::commit;
use crate::insert::failed::{Failed, unknown_outcome};
use crate::insert::outcome::Counts;
use crate::insert::request::{Done, Insertion};
use crate::options::Limits;
use crate::pool::{Lent, Pool};
use crate::problem::Problem;
use crate::rows::batch::Batch;

/// How many bytes of values are inserted together at most.
const MOST_BYTES: usize = 4 << 20;

/// The requests that can be inserted together: for the same reading of a table's rules, with the same treatment of duplicates.
type Kind = (u64, OnDuplicate);

/// The news for a request whose rows another request has tried to insert.
enum Told {
    /// The rows are inserted; this is the answer.
    Done(Result<Done, Problem>),
    /// Nothing was inserted: the request must run by itself.
    Nothing,
}

/// A request that waits in a queue.
struct Waiting {
    insertion: Arc<Insertion>,
    told: oneshot::Sender<Told>,
}

/// The queues of waiting requests.
#[derive(Default)]
pub(crate) struct Gatherer {
    queues: Mutex<HashMap<Kind, Vec<Waiting>>>,
}

impl Gatherer {
    /// Inserts the rows of a request, together with those of others that wait.
    ///
    /// # Errors
    /// The errors of [`Insertion::run`].
    pub(crate) async fn run(
        &self,
        insertion: Insertion,
        pool: &Arc<Pool>,
        limits: &Limits,
    ) -> Result<Done, Problem> {
        let insertion = Arc::new(insertion);
        if insertion.atomic || insertion.repeatable.is_some() {
            return insertion.run(pool).await;
        }
        let kind = (insertion.table.id, insertion.on_duplicate);
        let (told, mut answer) = oneshot::channel();
        self.queue(&kind, |queue| {
            queue.push(Waiting {
                insertion: Arc::clone(&insertion),
                told,
            });
        });
        let lending = pool.lend_to(insertion.caller.entered.as_deref());
        let lent = match future::select(pin!(lending), &mut answer).await {
            Either::Left((lent, _)) => lent,
            // Another request has inserted the rows, so that no session is needed.
            Either::Right((told, _)) => return done_or_run(told, &insertion, pool).await,
        };
        let others = self.queue(&kind, |queue| match lent {
            Ok(_) => take(queue, &insertion, limits.rows),
            // If another request has taken it already, that one gives the answer.
            Err(_) => {
                queue.retain(|waiting| !Arc::ptr_eq(&waiting.insertion, &insertion));
                Vec::new()
            }
        });
        match lent {
            Ok(lent) if others.is_empty() => lent.give_back(),
            Ok(lent) => together(lent, others, pool).await,
            Err(problem) => {
                return match answer.try_recv() {
                    Err(oneshot::error::TryRecvError::Closed) => Err(problem),
                    Ok(told) => done_or_run(Ok(told), &insertion, pool).await,
                    Err(oneshot::error::TryRecvError::Empty) => {
                        done_or_run(answer.await, &insertion, pool).await
                    }
                };
            }
        }
        done_or_run(answer.await, &insertion, pool).await
    }

    fn queue<T>(&self, kind: &Kind, work: impl FnOnce(&mut Vec<Waiting>) -> T) -> T {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        work(queues.entry(*kind).or_default())
    }
}

/// Inserts the rows of requests in one transaction, and tells each what became of its own.
async fn together(mut lent: Lent, requests: Vec<Waiting>, pool: &Pool) {
    match transaction(&mut lent, &requests).await {
        Ok(answers) => {
            lent.give_back();
            pool.metrics.per_commit.observe(requests.len() as f64);
            for (request, done) in requests.into_iter().zip(answers) {
                // Nobody receives it if the client has gone.
                let _ = request.told.send(Told::Done(Ok(done)));
            }
        }
        Err(Failed::Unknown(error)) => {
            tracing::error!("the commit of several requests failed: {error}");
            for request in requests {
                let _ = request.told.send(Told::Done(Err(unknown_outcome())));
            }
        }
        Err(_) => {
            if lent.session.client.batch_execute("ROLLBACK").await.is_ok() {
                lent.give_back();
            }
            for request in requests {
                let _ = request.told.send(Told::Nothing);
            }
        }
    }
}

/// The answer that another request has given or, if that inserted nothing, the answer of running the request alone.
async fn done_or_run(
    told: Result<Told, oneshot::error::RecvError>,
    insertion: &Insertion,
    pool: &Arc<Pool>,
) -> Result<Done, Problem> {
    match told {
        Ok(Told::Done(done)) => done,
        Ok(Told::Nothing) => insertion.run(pool).await,
        // The other request's task has ended, and nobody knows how far it came.
        Err(_) => Err(unknown_outcome()),
    }
}

/// Takes a request out of a queue, if it is still there, and with it others, oldest first, as far as they fit.
fn take(queue: &mut Vec<Waiting>, own: &Arc<Insertion>, most: usize) -> Vec<Waiting> {
    let Some(place) = queue
        .iter()
        .position(|waiting| Arc::ptr_eq(&waiting.insertion, own))
    else {
        return Vec::new();
    };
    let mut taken = vec![queue.remove(place)];
    let size = |waiting: &Waiting| {
        let batch = waiting.insertion.rows.batch();
        let bytes: usize = batch.columns.iter().map(|column| column.bytes.len()).sum();
        (batch.rows.len(), bytes)
    };
    let (mut rows, mut bytes) = size(&taken[0]);
    let mut place = 0;
    while place < queue.len() {
        let (more, longer) = size(&queue[place]);
        if rows + more > most || bytes + longer > MOST_BYTES {
            place += 1;
            continue;
        }
        (rows, bytes) = (rows + more, bytes + longer);
        taken.push(queue.remove(place));
    }
    taken
}

async fn transaction(lent: &mut Lent, requests: &[Waiting]) -> Result<Vec<Done>, Failed> {
    let insertions = requests.iter().map(|waiting| &waiting.insertion);
    let first = &requests[0].insertion;
    let joined;
    let batch = match requests.len() {
        1 => first.rows.batch(),
        _ => {
            joined = Batch::joined(insertions.clone().map(|insertion| insertion.rows.batch()));
            &joined
        }
    };
    let opening = lent.opening().to_owned();
    let mut attempt = Attempt {
        session: &mut lent.session,
        table: &first.table,
        batch,
        on_duplicate: first.on_duplicate,
        careful: false,
        opening: Some(opening),
    };
    let outcomes = attempt.run().await.map_err(|trouble| match trouble {
        Trouble::Failed(error) => Failed::Undone(error),
        // When the request runs by itself, the reason is found and reported.
        Trouble::RowRefused | Trouble::NoKey | Trouble::Altered => Failed::RowRefused,
    })?;
    let client = &lent.session.client;
    let mut answers = Vec::with_capacity(requests.len());
    let mut lines = Vec::with_capacity(requests.len());
    let mut rest = &outcomes[..];
    for insertion in insertions {
        let (own, others) = rest.split_at(insertion.rows.batch().rows.len());
        rest = others;
        let counts = Counts::of(own);
        lines.push(insertion.audit_line(counts));
        answers.push(Done {
            given: insertion.told(client, own, &counts).await?,
            is_repeated: false,
        });
    }
    commit(&mut lent.session, &first.dataset, &first.table, &lines).await?;
    first.table.counters.add(&Counts::of(&outcomes));
    Ok(answers)
}
