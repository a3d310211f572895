//! The memory that bodies take: so much for all of them, whoever sends them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
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
    /// Bytes that are in the place until nobody has them any more; what they do not need of it is given back at once.
    pub(crate) fn holding(mut self, bytes: Vec<u8>) -> Bytes {
        let kept = self.0.split(bytes.len().div_ceil(UNIT));
        Bytes::from_owner(Held(bytes, kept.map_or(self, Self)))
    }
}

/// Bytes, with the place that they take in memory.
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
