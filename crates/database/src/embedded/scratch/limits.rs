//! What a scratch database may take of the machine, as settings of Postgres.

use std::path::Path;

use dataset::failure::{Kind, OrFail};

/// What a scratch database may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The memory of the server and the run's sessions together.
    pub memory_bytes: u64,
    /// The disk for tables and temporary files together; `None` for what is free.
    pub disk_bytes: Option<u64>,
}

/// The operators of a query that keep much in memory at once (sorts, hash tables).
const OPERATORS: u64 = 4;
const MB: u64 = 1024;
const KB: u64 = 1024;
/// The least that is left free on the disk, as a part of what is free.
const RESERVE: u64 = 10;

/// How memory is shared out, in KiB: an eighth is the server's cache (which runs share, as the first of them has set it), a
/// half is for the operators of one query, a quarter for building an index, and an eighth is left for the processes
/// themselves. A query has one process, since the rows of several come in another order at every run. Postgres bounds each
/// operator and not their sum, so a query of more large operators takes more.
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

    /// What all temporary files of a query may take on the disk of `data`: half of what there is for the run, since its
    /// tables lie there too.
    ///
    /// # Errors
    /// [`Kind::Output`] if the disk cannot be asked.
    pub(super) fn temporary_bytes(&self, data: &Path) -> anyhow::Result<u64> {
        Ok(self.usable_bytes(data)? / 2)
    }

    /// What the run may take on the disk of `data`: what the limit gives, and never more than is free but a reserve.
    ///
    /// # Errors
    /// [`Kind::Output`] if the disk cannot be asked.
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
