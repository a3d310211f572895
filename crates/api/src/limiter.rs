//! Limits how much one caller may ask for, so that something is left for the others.
//!
//! A caller is a key or, if no key is needed, an address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderValue, StatusCode, header};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use crate::options::Limits;
use crate::problem::Problem;

/// The number of requests after which those callers are forgotten whose rate need not be remembered any longer.
const FORGET_AFTER: u32 = 4096;

/// A caller, whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// The holder of the key of this name.
    Key(Arc<str>),
    /// The client at this address.
    Address(IpAddr),
}

/// The requests and sessions that a caller has at this moment.
struct Inside {
    requests: u32,
    /// The sessions of the database that the caller's requests may use at the same time.
    sessions: Arc<Semaphore>,
}

/// Counts what each caller asks for.
pub(crate) struct Limiter {
    rate: Option<DefaultKeyedRateLimiter<Who>>,
    clock: DefaultClock,
    asked: AtomicU32,
    at_once: u32,
    sessions: usize,
    inside: Mutex<HashMap<Who, Inside>>,
}

/// A request that is being served; it counts until this is dropped.
pub(crate) struct Entered {
    who: Who,
    limiter: Arc<Limiter>,
    pub(crate) sessions: Arc<Semaphore>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut inside = self.limiter.inside();
        if let Some(own) = inside.get_mut(&self.who) {
            own.requests -= 1;
            if own.requests == 0 {
                inside.remove(&self.who);
            }
        }
    }
}

impl Limiter {
    /// Limits callers to what the options say, and each caller to one session of the database less than there are.
    pub(crate) fn new(limits: &Limits, sessions: usize) -> Self {
        let quota = limits.per_second.map(Quota::per_second);
        Self {
            rate: quota.map(RateLimiter::keyed),
            clock: DefaultClock::default(),
            asked: AtomicU32::new(0),
            at_once: limits.at_once.get(),
            sessions: sessions.saturating_sub(1).max(1),
            inside: Mutex::default(),
        }
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// 429 with the time after which another request is let in.
    pub(crate) fn enter(self: &Arc<Self>, who: Who) -> Result<Entered, Problem> {
        self.check_rate(&who)?;
        let mut inside = self.inside();
        let own = inside.entry(who.clone()).or_insert_with(|| Inside {
            requests: 0,
            sessions: Arc::new(Semaphore::new(self.sessions)),
        });
        if own.requests >= self.at_once {
            return Err(too_many(
                "too-many-at-once",
                format!(
                    "{} requests of this caller are being served, and no more are allowed at once: wait for an answer",
                    self.at_once
                ),
                1,
            ));
        }
        own.requests += 1;
        let sessions = Arc::clone(&own.sessions);
        Ok(Entered {
            who,
            limiter: Arc::clone(self),
            sessions,
        })
    }

    fn check_rate(&self, who: &Who) -> Result<(), Problem> {
        let Some(rate) = &self.rate else {
            return Ok(());
        };
        if self.asked.fetch_add(1, Ordering::Relaxed) % FORGET_AFTER == FORGET_AFTER - 1 {
            rate.retain_recent();
            rate.shrink_to_fit();
        }
        rate.check_key(who).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            too_many(
                "rate-limited",
                "this caller sends too many requests per second: send more rows in each, or wait",
                wait.as_millis().div_ceil(1000).max(1),
            )
        })
    }

    fn inside(&self) -> std::sync::MutexGuard<'_, HashMap<Who, Inside>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many(name: &'static str, detail: impl Into<String>, seconds: u128) -> Problem {
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, name, detail);
    match HeaderValue::from_str(&seconds.to_string()) {
        Ok(seconds) => problem.with(header::RETRY_AFTER, seconds),
        Err(_) => problem,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn callers_that_are_gone_are_forgotten() {
        let limits = Limits {
            per_second: NonZeroU32::new(1_000_000),
            ..Limits::default()
        };
        let limiter = Arc::new(Limiter::new(&limits, 8));
        for address in 0..10 * FORGET_AFTER {
            let who = Who::Address(Ipv4Addr::from_bits(address).into());
            assert!(limiter.enter(who).is_ok());
        }
        assert!(limiter.inside().is_empty());
        let rate = limiter.rate.as_ref().map_or(0, |rate| rate.len());
        assert!(rate <= 2 * FORGET_AFTER as usize, "{rate}");
    }
}
