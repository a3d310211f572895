//! The limit of reading: binary COPY of the tables to nowhere. Nothing is decoded.

use std::process::Command;
use std::thread;

use anyhow::Context;
use database::catalogue::identifier::qualified;
use database::copy::read::Blocks;
use database::{Cancel, ConnectionArgs, Environment, Settings};
use serde::{Deserialize, Serialize};

use super::job::{Job, READ};
use super::tuples::Counter;
use crate::rounds::{Line, Role, Sample, Way};
use crate::server::{SCHEMA, Server};

/// The columns that the model needs, in foreign-key order; `extrato transform` reads the same ones.
const NEEDED: [(&str, &str); 4] = [
    ("associado", "id, nome, sobrenome, idade"),
    ("conta", "id, tipo, data_criacao"),
    (
        "cartao",
        "id, num_cartao, nom_impresso, data_criacao, id_conta, id_associado",
    ),
    (
        "movimento",
        "id, vlr_transacao, des_transacao, data_movimento, id_cartao",
    ),
];
/// The only table that is worth reading over several connections.
const LARGEST: &str = "movimento";

/// What is read, in a process of its own.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct WireArgs {
    /// Over so many connections at once
    #[arg(long)]
    connections: u32,

    /// Read all columns, not only those that the model needs
    #[arg(long)]
    all_columns: bool,

    /// Count the rows too
    #[arg(long)]
    count: bool,
}

/// What was read.
#[derive(Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
struct Read {
    bytes: u64,
    /// The number of rows; 0 if they were not counted.
    rows: u64,
}

/// Reads everything, and prints how much it was.
pub(crate) fn run(arguments: &WireArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let settings = ConnectionArgs::default().settings(&Environment::from_process())?;
    let settings = settings.context("the PG* variables name no server")?;
    let mut read = Read::default();
    for (table, columns) in NEEDED {
        let columns = if arguments.all_columns { "*" } else { columns };
        let pieces = match table {
            LARGEST => ranges(blocks_of(&settings, table, cancel)?, arguments.connections),
            _ => ranges(0, 1),
        };
        let statements = pieces.iter().map(|range| {
            let table = qualified(SCHEMA, table);
            format!("COPY (SELECT {columns} FROM {table} WHERE {range}) TO STDOUT (FORMAT binary)")
        });
        let count = arguments.count;
        thread::scope(|scope| {
            let readers: Vec<_> = statements
                .map(|statement| {
                    let settings = &settings;
                    scope.spawn(move || drain(settings, &statement, count, cancel))
                })
                .collect();
            readers.into_iter().try_for_each(|reader| {
                let piece = reader.join();
                let piece = piece.unwrap_or_else(|_| Err(anyhow::anyhow!("a reader panicked")))?;
                read.bytes += piece.bytes;
                read.rows += piece.rows;
                anyhow::Ok(())
            })
        })?;
    }
    println!("{}", serde_json::to_string(&read)?);
    Ok(())
}

fn drain(
    settings: &Settings,
    statement: &str,
    count: bool,
    cancel: &Cancel,
) -> anyhow::Result<Read> {
    let mut counter = Counter::default();
    let mut bytes = 0;
    for block in Blocks::open(settings, "BEGIN READ ONLY", statement, None, cancel)? {
        let block = block?;
        bytes += block.len() as u64;
        if count {
            counter.feed(&block)?;
        }
    }
    let rows = counter.rows();
    Ok(Read { bytes, rows })
}

fn blocks_of(settings: &Settings, table: &str, cancel: &Cancel) -> anyhow::Result<u32> {
    let query = "SELECT (pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint)::bigint";
    let table = qualified(SCHEMA, table);
    let blocks: i64 = settings
        .connect(cancel)?
        .query_one(query, &[&table])?
        .get(0);
    Ok(u32::try_from(blocks)?)
}

/// Conditions that split a table of this many blocks into equal parts; the last one has no end.
fn ranges(blocks: u32, parts: u32) -> Vec<String> {
    let bound = |part: u32| u64::from(blocks) * u64::from(part) / u64::from(parts);
    (0..parts)
        .map(|part| {
            let from = format!("ctid >= '({},0)'", bound(part));
            match part + 1 {
                next if next < parts => format!("{from} AND ctid < '({},0)'", bound(next)),
                _ => from,
            }
        })
        .collect()
}

/// The limit over a fixed number of connections.
pub(super) struct Wire {
    pub(super) arguments: WireArgs,
    pub(super) job: Job,
    /// The rows of all four tables.
    pub(super) rows: u64,
    bytes: u64,
}

impl Wire {
    pub(super) fn new(connections: u32, all_columns: bool, job: Job, rows: u64) -> Self {
        let arguments = WireArgs {
            connections,
            all_columns,
            count: false,
        };
        Self {
            arguments,
            job,
            rows,
            bytes: 0,
        }
    }

    fn command(&self, server: &Server, count: bool) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        let connections = self.arguments.connections.to_string();
        command.args(["bare-read", "--connections", &connections]);
        command.args(self.arguments.all_columns.then_some("--all-columns"));
        command.args(count.then_some("--count"));
        server.connect_program(&mut command);
        Ok(command)
    }
}

impl Way for Wire {
    fn lines(&self) -> Vec<Line> {
        let (columns, role) = match self.arguments.all_columns {
            true => ("all columns", Role::Aside),
            false => ("needed columns", Role::Limit),
        };
        let connections = match self.arguments.connections {
            1 => "1 connection".to_owned(),
            more => format!("{more} connections"),
        };
        let label = format!("binary COPY to nowhere, {columns}, {connections}");
        vec![Line::new(label).of(READ, role)]
    }

    /// Counts the rows once: doing so in every round would be work that the limit doesn't have.
    fn prepare(&mut self, server: &Server) -> anyhow::Result<()> {
        let mut command = self.command(server, true)?;
        let done = self.job.run(&mut command, None, server)?;
        let read: Read = serde_json::from_str(&done.printed)?;
        let expected = self.rows;
        anyhow::ensure!(
            read.rows == expected,
            "{} rows were read instead of {expected}",
            read.rows
        );
        self.bytes = read.bytes;
        Ok(())
    }

    fn run(&mut self, server: &Server) -> anyhow::Result<Vec<Sample>> {
        let mut command = self.command(server, false)?;
        let done = self.job.run(&mut command, None, server)?;
        let read: Read = serde_json::from_str(&done.printed)?;
        anyhow::ensure!(
            read.bytes == self.bytes,
            "{} bytes were read instead of {}",
            read.bytes,
            self.bytes
        );
        Ok(vec![Sample {
            seconds: done.seconds,
            rows: self.rows,
            bytes: Some(read.bytes),
            usage: Some(done.usage),
            ..Sample::default()
        }])
    }

    fn essential(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn the_parts_of_a_table_meet_and_the_last_is_open() {
        assert_eq!(ranges(7, 1), ["ctid >= '(0,0)'"]);
        let expected = ["ctid >= '(0,0)' AND ctid < '(3,0)'", "ctid >= '(3,0)'"];
        assert_eq!(ranges(7, 2), expected);
    }
}
