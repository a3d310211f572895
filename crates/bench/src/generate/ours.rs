//! Our own generator, in this process.

use super::raw_copy;
use crate::filled::{self, TableRows};
use crate::machine;
use crate::rounds::{Line, Sample, Way};
use crate::server::Server;

/// The label of the load over this many connections.
pub(super) fn load_label(workers: usize) -> String {
    format!("{}: load", label(workers))
}

fn label(workers: usize) -> String {
    match workers {
        1 => "extrato, 1 worker".to_owned(),
        _ => format!("extrato, {workers} workers"),
    }
}

/// The generator with a fixed number of workers.
pub(super) struct Ours {
    associates: u32,
    workers: usize,
    tables: Vec<TableRows>,
    peak_bytes: Option<u64>,
}

impl Ours {
    pub(super) fn new(associates: u32, workers: usize, tables: &[TableRows]) -> Self {
        Self {
            associates,
            workers,
            tables: tables.to_vec(),
            peak_bytes: None,
        }
    }
}

impl Way for Ours {
    fn lines(&self) -> Vec<Line> {
        let label = label(self.workers);
        let load = Line::new(load_label(self.workers));
        vec![
            load.against(raw_copy::label(self.workers), "the limit"),
            Line::new(format!("{label}: keys, indexes, ANALYZE")),
            Line::new(format!("{label}: total")),
        ]
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        machine::forget_peak_memory();
        let report = filled::generate(server, self.associates, self.workers)?;
        // Measured in the first round only: later, memory that other ways left behind would count as ours.
        self.peak_bytes = self.peak_bytes.or_else(machine::peak_memory_bytes);
        for table in &self.tables {
            server.check_count(&table.name, table.rows)?;
        }
        let sample = |seconds, bytes| Sample {
            seconds,
            rows: report.rows,
            bytes,
            ..Sample::default()
        };
        Ok(vec![
            sample(report.load_seconds, Some(report.bytes)),
            sample(report.index_seconds, None),
            sample(report.seconds, None),
        ])
    }

    fn essential(&self) -> bool {
        true
    }

    fn note(&self) -> Option<String> {
        let mebibytes = self.peak_bytes? as f64 / f64::from(1 << 20);
        Some(format!(
            "{}: at most {mebibytes:.1} MiB of memory in the client (the whole process of this bench)",
            label(self.workers)
        ))
    }
}
