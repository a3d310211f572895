//! Decides whether a request has a key that lets it in.
//!
//! Without a valid key nobody learns anything: unknown, wrong, expired and revoked keys get the same answer, after the same time.
//! Requests from addresses that fail often are refused for a while.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use tokio_postgres::Error;

use crate::keys::{Right, Scope, sum};
use crate::limiter::Entered;
use crate::pool::Pool;
use crate::problem::Problem;

/// For how long keys in memory are used before they are read again; a revoked key lets nobody in for longer than this.
const FRESH: Duration = Duration::from_secs(2);
/// How many failures an address may have within a window.
const MOST_FAILURES: u32 = 20;
/// The time over which an address's failures are counted together.
const WINDOW: Duration = Duration::from_secs(60);
/// How many addresses that failed are remembered.
const MOST_ADDRESSES: usize = 10_000;

/// The sender of a request.
#[derive(Clone, Default)]
pub(crate) struct Caller {
    /// The name of the key; empty if no key is needed.
    pub(crate) name: Arc<str>,
    /// The caller's request as the limiter counts it, for as long as it is served.
    pub(crate) entered: Option<Arc<Entered>>,
    /// The rights that the key has; `None` for all rights.
    scopes: Option<Vec<Scope>>,
}

impl Caller {
    /// Whether the caller has a key; if requests are let in without one, nobody has.
    pub(crate) fn has_key(&self) -> bool {
        self.scopes.is_some()
    }

    /// Checks that the caller has a right to a dataset. The answer to others does not say which datasets there are.
    ///
    /// # Errors
    /// 403 without the right.
    pub(crate) fn check(&self, dataset: &str, right: Right) -> Result<(), Problem> {
        let Some(scopes) = &self.scopes else {
            return Ok(());
        };
        if scopes.iter().any(|scope| scope.covers(dataset, right)) {
            return Ok(());
        }
        let needed = Scope {
            dataset: dataset.to_owned(),
            right,
        };
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "out-of-scope",
            format!("the key does not allow this: it needs the scope {needed}"),
        ))
    }
}

/// A key that lets requests in.
struct LiveKey {
    name: Arc<str>,
    sum: [u8; 32],
    scopes: Vec<Scope>,
}

/// The keys that let requests in, as they were at a certain time.
struct Known {
    keys: Arc<Vec<LiveKey>>,
    at: Instant,
}

/// The failures of an address.
struct Failures {
    count: u32,
    since: Instant,
}

/// Knows the keys, and the addresses that failed.
pub(crate) struct Access {
    needs_key: bool,
    known: tokio::sync::Mutex<Option<Known>>,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

impl Access {
    /// Lets in requests that have a key or, if none is needed, all requests.
    pub(crate) fn new(needs_key: bool) -> Self {
        Self {
            needs_key,
            known: tokio::sync::Mutex::new(None),
            failures: Mutex::default(),
        }
    }

    /// Finds out who sent a request with these headers from this address.
    ///
    /// # Errors
    /// 401 without a valid key, 429 after many of these, 503 if the database cannot be asked.
    pub(crate) async fn caller(
        &self,
        headers: &HeaderMap,
        peer: IpAddr,
        pool: &Arc<Pool>,
    ) -> Result<Caller, Problem> {
        if !self.needs_key {
            return Ok(Caller::default());
        }
        if self.is_throttled(peer) {
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-failures",
                "too many requests without a valid key came from this address: wait a minute",
            )
            .with(header::RETRY_AFTER, HeaderValue::from_static("60")));
        }
        let found = match secret(headers) {
            Some(secret) => {
                let keys = self.keys(pool, FRESH).await?;
                match find(&keys, &secret) {
                    // It may be a key that was created since the keys were read.
                    None => find(&self.keys(pool, Duration::ZERO).await?, &secret),
                    found => found,
                }
            }
            None => None,
        };
        found.ok_or_else(|| {
            self.failed(peer);
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "no-valid-key",
                "the request has no valid key: send one as Authorization: Bearer KEY",
            )
            // One header for each scheme: Chromium looks only at the first scheme of a header, and asks for a password only for
            // Basic.
            .with(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"extrato\""),
            )
            .with(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"extrato\""),
            )
        })
    }

    /// The keys that let requests in, read again if those in memory are too old.
    async fn keys(&self, pool: &Arc<Pool>, fresh: Duration) -> Result<Arc<Vec<LiveKey>>, Problem> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.at.elapsed() < fresh) {
            return Ok(Arc::clone(&known.keys));
        }
        let at = Instant::now();
        // If a restart of the server has ended the session, another one is tried once.
        let mut read = Err(None);
        for _ in 0..2 {
            let lent = pool.lend().await?;
            match read_keys(&lent.session.client).await {
                Ok(keys) => {
                    lent.give_back();
                    read = Ok(keys);
                    break;
                }
                Err(error) => {
                    pool.forget_free();
                    read = Err(Some(error));
                }
            }
        }
        let keys = read.map_err(|error| {
            tracing::error!(
                "the keys cannot be read: {}",
                error.map_or(String::new(), |error| error.to_string())
            );
            Problem::busy("the database does not answer: nothing was inserted, try again later")
        })?;
        let keys = Arc::new(keys);
        *known = Some(Known {
            keys: Arc::clone(&keys),
            at,
        });
        Ok(keys)
    }

    fn is_throttled(&self, peer: IpAddr) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(&peer).is_some_and(|failures| {
            failures.count >= MOST_FAILURES && failures.since.elapsed() < WINDOW
        })
    }

    fn failed(&self, peer: IpAddr) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_ADDRESSES {
            failures.retain(|_, failures| failures.since.elapsed() < WINDOW);
            if failures.len() >= MOST_ADDRESSES {
                failures.clear();
            }
        }
        let now = Instant::now();
        let of_peer = failures.entry(peer).or_insert(Failures {
            count: 0,
            since: now,
        });
        if of_peer.since.elapsed() >= WINDOW {
            *of_peer = Failures {
                count: 0,
                since: now,
            };
        }
        of_peer.count += 1;
    }
}

/// Reads the keys that are neither revoked nor expired.
async fn read_keys(client: &tokio_postgres::Client) -> Result<Vec<LiveKey>, Error> {
    let rows = client
        .query(
            "SELECT name, sum, scopes FROM extrato_serve.key
             WHERE revoked IS NULL AND (expires IS NULL OR expires > pg_catalog.now())",
            &[],
        )
        .await?;
    let keys = rows.iter().filter_map(|row| {
        let scopes: Vec<String> = row.get(2);
        Some(LiveKey {
            name: row.get::<_, &str>(0).into(),
            sum: row.get::<_, &[u8]>(1).try_into().ok()?,
            scopes: scopes
                .iter()
                .filter_map(|scope| scope.parse().ok())
                .collect(),
        })
    });
    Ok(keys.collect())
}

/// Finds the caller whose key a secret is. Every key is compared in full, whatever came of the others, so that the time tells
/// nothing.
fn find(keys: &[LiveKey], secret: &str) -> Option<Caller> {
    let sum = sum(secret);
    let mut found = u64::MAX;
    for (index, key) in keys.iter().enumerate() {
        let is_same: Choice = key.sum.ct_eq(&sum);
        found.conditional_assign(&(index as u64), is_same);
    }
    let key = keys.get(usize::try_from(found).ok()?)?;
    Some(Caller {
        name: Arc::clone(&key.name),
        entered: None,
        scopes: Some(key.scopes.clone()),
    })
}

/// The secret in a request's headers: a bearer token, or the password of a user of any name.
fn secret(headers: &HeaderMap) -> Option<String> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(given), None) = (given.next(), given.next()) else {
        return None;
    };
    let (scheme, value) = given.to_str().ok()?.split_once(' ')?;
    let value = value.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    let (_, password) = decoded.split_once(':')?;
    Some(password.to_owned())
}
