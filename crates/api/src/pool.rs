//! Sessions of the database: there is a limit to them, each is lent to one transaction at a time, and they are opened when needed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use database::Settings;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Statement};

use crate::insert::statement::{Judging, Shape, TOLD_COLUMNS};
use crate::limiter::Entered;
use crate::metrics::Metrics;
use crate::options::Limits;
use crate::problem::Problem;
use crate::table::{LiveColumn, ServedTable};
use crate::waiting::Waiters;

/// How many prepared statements a session keeps; when there are more, it drops all of them.
const MOST_STATEMENTS: usize = 256;

/// A session of the database, and the statements that it has prepared.
pub(crate) struct Session {
    pub(crate) client: Client,
    statements: HashMap<(u64, Shape), Arc<Prepared>>,
    /// The statement that writes the audit, once it is prepared.
    pub(crate) audit: Option<Statement>,
}

/// A statement that a session has prepared.
pub(crate) struct Prepared {
    pub(crate) statement: Statement,
    pub(crate) judging: Judging,
}

impl Session {
    /// Whether the session has prepared the statement of a shape for a table.
    pub(crate) fn has_prepared(&self, table: &ServedTable, shape: &Shape) -> bool {
        self.statements.contains_key(&(table.id, shape.clone()))
    }

    /// The statement of a shape for a table, prepared from what `judging` gives unless it is prepared already. `None` if the
    /// table's columns are not those that it had when its rules were read.
    pub(crate) async fn prepared(
        &mut self,
        table: &ServedTable,
        shape: &Shape,
        judging: impl FnOnce() -> Judging,
    ) -> Result<Option<Arc<Prepared>>, tokio_postgres::Error> {
        let name = (table.id, shape.clone());
        if let Some(prepared) = self.statements.get(&name) {
            return Ok(Some(Arc::clone(prepared)));
        }
        if self.statements.len() == MOST_STATEMENTS {
            self.statements.clear();
        }
        let judging = judging();
        let statement = self.client.prepare(&judging.sql).await?;
        let columns = statement.columns().iter().skip(TOLD_COLUMNS);
        if !columns.map(LiveColumn::of).eq(table.live.iter().cloned()) {
            return Ok(None);
        }
        let prepared = Arc::new(Prepared { statement, judging });
        self.statements.insert(name, Arc::clone(&prepared));
        Ok(Some(prepared))
    }
}

/// The sessions of the service.
pub(crate) struct Pool {
    settings: Settings,
    permits: Arc<Semaphore>,
    pub(crate) sessions: usize,
    free: Mutex<Vec<Session>>,
    waiting: Waiters,
    limits: Limits,
    /// The statements that begin the transaction of a request that inserts.
    opening: String,
    /// What the service counts.
    pub(crate) metrics: Arc<Metrics>,
}

/// A session that is lent. If it is dropped without being given back, it is closed, and its transaction is rolled back.
pub(crate) struct Lent {
    pub(crate) session: Session,
    pool: Arc<Pool>,
    _permits: (Option<OwnedSemaphorePermit>, OwnedSemaphorePermit),
}

impl Lent {
    /// The statements that begin the transaction of a request that inserts.
    pub(crate) fn opening(&self) -> &str {
        &self.pool.opening
    }

    /// Gives the session back. No transaction may be open in it.
    pub(crate) fn give_back(self) {
        let mut free = self
            .pool
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        free.push(self.session);
    }
}

impl Pool {
    /// A pool of this many sessions, none of which is open yet.
    pub(crate) fn new(
        settings: Settings,
        sessions: usize,
        limits: Limits,
        opening: String,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            settings,
            permits: Arc::new(Semaphore::new(sessions)),
            sessions,
            free: Mutex::default(),
            waiting: Waiters::default(),
            limits,
            opening,
            metrics,
        }
    }

    /// Lends a session as soon as one is free.
    ///
    /// # Errors
    /// A problem if too many requests wait already, none became free in time, or the database cannot be reached.
    pub(crate) async fn lend(self: &Arc<Self>) -> Result<Lent, Problem> {
        self.lend_within(None).await
    }

    /// Lends a session to a request of a caller. Each caller has only a share of the sessions: one that keeps all of its share busy
    /// waits, while others still find a session.
    ///
    /// # Errors
    /// The errors of [`lend`](Self::lend).
    pub(crate) async fn lend_to(
        self: &Arc<Self>,
        request: Option<&Entered>,
    ) -> Result<Lent, Problem> {
        self.lend_within(request.map(|request| Arc::clone(&request.sessions)))
            .await
    }

    async fn lend_within(self: &Arc<Self>, share: Option<Arc<Semaphore>>) -> Result<Lent, Problem> {
        let waiting = self.waiting.enter(self.limits.waiting).ok_or_else(|| {
            Problem::busy(
                "too many requests are waiting for the database: nothing was inserted, try again later",
            )
        })?;
        let permits = async {
            let of_share = match share {
                Some(share) => Some(share.acquire_owned().await?),
                None => None,
            };
            let of_all = Arc::clone(&self.permits).acquire_owned().await?;
            Ok::<_, AcquireError>((of_share, of_all))
        };
        let Ok(Ok(permits)) = tokio::time::timeout(self.limits.queue, permits).await else {
            return Err(Problem::busy(
                "no session of the database became free in time: nothing was inserted, try again later",
            ));
        };
        drop(waiting);
        let session = match self.free_session() {
            Some(session) => session,
            None => self.connect().await?,
        };
        Ok(Lent {
            session,
            pool: Arc::clone(self),
            _permits: permits,
        })
    }

    /// The settings of the database.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many sessions are lent at the moment, and how many requests wait for one.
    pub(crate) fn lent_and_waiting(&self) -> (usize, usize) {
        let lent = self.sessions - self.permits.available_permits();
        (lent, self.waiting.count())
    }

    /// Closes the sessions that nobody uses: after a restart of the server none of them works.
    pub(crate) fn forget_free(&self) {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn free_session(&self) -> Option<Session> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(session) = free.pop() {
            if !session.client.is_closed() {
                return Some(session);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Session, Problem> {
        match self.settings.connect_session().await {
            Ok(client) => Ok(Session {
                client,
                statements: HashMap::new(),
                audit: None,
            }),
            Err(error) => {
                tracing::error!("no session of the database: {error:#}");
                Err(Problem::busy(
                    "the database cannot be reached: nothing was inserted, try again later",
                ))
            }
        }
    }
}
