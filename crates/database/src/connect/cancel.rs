//! A token that stops a run: loops check it, and it cancels statements that wait on the server.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dataset::failure::Kind;

/// A cancellation token; all clones share one state.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Inner>);

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    next_hook: AtomicU64,
    hooks: Mutex<Vec<(u64, Hook)>>,
}

type Hook = Box<dyn Fn() + Send + Sync>;

impl Cancel {
    /// Asks everything that holds this token to stop, and runs the hooks. May be called from a signal thread.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        let hooks = self.0.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, hook) in hooks.iter() {
            hook();
        }
    }

    /// Whether the run was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    /// Returns an error of kind [`Kind::Interrupted`] once the run was asked to stop.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.is_cancelled() {
            return Err(Kind::Interrupted.error("interrupted"));
        }
        Ok(())
    }

    /// Runs `hook` at the moment of cancellation, for as long as the returned guard lives.
    pub fn on_cancel(&self, hook: impl Fn() + Send + Sync + 'static) -> HookGuard {
        let id = self.0.next_hook.fetch_add(1, Ordering::Relaxed);
        let mut hooks = self.0.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.push((id, Box::new(hook)));
        HookGuard {
            cancel: self.clone(),
            id,
        }
    }
}

/// Removes its hook when dropped.
pub struct HookGuard {
    cancel: Cancel,
    id: u64,
}

impl Drop for HookGuard {
    fn drop(&mut self) {
        let inner = &self.cancel.0;
        let mut hooks = inner.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.retain(|(id, _)| *id != self.id);
    }
}
