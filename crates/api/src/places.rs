//! The memory that bodies take: so much for all of them, whoever sends them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::Problem;

/// Memory is counted in so many bytes.
const UNIT: usize = 1 << 10;

/// The memory of all bodies.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    all: usize,
}

/// The memory of a body, for as long as it is held.
pub(crate) struct Place(OwnedSemaphorePermit);

impl Place {
    /// The place of a body that turned out to have so many bytes; the rest is given back.
    pub(crate) fn of(mut self, bytes: usize) -> Self {
        let kept = self.0.split(bytes.div_ceil(UNIT));
        kept.map_or(self, Self)
    }
}

impl Places {
    /// So much memory.
    pub(crate) fn new(bytes: usize) -> Self {
        let all = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    /// How many bytes are taken.
    pub(crate) fn taken_bytes(&self) -> usize {
        (self.all - self.free.available_permits()) * UNIT
    }

    /// Takes the memory of a body, once there is some.
    ///
    /// # Errors
    /// There was none in time.
    pub(crate) async fn take(&self, bytes: usize, queue: Duration) -> Result<Place, Problem> {
        // One that is larger than all memory has it for itself.
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
