//! How much of the machine a scratch database may use, and the settings of Postgres for that.

use std::path::Path;

use dataset::failure::{Kind, OrFail};

/// How much of the machine a scratch database may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The memory for the server and the run's sessions together.
    pub memory_bytes: u64,
    /// The disk space for tables and temporary files together; `None` for all that is free.
    pub disk_bytes: Option<u64>,
}

/// How many operators of a query may keep much in memory at once (sorts, hash tables).
const OPERATORS: u64 = 4;
const MB: u64 = 1024;
const KB: u64 = 1024;
/// The part of the free disk space that is always left free: one in this many.
const RESERVE: u64 = 10;

/// How memory is divided, in KiB: an eighth for the server's cache (which runs share, as the first of them has set it), a
/// half for the operators of one query, a quarter for building an index, and an eighth for the processes
/// themselves. A query has only one process, since with several its rows come in a different order at every run. Postgres limits
/// each operator, not their sum, so a query with more large operators uses more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) shared_buffers_kb: u64,
    work_mem_kb: u64,
    maintenance_work_mem_kb: u64,
}

impl Limits {
    pub(super) fn shares(&self) -> Shares {
        let memory_kb = self.memory_bytes / KB;
        Shares {
            shared_buffers_kb: (memory_kb / 8).clamp(32 * MB, 256 * MB),
            work_mem_kb: (memory_kb / 2 / OPERATORS).clamp(MB, 1024 * MB),
            maintenance_work_mem_kb: (memory_kb / 4).clamp(MB, 1024 * MB),
        }
    }

    /// How many bytes all temporary files of a query may have on the disk of `data`: half of what the run may use, since its
    /// tables are there too.
    ///
    /// # Errors
    /// [`Kind::Output`] if the disk's free space cannot be read.
    pub(super) fn temporary_bytes(&self, data: &Path) -> anyhow::Result<u64> {
        Ok(self.usable_bytes(data)? / 2)
    }

    /// How many bytes the run may use on the disk of `data`: up to the limit, but never more than what is free minus a reserve.
    ///
    /// # Errors
    /// [`Kind::Output`] if the disk's free space cannot be read.
    pub(super) fn usable_bytes(&self, data: &Path) -> anyhow::Result<u64> {
        let disk =
            rustix::fs::statvfs(data).or_fail(Kind::Output, || data.display().to_string())?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let usable = free - free / RESERVE;
        Ok(self.disk_bytes.map_or(usable, |limit| limit.min(usable)))
    }
}

impl Shares {
    /// The settings of the database.
    pub(super) fn settings(&self, temporary_bytes: u64) -> [(&'static str, String); 7] {
        let temporary_kb = (temporary_bytes / KB).clamp(MB, i32::MAX as u64);
        [
            ("work_mem", format!("{}kB", self.work_mem_kb)),
            ("hash_mem_multiplier", "1".to_owned()),
            (
                "maintenance_work_mem",
                format!("{}kB", self.maintenance_work_mem_kb),
            ),
            ("max_parallel_maintenance_workers", "0".to_owned()),
            ("max_parallel_workers_per_gather", "0".to_owned()),
            ("temp_buffers", "8MB".to_owned()),
            ("temp_file_limit", format!("{temporary_kb}kB")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_within_the_memory() {
        for memory_mb in [256, 512, 1024, 1536, 2048] {
            let limits = Limits {
                memory_bytes: memory_mb * 1024 * 1024,
                disk_bytes: None,
            };
            let shares = limits.shares();
            let operators = shares.work_mem_kb * OPERATORS;
            let sum = shares.shared_buffers_kb + operators + shares.maintenance_work_mem_kb;
            assert!(sum <= memory_mb * MB * 7 / 8, "{memory_mb}: {shares:?}");
        }
    }
}
