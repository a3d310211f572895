//! `generator` as a program of its own, for container images that need nothing else. The `extrato` binary has it as a subcommand,
//! with progress bars and the embedded database.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use database::{Cancel, Environment};
use dataset::failure::Kind;
use generator::cli::{EXAMPLES, GenerateArgs};

#[derive(Parser)]
#[command(name = "generator", version, after_help = EXAMPLES.replace("extrato generate", "generator"))]
struct Program {
    #[command(flatten)]
    arguments: GenerateArgs,
}

fn main() -> ExitCode {
    let program = Program::parse();
    let environment = Environment::from_process();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(environment.allows_colour(std::io::stderr().is_terminal()))
        .with_target(false)
        .init();
    match run(&program.arguments, &environment) {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            // Printed the way clap prints its own errors.
            let shown = clap::Error::raw(ErrorKind::Io, format!("{error:#}\n"));
            let _ = shown.with_cmd(&Program::command()).print();
            database::exit_code(&error).into()
        }
    }
}

/// Returns the text to print: the report as JSON, or the description.
fn run(arguments: &GenerateArgs, environment: &Environment) -> anyhow::Result<String> {
    let options = arguments.options()?;
    let cancel = Cancel::default();
    let handle = cancel.clone();
    ctrlc::set_handler(move || handle.cancel())?;
    if arguments.describe {
        return generator::describe(&options, &cancel);
    }
    if let Some(folder) = &arguments.to {
        let report = generator::to_files::write(folder, arguments.format, &options, &cancel)?;
        return Ok(serde_json::to_string_pretty(&report)?);
    }
    let settings = arguments
        .rows
        .connection
        .settings(environment)?
        .ok_or_else(|| {
            Kind::Usage.error("no database named: give --url, DATABASE_URL or the PG* variables")
        })?;
    let report = generator::generate(&settings, &options, &cancel)?;
    Ok(serde_json::to_string_pretty(&report)?)
}
