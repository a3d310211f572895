//! Requests that wait for something: so many at most.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many requests wait.
#[derive(Default)]
pub(crate) struct Waiters(AtomicUsize);

/// A request that waits, for as long as it does.
pub(crate) struct Waiting<'a>(&'a AtomicUsize);

impl Waiters {
    /// Counts a request; `None` if as many as may wait already.
    pub(crate) fn enter(&self, most: usize) -> Option<Waiting<'_>> {
        let waiting = Waiting(&self.0);
        (self.0.fetch_add(1, Ordering::Relaxed) < most).then_some(waiting)
    }

    /// How many wait at this moment.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
