//! What was computed, for as long as it is worth keeping: each thing is computed once at a time, whoever asks for it, and one thing
//! after the other, since each takes the memory and the processors that there are.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::models::output::Output;
use crate::problem::Problem;
use crate::waiting::Waiters;

/// How many outputs are kept.
const MOST_OUTPUTS: usize = 64;
/// How many bytes the outputs that are kept may have, but the newest one in any case.
const MOST_BYTES: u64 = 4 << 30;
/// How long an output is kept for those who read it page by page, after a newer one was computed.
const FOR_PAGES: Duration = Duration::from_secs(600);
/// How many requests may wait for what is computed.
const MOST_WAITING: usize = 256;
/// How long a request waits. What it waits for is computed to its end all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// The outputs of one key, the newest last, and who computes another.
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

/// Outputs by what was asked.
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
    /// The output of this tag, if it is kept still.
    pub(crate) fn of_tag(&self, key: &Key, tag: &str) -> Option<Arc<Output>> {
        let slot = self.slots().get(key).map(Arc::clone)?;
        let outputs = slot.outputs();
        outputs
            .iter()
            .find(|output| output.tag == tag)
            .map(Arc::clone)
    }

    /// The newest output if it is fresh, or one that is computed now.
    ///
    /// # Errors
    /// Too many requests wait, or it takes too long, or what `compute` says.
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
        // In a task of its own: a client that goes away leaves it to the next.
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

    /// Forgets all outputs, and returns whether there was one.
    pub(crate) fn forget(&self) -> bool {
        let forgotten = |slot: &Arc<Slot>| std::mem::take(&mut *slot.outputs()).len();
        self.slots().values().map(forgotten).sum::<usize>() > 0
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets outputs that newer ones have replaced a while ago, and the oldest beyond what may be kept.
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
