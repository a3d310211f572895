//! Memory for bodies: a limit for all of them together, whoever sends them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// The unit in which memory is counted, in bytes.
const UNIT: usize = 1 << 10;

/// The memory for all bodies.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    all: usize,
}

/// The memory of one body, for as long as this is held.
pub(crate) struct Place(OwnedSemaphorePermit);

impl Place {
    /// Turns bytes into [`Bytes`] that keep the place until nobody uses them any more; the part of the place that they don't need
    /// is free at once.
    pub(crate) fn holding(mut self, bytes: Vec<u8>) -> Bytes {
        let kept = self.0.split(bytes.len().div_ceil(UNIT));
        Bytes::from_owner(Held(bytes, kept.map_or(self, Self)))
    }
}

/// Bytes, with their place in memory.
struct Held(
    Vec<u8>,
    #[expect(dead_code, reason = "it is given back as it is dropped")] Place,
);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Places {
    /// Memory of this many bytes, all of it free.
    pub(crate) fn new(bytes: usize) -> Self {
        let all = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    /// How many bytes are taken at the moment.
    pub(crate) fn taken_bytes(&self) -> usize {
        (self.all - self.free.available_permits()) * UNIT
    }

    /// Takes the memory for a body, once there is enough.
    ///
    /// # Errors
    /// A problem if there was not enough in time.
    pub(crate) async fn take(&self, bytes: usize, queue: Duration) -> Result<Place, Problem> {
        // A body larger than all memory gets all of it.
        let units = bytes.div_ceil(UNIT).clamp(1, self.all);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let taken = Arc::clone(&self.free).acquire_many_owned(units);
        match tokio::time::timeout(queue, taken).await {
            Ok(Ok(permit)) => Ok(Place(permit)),
            _ => Err(Problem::busy(
                "the bodies of other requests and answers take all memory: nothing was inserted, try again later",
            )),
        }
    }
}
