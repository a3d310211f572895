//! The uploads of one run: many at once, bounded in number and in bytes. The run waits for them before it says that all is there.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tracing::{Span, field};

/// How many requests are under way at once. One by one, 385 objects a second are written; with 32 at once, 930.
const MAX_WORKERS: usize = 32;
/// How many bytes may wait or be under way, roughly.
const MAX_BYTES: usize = 64 << 20;

type Task = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// The uploads of a run. Clones share them.
#[derive(Clone)]
pub(super) struct Uploads(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(usize, Task)>,
    /// Bytes of tasks that wait or are under way.
    bytes: usize,
    /// Tasks that wait or are under way.
    tasks: usize,
    workers: usize,
    /// The error of the first task that failed; no task is begun after it.
    failed: Option<io::Error>,
}

impl Uploads {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// Runs `task`, which sends `bytes` bytes, on another thread. Waits first while too many bytes are under way.
    ///
    /// # Errors
    /// The error of an earlier task.
    pub(super) fn send(
        &self,
        bytes: usize,
        task: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let mut state = self.0.state();
        while state.failed.is_none() && state.tasks > 0 && state.bytes + bytes > MAX_BYTES {
            state = self.0.wait(state);
        }
        state.check()?;
        state.waiting.push_back((bytes, Box::new(task)));
        state.bytes += bytes;
        state.tasks += 1;
        if state.workers < MAX_WORKERS {
            state.workers += 1;
            let shared = Arc::clone(&self.0);
            let worker = thread::Builder::new().name("upload".to_owned());
            if let Err(error) = worker.spawn(move || shared.work()) {
                state.workers -= 1;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Waits until everything is sent.
    ///
    /// # Errors
    /// The error of the first task that failed.
    pub(super) fn settle(&self) -> io::Result<()> {
        let mut state = self.0.state();
        let span = match state.tasks {
            0 => Span::none(),
            _ => tracing::info_span!(
                "send what is left",
                bytes_total = state.bytes as u64,
                bytes = field::Empty
            ),
        };
        let all_bytes = state.bytes;
        while state.tasks > 0 {
            state = self.0.wait(state);
            span.record("bytes", (all_bytes - state.bytes) as u64);
        }
        drop(span);
        state.check()
    }

    /// Drops the tasks that wait, and waits for those under way.
    pub(super) fn stop(&self) {
        let mut state = self.0.state();
        let error = io::Error::other("the run ended before all was sent");
        state.failed.get_or_insert(error);
        while state.tasks > 0 {
            state = self.0.wait(state);
        }
    }
}

impl State {
    fn check(&self) -> io::Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let waited = self.changed.wait(state);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Does waiting tasks until there are none.
    ///
    /// A thread costs less than a request, so there is a thread for each task, up to the limit.
    fn work(&self) {
        let mut state = self.state();
        while let Some((bytes, task)) = state.waiting.pop_front() {
            let is_wanted = state.failed.is_none();
            drop(state);
            let done = match is_wanted {
                true => task(),
                false => Ok(()),
            };
            state = self.state();
            state.bytes -= bytes;
            state.tasks -= 1;
            if let Err(error) = done {
                state.failed.get_or_insert(error);
            }
            self.changed.notify_all();
        }
        state.workers -= 1;
    }
}
