//! Sends requests to a contender and then counts its rows.

use std::rc::Rc;

use super::cell::{Cell, TABLE, label};
use super::contender::Contender;
use crate::rounds::{Line, Sample, Way};
use crate::server::Server;

/// Requests of one kind to one contender.
pub(super) struct Run {
    cell: Cell,
    contender: Rc<Contender>,
    postmaster: u32,
}

impl Run {
    pub(super) fn new(cell: Cell, contender: &Rc<Contender>, postmaster: u32) -> Self {
        Self {
            cell,
            contender: Rc::clone(contender),
            postmaster,
        }
    }
}

impl Way for Run {
    fn lines(&self) -> Vec<Line> {
        let label = label(self.contender.name, self.cell.connections);
        vec![Line::new(label).of(self.cell.part, self.contender.role)]
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let (told, taken) = self.contender.run(&self.cell, self.postmaster, server)?;
        anyhow::ensure!(
            told.failures == 0,
            "{} of {} requests failed",
            told.failures,
            told.requests
        );
        let rows = told.requests * u64::from(self.cell.rows);
        server.check_count(TABLE, rows)?;
        Ok(vec![Sample {
            seconds: told.seconds,
            rows,
            usage: Some(taken.usage),
            server_cpu_seconds: Some(taken.server_cpu_seconds),
            latency: Some(told.latency),
            ..Sample::default()
        }])
    }

    fn essential(&self) -> bool {
        false
    }
}
