//! Comparisons of Extrato's jobs with their limits and with other ways of doing the same, on a server of
//! their own. No time is asserted anywhere: the results are for reading.

mod generate;
mod machine;
mod program;
mod results;
mod rounds;
mod server;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use database::Cancel;

/// Compare Extrato's jobs with their limits and with other ways of doing the same
#[derive(Parser)]
#[command(name = "bench", version)]
struct Program {
    #[command(subcommand)]
    comparison: Comparison,
}

#[derive(Subcommand)]
enum Comparison {
    Generate(generate::GenerateArgs),
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
    // Without it an interrupted run would leave its server behind.
    ctrlc::set_handler(move || handle.cancel())?;
    match comparison {
        Comparison::Generate(arguments) => generate::run(arguments, &cancel),
    }
}
