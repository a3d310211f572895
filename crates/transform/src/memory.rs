//! How much memory a run may take, and how much of it is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// The share of the machine's memory that a run may take unless told otherwise, in per cent.
const DEFAULT_SHARE: u64 = 60;

/// What the program, its connections, and the buffers of what is read and written take beside the rows, in bytes.
pub const RESERVED_BYTES: u64 = 160 << 20;

/// The least that a run may be allowed, in bytes.
pub const LEAST_BYTES: u64 = RESERVED_BYTES + (64 << 20);

/// Arenas that glibc's allocator may have, on a machine with few processors.
const FEWEST_ARENAS: usize = 4;

/// Lets glibc's allocator keep memory in few arenas; to be called as the program begins.
///
/// It makes up to eight for each processor when threads get in each other's way, and each keeps some of what was freed:
/// a run with `--memory 512MB` peaked at 370 MB on an idle machine of two processors and at 520 MB on a busy one, where
/// with four arenas it took 350 and 415 MB at most, and no longer.
#[allow(unsafe_code, reason = "nothing safe sets it from within a program")]
pub fn limit_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let arenas = processors.max(FEWEST_ARENAS) as libc::c_int;
        // SAFETY: it sets a number, while no other thread is there yet.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
    }
}

/// What a run may take by default, in bytes: a share of the memory of the machine, or of its container's (cgroup).
pub fn default_bytes() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    let machine = system.total_memory();
    let allowed = system
        .cgroup_limits()
        .map_or(machine, |limits| limits.total_memory.min(machine));
    (allowed / 100 * DEFAULT_SHARE).max(LEAST_BYTES)
}

/// How a run's memory is shared out. The shares were measured: a table in memory is copied once when its blocks
/// become columns, has a few numbers for each row beside it, and the allocator keeps some of what was freed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    allowed_bytes: u64,
}

impl Shares {
    /// Shares out what a run may take.
    pub(crate) fn of(allowed_bytes: u64) -> Self {
        Self { allowed_bytes }
    }

    /// All that the run may take.
    pub(crate) fn all(self) -> u64 {
        self.allowed_bytes
    }

    fn rows(self) -> u64 {
        self.allowed_bytes.saturating_sub(RESERVED_BYTES)
    }

    /// What all tables together may take as frames, or they are staged.
    pub(crate) fn tables(self) -> u64 {
        self.rows() * 2 / 5
    }

    /// What the parents of a model may take that runs range by range.
    pub(crate) fn parents(self) -> u64 {
        self.rows() / 5
    }

    /// What the rows of one range may take as frames.
    pub(crate) fn range(self) -> u64 {
        self.rows() / 10
    }

    /// What the keys may take that a model's checks compare, all of them together.
    pub(crate) fn checks(self) -> u64 {
        self.rows() / 20
    }
}

/// Bytes that tables may still take; clones share one state.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    limit_bytes: u64,
    taken_bytes: Arc<AtomicU64>,
}

impl Budget {
    pub(crate) fn new(limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            taken_bytes: Arc::default(),
        }
    }

    /// Takes `bytes`; whether there were so many.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        self.taken_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limit_bytes
    }

    /// Gives bytes back that were taken.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.taken_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
