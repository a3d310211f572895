//! The limit: rows that are already in Postgres's own binary format, sent as they are.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use anyhow::Context;
use database::Connection;
use database::catalogue::identifier::quoted;

use crate::filled::TableRows;
use crate::rounds::{Line, Sample, Way};
use crate::server::Server;

/// How many bytes are sent at a time: as many as our own writer sends.
const BLOCK_BYTES: usize = 256 * 1024;

/// The label of the limit with this many connections.
pub(super) fn label(connections: usize) -> String {
    match connections {
        1 => "raw COPY, 1 connection".to_owned(),
        _ => format!("raw COPY, {connections} connections"),
    }
}

/// A part of a table: a file with a complete stream of binary COPY.
struct Piece {
    table: String,
    file: PathBuf,
}

/// Raw COPY over a fixed number of connections.
pub(super) struct RawCopy {
    label: String,
    tables: Vec<TableRows>,
    /// Whether the tables are created in the transaction that fills them. If `wal_level` is minimal, the server then
    /// writes no WAL for them.
    one_transaction: bool,
    /// For each connection, a piece of every table in foreign-key order.
    pieces: Vec<Vec<Piece>>,
}

impl RawCopy {
    /// Saves the rows of the server's tables into files, each table in as many parts as there will be
    /// connections.
    pub(super) fn prepare(
        server: &Server,
        tables: &[TableRows],
        connections: usize,
    ) -> anyhow::Result<Self> {
        let mut connection = server.connect()?;
        let mut pieces = Vec::new();
        for number in 0..connections {
            let mut own = Vec::new();
            for table in tables {
                let name = format!("{}-{number}-of-{connections}", table.name);
                let file = server.folder().join(name);
                // Ids are dense and begin at 1.
                let bound = |number: usize| table.rows * number as u64 / connections as u64;
                save(
                    &mut connection,
                    &table.name,
                    (bound(number) + 1, bound(number + 1)),
                    &file,
                )?;
                own.push(Piece {
                    table: table.name.clone(),
                    file,
                });
            }
            pieces.push(own);
        }
        Ok(Self {
            label: label(connections),
            tables: tables.to_vec(),
            one_transaction: false,
            pieces,
        })
    }

    /// Raw COPY over one connection, in one transaction that also creates the tables.
    pub(super) fn in_one_transaction(
        server: &Server,
        tables: &[TableRows],
    ) -> anyhow::Result<Self> {
        let copy = Self::prepare(server, tables, 1)?;
        Ok(Self {
            label: format!("{}, no WAL", copy.label),
            one_transaction: true,
            ..copy
        })
    }
}

fn save(
    connection: &mut Connection,
    table: &str,
    (first, last): (u64, u64),
    path: &Path,
) -> anyhow::Result<()> {
    let statement = format!(
        "COPY (SELECT * FROM {} WHERE id BETWEEN {first} AND {last} ORDER BY id) TO STDOUT (FORMAT binary)",
        quoted(table)
    );
    let mut file = File::create(path)?;
    io::copy(&mut connection.copy_out(&statement)?, &mut file)
        .with_context(|| format!("cannot save {table} to {}", path.display()))?;
    Ok(())
}

impl Way for RawCopy {
    fn lines(&self) -> Vec<Line> {
        vec![Line::new(self.label.clone())]
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        if self.one_transaction {
            server.create_schema()?;
        } else {
            server.create_tables()?;
        }
        let mut senders = Vec::new();
        let mut bytes = 0;
        for pieces in &self.pieces {
            let mut streams = Vec::new();
            for piece in pieces {
                let stream = fs::read(&piece.file)?;
                bytes += stream.len() as u64;
                streams.push((piece.table.as_str(), stream));
            }
            let mut connection = server.connect()?;
            // The generator sets this too.
            connection.batch_execute("SET synchronous_commit TO off")?;
            if self.one_transaction {
                connection.batch_execute("BEGIN")?;
                connection.batch_execute(&server.dataset().schema_sql)?;
            }
            senders.push((connection, streams));
        }
        let start = Instant::now();
        thread::scope(|scope| {
            let running: Vec<_> = senders
                .iter_mut()
                .map(|(connection, streams)| scope.spawn(|| send(connection, streams)))
                .collect();
            running.into_iter().try_for_each(|sender| {
                let sent = sender.join();
                sent.unwrap_or_else(|_| Err(anyhow::anyhow!("a sender panicked")))
            })
        })?;
        let seconds = start.elapsed().as_secs_f64();
        for table in &self.tables {
            server.check_count(&table.name, table.rows)?;
        }
        Ok(vec![Sample {
            seconds,
            rows: self.tables.iter().map(|table| table.rows).sum(),
            bytes: Some(bytes),
            ..Sample::default()
        }])
    }

    fn essential(&self) -> bool {
        true
    }
}

/// Sends the streams one after the other, without waiting between tables for other connections: there are
/// no foreign keys yet.
fn send(connection: &mut Connection, streams: &[(&str, Vec<u8>)]) -> anyhow::Result<()> {
    for (table, stream) in streams {
        let statement = format!("COPY {} FROM STDIN (FORMAT binary)", quoted(table));
        let mut writer = connection.copy_in(&statement)?;
        for block in stream.chunks(BLOCK_BYTES) {
            writer.write_all(block)?;
        }
        writer.finish()?;
    }
    // If there is nothing to commit, the server only warns.
    Ok(connection.batch_execute("COMMIT")?)
}
