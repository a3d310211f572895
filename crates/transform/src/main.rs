//! `transform` as a program of its own. The `extrato` binary has it as a subcommand, with progress bars and the embedded database.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use database::{Cancel, Environment};
use dataset::failure::Kind;
use transform::cli::{EXAMPLES, TransformArgs};

#[derive(Parser)]
#[command(name = "transform", version, after_help = EXAMPLES.replace("extrato transform", "transform"))]
struct Program {
    #[command(flatten)]
    arguments: TransformArgs,
}

fn main() -> ExitCode {
    transform::memory::limit_arenas();
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
            // The error is printed in the style of clap.
            let shown = clap::Error::raw(ErrorKind::Io, format!("{error:#}\n"));
            let _ = shown.with_cmd(&Program::command()).print();
            database::exit_code(&error).into()
        }
    }
}

/// Runs the job and gives its report as JSON.
fn run(arguments: &TransformArgs, environment: &Environment) -> anyhow::Result<String> {
    let options = arguments.options(environment)?;
    let cancel = Cancel::default();
    let handle = cancel.clone();
    ctrlc::set_handler(move || handle.cancel())?;
    let report = match &arguments.from_stage {
        Some(stage) => arguments.run_from_stage(stage, &options, &cancel)?,
        None => {
            let settings = arguments.connection.settings(environment)?.ok_or_else(|| {
                Kind::Usage
                    .error("no database named: give --url, DATABASE_URL or the PG* variables")
            })?;
            transform::run(&settings, &options, &cancel)?
        }
    };
    Ok(serde_json::to_string_pretty(&report)?)
}
