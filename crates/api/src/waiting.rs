//! Counts requests that wait for something, up to a limit.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of requests that wait.
#[derive(Default)]
pub(crate) struct Waiters(AtomicUsize);

/// A request that waits; it counts until this is dropped.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Waiters {
    /// Counts a request; `None` if as many wait already as may.
    pub(crate) fn enter(&self, most: usize) -> Option<Waiting<'_>> {
        let waiting = Waiting(&self.0);
        (self.0.fetch_add(1, Ordering::Relaxed) < most).then_some(waiting)
    }

    /// How many requests wait at the moment.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
