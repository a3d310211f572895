//! Compares Extrato's jobs with their limits and with other ways of doing the same, on a server of
//! its own. No time is asserted anywhere: the results are for reading.

mod backup;
mod child;
mod cluster;
mod comparison;
mod filled;
mod generate;
mod load;
mod machine;
mod models;
mod place;
mod processes;
mod program;
mod python;
mod results;
mod rounds;
mod serve;
mod server;
mod storage;
mod table;
mod transform;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use database::Cancel;

use comparison::ComparisonArgs;

/// Compare Extrato's jobs with their limits and with other ways of doing the same
#[derive(Parser)]
#[command(name = "bench", version)]
struct Program {
    #[command(subcommand)]
    comparison: Comparison,
}

#[derive(Subcommand)]
enum Comparison {
    /// Compare ways of filling a Postgres with rows
    Generate(ComparisonArgs),
    /// Compare ways of getting joined rows out of a Postgres into files
    Transform(ComparisonArgs),
    /// Compare ways of getting CSV files into a Postgres
    Load(load::LoadArgs),
    /// Compare a SELECT typed to Extrato with the same typed to DuckDB
    Query(ComparisonArgs),
    /// See how the time of `transform` grows with rows and with clients
    Growth(transform::growth::GrowthArgs),
    /// Compare ways of getting tables into files and back
    Backup(backup::BackupArgs),
    /// Compare engines at models that compute: the queries of TPC-H
    Models(models::ModelsArgs),
    /// Compare services that take rows over HTTP
    Serve(serve::ServeArgs),
    /// Compare files in a bucket with the same in a folder
    Storage(storage::StorageArgs),
    /// Compare models on Spark with the same here
    Cluster(cluster::ClusterArgs),
    /// The limit of inserting, as a process of its own
    #[command(hide = true)]
    BareInsert(serve::bare::BareArgs),
    /// The limit of reading, as a process of its own
    #[command(hide = true)]
    BareRead(transform::wire::WireArgs),
    /// The limit of writing, as a process of its own
    #[command(hide = true)]
    BareWrite(transform::disk::DiskArgs),
    /// The rows of TPC-H, by a process of its own
    #[command(hide = true)]
    FillModels(models::fill::FillArgs),
}

fn main() -> ExitCode {
    let program = Program::parse();
    match run(&program.comparison) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            database::exit_code(&error).into()
        }
    }
}

fn run(comparison: &Comparison) -> anyhow::Result<()> {
    let cancel = Cancel::default();
    let handle = cancel.clone();
    // Without this, an interrupted run would leave its server behind.
    ctrlc::set_handler(move || handle.cancel())?;
    match comparison {
        Comparison::Generate(arguments) => generate::run(arguments, &cancel),
        Comparison::Transform(arguments) => transform::run(arguments, &cancel),
        Comparison::Load(arguments) => load::run(arguments, &cancel),
        Comparison::Query(arguments) => transform::query::run(arguments, &cancel),
        Comparison::Backup(arguments) => backup::run(arguments, &cancel),
        Comparison::Growth(arguments) => transform::growth::run(arguments, &cancel),
        Comparison::Models(arguments) => models::run(arguments, &cancel),
        Comparison::Serve(arguments) => serve::run(arguments, &cancel),
        Comparison::Storage(arguments) => storage::run(arguments, &cancel),
        Comparison::Cluster(arguments) => cluster::run(arguments, &cancel),
        Comparison::BareInsert(arguments) => serve::bare::run(arguments, &cancel),
        Comparison::BareRead(arguments) => transform::wire::run(arguments, &cancel),
        Comparison::BareWrite(arguments) => transform::disk::run(arguments),
        Comparison::FillModels(arguments) => models::fill::run(arguments, &cancel),
    }
}
