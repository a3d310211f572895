//! `INSERT … SELECT` from `generate_series`: rows made by the server itself, without any client.

use std::time::Instant;

use super::ours;
use crate::rounds::{Line, Sample, Way};
use crate::server::Server;

/// Fills `movimento` with a single statement.
pub(super) struct InsertSelect {
    rows: u64,
}

impl InsertSelect {
    /// The way with this many rows.
    pub(super) fn new(rows: u64) -> Self {
        Self { rows }
    }
}

impl Way for InsertSelect {
    fn lines(&self) -> Vec<Line> {
        let line = Line::new("INSERT … SELECT FROM generate_series");
        vec![line.against(ours::load_label(1), "extrato")]
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        server.create_tables()?;
        let mut connection = server.connect()?;
        let statement = format!(
            "INSERT INTO movimento (id, vlr_transacao, des_transacao, data_movimento, id_cartao)
             SELECT id, (random() * 1000)::numeric(10, 2), 'COMPRA ' || floor(random() * 1000000),
                    timestamp '2018-01-01' + random() * interval '5 years', 1 + floor(random() * 100000)
             FROM generate_series(1, {}) AS id",
            self.rows
        );
        let start = Instant::now();
        connection.batch_execute(&statement)?;
        let seconds = start.elapsed().as_secs_f64();
        server.check_count("movimento", self.rows)?;
        Ok(vec![Sample {
            seconds,
            rows: self.rows,
            ..Sample::default()
        }])
    }

    fn essential(&self) -> bool {
        true
    }
}
