//! Keeps computed outputs for as long as they are useful. The same output is computed only once at a time, no matter how many ask
//! for it, and different outputs one after the other, since each needs all of the memory and processors.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::models::output::Output;
use crate::problem::Problem;
use crate::waiting::Waiters;

/// How many outputs are kept at most.
const MOST_OUTPUTS: usize = 64;
/// How many bytes the kept outputs may have; the newest one is kept in any case.
const MOST_BYTES: u64 = 4 << 30;
/// How long an output is kept, for those who read it page by page, although there is a newer one.
const FOR_PAGES: Duration = Duration::from_secs(600);
/// How many requests may wait for an output.
const MOST_WAITING: usize = 256;
/// How long a request waits. The output is computed to the end even if the request gives up.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The outputs of one key, the newest last, and a lock that is held while another is computed.
#[derive(Default)]
struct Slot {
    outputs: Mutex<Vec<Arc<Output>>>,
    computing: Arc<tokio::sync::Mutex<()>>,
}

impl Slot {
    fn newest(&self) -> Option<Arc<Output>> {
        self.outputs().last().map(Arc::clone)
    }

    fn outputs(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Output>>> {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Computed outputs, by what was asked.
pub(crate) struct Cache<Key> {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    waiting: Waiters,
    one_by_one: Arc<Semaphore>,
}

impl<Key> Default for Cache<Key> {
    fn default() -> Self {
        Self {
            slots: Mutex::default(),
            waiting: Waiters::default(),
            one_by_one: Arc::new(Semaphore::new(1)),
        }
    }
}

impl<Key: Eq + Hash + Clone + Send + 'static> Cache<Key> {
    /// The output with this tag, if it is still kept.
    pub(crate) fn of_tag(&self, key: &Key, tag: &str) -> Option<Arc<Output>> {
        let slot = self.slots().get(key).map(Arc::clone)?;
        let outputs = slot.outputs();
        outputs
            .iter()
            .find(|output| output.tag == tag)
            .map(Arc::clone)
    }

    /// The newest output if it is fresh, or else one that is computed now.
    ///
    /// # Errors
    /// Too many requests wait, or it takes too long; or the error of `compute`.
    pub(crate) async fn fresh(
        self: &Arc<Self>,
        key: Key,
        is_fresh: impl Fn(&Output) -> bool,
        compute: impl FnOnce() -> Result<Output, Problem> + Send + 'static,
    ) -> Result<Arc<Output>, Problem> {
        let slot = Arc::clone(self.slots().entry(key).or_default());
        let newest = || slot.newest().filter(|output| is_fresh(output));
        if let Some(output) = newest() {
            return Ok(output);
        }
        let _waiting = self.waiting.enter(MOST_WAITING).ok_or_else(|| {
            Problem::busy("too many requests are waiting for the rows of models: try again later")
        })?;
        let too_long = |_| {
            Problem::busy("the model is still being computed, or waits for others: try again later")
        };
        let waits_until = tokio::time::Instant::now() + LONGEST_WAIT;
        let turn = Arc::clone(&slot.computing).lock_owned();
        let turn = tokio::time::timeout_at(waits_until, turn)
            .await
            .map_err(too_long)?;
        if let Some(output) = newest() {
            return Ok(output);
        }
        // In a task of its own: if the client goes away, the next one can use the output.
        let (cache, of_task) = (Arc::clone(self), Arc::clone(&slot));
        let computing = tokio::spawn(async move {
            let _turn = turn;
            let _permit = cache.one_by_one.acquire().await;
            let computed = tokio::task::spawn_blocking(compute).await;
            let computed = computed.unwrap_or_else(|error| {
                tracing::error!("computing a model ended: {error}");
                Err(Problem::internal())
            });
            let output = computed.map(Arc::new);
            of_task.outputs().extend(output.iter().map(Arc::clone));
            cache.make_room();
            output
        });
        let computed = tokio::time::timeout_at(waits_until, computing).await;
        match computed.map_err(too_long)? {
            Ok(output) => output,
            Err(_) => Err(Problem::internal()),
        }
    }

    /// Forgets all outputs, and returns whether there was any.
    pub(crate) fn forget(&self) -> bool {
        let forgotten = |slot: &Arc<Slot>| std::mem::take(&mut *slot.outputs()).len();
        self.slots().values().map(forgotten).sum::<usize>() > 0
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets outputs that have been replaced for a while, and then the oldest ones until the rest is within the limits.
    fn make_room(&self) {
        let mut slots = self.slots();
        let mut kept = Vec::new();
        for (key, slot) in slots.iter() {
            let mut outputs = slot.outputs();
            let newest = outputs.last().map(Arc::clone);
            outputs.retain(|output| {
                output.made.elapsed() < FOR_PAGES
                    || newest
                        .as_ref()
                        .is_some_and(|newest| Arc::ptr_eq(newest, output))
            });
            kept.extend(
                outputs
                    .iter()
                    .map(|output| (key.clone(), Arc::clone(output))),
            );
        }
        kept.sort_by_key(|(_, output)| std::cmp::Reverse(output.made));
        let mut bytes = 0;
        for (place, (key, output)) in kept.iter().enumerate() {
            bytes += output.bytes;
            if place > 0
                && (place >= MOST_OUTPUTS || bytes > MOST_BYTES)
                && let Some(slot) = slots.get(key)
            {
                slot.outputs().retain(|other| !Arc::ptr_eq(other, output));
            }
        }
        slots.retain(|_, slot| Arc::strong_count(slot) > 1 || !slot.outputs().is_empty());
    }
}
