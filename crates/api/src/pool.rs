//! Sessions of the database: some at most, each lent to one transaction at a time, opened when they are needed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use database::Settings;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Statement};

use crate::insert::statement::{Judging, Shape};
use crate::options::Limits;
use crate::problem::Problem;

/// How many statements a session keeps prepared; beyond them it begins anew.
const MOST_STATEMENTS: usize = 256;

/// A session of the database, and the statements that it has prepared.
pub(crate) struct Session {
    pub(crate) client: Client,
    statements: HashMap<(String, Shape), Arc<Prepared>>,
}

/// A statement that a session has prepared.
pub(crate) struct Prepared {
    pub(crate) statement: Statement,
    pub(crate) judging: Judging,
}

impl Session {
    /// Whether the session has prepared the statement of a shape for the table of this name.
    pub(crate) fn has_prepared(&self, table: &str, shape: &Shape) -> bool {
        self.statements
            .contains_key(&(table.to_owned(), shape.clone()))
    }

    /// The statement of a shape for the table of this name, prepared from what `judging` gives unless it is.
    pub(crate) async fn prepared(
        &mut self,
        table: &str,
        shape: &Shape,
        judging: impl FnOnce() -> Judging,
    ) -> Result<Arc<Prepared>, tokio_postgres::Error> {
        let name = (table.to_owned(), shape.clone());
        if let Some(prepared) = self.statements.get(&name) {
            return Ok(Arc::clone(prepared));
        }
        if self.statements.len() == MOST_STATEMENTS {
            self.statements.clear();
        }
        let judging = judging();
        let statement = self.client.prepare(&judging.sql).await?;
        let prepared = Arc::new(Prepared { statement, judging });
        self.statements.insert(name, Arc::clone(&prepared));
        Ok(prepared)
    }
}

/// The sessions of the service.
pub(crate) struct Pool {
    settings: Settings,
    permits: Arc<Semaphore>,
    free: Mutex<Vec<Session>>,
    waiting: AtomicUsize,
    limits: Limits,
}

/// A session that is lent. Unless it is given back it is closed, and what runs in it is rolled back.
pub(crate) struct Lent {
    pub(crate) session: Session,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Lent {
    /// Gives the session back, between transactions.
    pub(crate) fn give_back(self) {
        let mut free = self
            .pool
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        free.push(self.session);
    }
}

/// Counts a request that waits, for as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool of so many sessions, none of which is open yet.
    pub(crate) fn new(settings: Settings, sessions: usize, limits: Limits) -> Self {
        Self {
            settings,
            permits: Arc::new(Semaphore::new(sessions)),
            free: Mutex::default(),
            waiting: AtomicUsize::new(0),
            limits,
        }
    }

    /// Lends a session, once one is free.
    ///
    /// # Errors
    /// Too many requests wait already, or none became free in time, or the database cannot be reached.
    pub(crate) async fn lend(self: &Arc<Self>) -> Result<Lent, Problem> {
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.limits.waiting {
            return Err(Problem::busy(
                "too many requests wait for the database: nothing was inserted, try again later",
            ));
        }
        let permit = Arc::clone(&self.permits).acquire_owned();
        let permit = tokio::time::timeout(self.limits.queue, permit).await;
        let Ok(Ok(permit)) = permit else {
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
            _permit: permit,
        })
    }

    /// Forgets the sessions that nobody uses: after a restart of the server none of them works.
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
