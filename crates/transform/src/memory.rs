//! How much memory a run may take, how it is divided, and how much of it is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// The share of the machine's memory that a run may take by default, in per cent.
const DEFAULT_SHARE: u64 = 60;

/// How many bytes the program takes besides the rows, for its connections and the buffers of reading and writing.
pub const RESERVED_BYTES: u64 = 160 << 20;

/// The least number of bytes that a run may be allowed.
pub const LEAST_BYTES: u64 = RESERVED_BYTES + (64 << 20);

/// How many arenas glibc's allocator may have on a machine with few processors.
const FEWEST_ARENAS: usize = 4;

/// Limits the number of arenas of glibc's allocator; to be called when the program begins.
///
/// The allocator makes up to eight arenas for each processor when threads get in each other's way, and each arena keeps some of
/// what was freed. A run with `--memory 512MB` peaked at 370 MB on an idle machine of two processors and at 520 MB on a busy one;
/// with four arenas it took at most 350 and 415 MB, and no longer.
#[allow(unsafe_code, reason = "nothing safe sets it from within a program")]
pub fn limit_arenas() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let arenas = processors.max(FEWEST_ARENAS) as libc::c_int;
        // SAFETY: the call sets a number, while there is no other thread yet.
        unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
    }
}

/// How many bytes a run may take by default: a share of the memory of the machine, or of its container (cgroup).
pub fn default_bytes() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(memory);
    let machine = system.total_memory();
    let allowed = system
        .cgroup_limits()
        .map_or(machine, |limits| limits.total_memory.min(machine));
    (allowed / 100 * DEFAULT_SHARE).max(LEAST_BYTES)
}

/// How a run's memory is divided. The shares were measured: a table in memory is copied once when its blocks become columns, needs
/// a few numbers for each row besides, and the allocator keeps some of what was freed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    allowed_bytes: u64,
}

impl Shares {
    /// Divides the bytes that a run may take.
    pub(crate) fn of(allowed_bytes: u64) -> Self {
        Self { allowed_bytes }
    }

    /// How many bytes the run may take in all.
    pub(crate) fn all(self) -> u64 {
        self.allowed_bytes
    }

    fn rows(self) -> u64 {
        self.allowed_bytes.saturating_sub(RESERVED_BYTES)
    }

    /// How many bytes all tables together may take as frames; beyond that they are staged.
    pub(crate) fn tables(self) -> u64 {
        self.rows() * 2 / 5
    }

    /// How many bytes the parents of a model that runs in ranges may take.
    pub(crate) fn parents(self) -> u64 {
        self.rows() / 5
    }

    /// How many bytes the rows of one range may take as frames.
    pub(crate) fn range(self) -> u64 {
        self.rows() / 10
    }

    /// How many bytes the keys may take that a model's checks compare, all together.
    pub(crate) fn checks(self) -> u64 {
        self.rows() / 20
    }
}

/// How many bytes tables may still take. Clones share the count.
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

    /// Takes `bytes`; says whether that many were left.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        self.taken_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.limit_bytes
    }

    /// Gives back bytes that were taken.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.taken_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
