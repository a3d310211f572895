//! Creates and fills the tables of TPC-H in a process of its own: the generator keeps 300 MB of text, and a process starts with the
//! peak memory of the one that starts it.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use database::catalogue::identifier::quoted;
use database::{Cancel, ConnectionArgs, Environment};
use testkit::tpch;

use crate::child;
use crate::filled::TableRows;
use crate::server::{SCHEMA, Server};

/// How many rows are made.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct FillArgs {
    /// The scale of the data
    #[arg(long)]
    scale: f64,
}

/// Fills the tables, and prints how many rows each has.
pub(crate) fn run(arguments: &FillArgs, cancel: &Cancel) -> anyhow::Result<()> {
    let settings = ConnectionArgs::default().settings(&Environment::from_process())?;
    let settings = settings.context("the PG* variables name no server")?;
    let mut connection = settings.connect(cancel)?;
    connection.batch_execute(&format!("SET search_path TO {}", quoted(SCHEMA)))?;
    let rows = tpch::fill(&mut connection, arguments.scale)?;
    println!("{}", serde_json::to_string(&rows)?);
    Ok(())
}

/// Lets another process fill the tables, and returns how many rows each has.
pub(super) fn tables(server: &Server, scale: f64) -> anyhow::Result<Vec<TableRows>> {
    eprintln!("making the rows at scale {scale}");
    server.create_schema()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["fill-models", "--scale", &scale.to_string()]);
    server.connect_program(&mut command);
    let done = child::run(&mut command, None, Duration::MAX, server.cancel())?;
    let tables: Vec<(String, u64)> = serde_json::from_str(&done.printed)?;
    let tables = tables
        .into_iter()
        .map(|(name, rows)| TableRows { name, rows });
    Ok(tables.collect())
}
