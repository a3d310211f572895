//! `pgbench -i`, the generator that comes with Postgres.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::Context;

use super::ours;
use crate::program;
use crate::rounds::{Line, Sample, Way};
use crate::server::Server;

/// How many rows `pgbench_accounts` has at scale 1, according to the manual.
const SCALE_ROWS: u64 = 100_000;

/// `pgbench -i` at a fixed scale.
pub(super) struct Pgbench {
    scale: u64,
    program: Option<PathBuf>,
    version: Option<String>,
}

impl Pgbench {
    /// The way at the scale that comes closest to this many rows.
    pub(super) fn new(rows: u64) -> Self {
        Self {
            scale: nearest_scale(rows),
            program: None,
            version: None,
        }
    }
}

fn nearest_scale(rows: u64) -> u64 {
    ((rows + SCALE_ROWS / 2) / SCALE_ROWS).max(1)
}

impl Way for Pgbench {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new("pgbench -i, 1 connection").against(ours::load_label(1), "extrato")]
    }

    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        let (path, version) = server.program("pgbench")?;
        (self.program, self.version) = (Some(path), Some(version));
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        server.create_schema()?;
        let path = self.program.as_ref().context("not prepared")?;
        let mut command = Command::new(path);
        // Drop, create tables, generate on the client's side; neither vacuum nor keys.
        command.args(["--initialize", "--init-steps=dtg", "--quiet", "--scale"]);
        command.arg(self.scale.to_string());
        server.connect_program(&mut command);
        let start = Instant::now();
        program::output(&mut command)?;
        let seconds = start.elapsed().as_secs_f64();
        let rows = self.scale * SCALE_ROWS;
        server.check_count("pgbench_accounts", rows)?;
        Ok(vec![Sample {
            seconds,
            rows,
            ..Sample::default()
        }])
    }

    fn essential(&self) -> bool {
        false
    }

    fn note(&self) -> Option<String> {
        Some(format!(
            "{}: steps d, t and g at scale {}, the whole program's time; rows of three integers and an empty char(84). It \
             copies in the transaction that truncates the table, which at wal_level minimal needs no WAL; of the \
             others only the raw COPY without WAL does so",
            self.version.as_ref()?,
            self.scale
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::nearest_scale;

    #[test]
    fn the_scale_is_the_nearest_and_at_least_one() {
        let scales = [0, 149_999, 150_000, 5_010_000].map(nearest_scale);
        assert_eq!(scales, [1, 1, 2, 50]);
    }
}
