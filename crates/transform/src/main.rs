//! `transform` alone, for images that need nothing else. The `extrato` binary has it as a subcommand, with
//! progress bars and the embedded database.

use std::process::ExitCode;

use clap::Parser;
use database::{Cancel, Environment};
use dataset::failure::Kind;
use transform::cli::TransformArgs;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    transform: TransformArgs,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    match run(&cli.transform) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            database::exit_code(&error).into()
        }
    }
}

fn run(arguments: &TransformArgs) -> anyhow::Result<String> {
    let settings = arguments
        .connection
        .settings(&Environment::from_process())?
        .ok_or_else(|| {
            Kind::Usage.error("no database named: give --url, DATABASE_URL or the PG* variables")
        })?;
    let report = transform::run(&settings, &arguments.options()?, &Cancel::default())?;
    Ok(serde_json::to_string_pretty(&report)?)
}
