//! `generator`: the command `generate` alone.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use database::{Cancel, Environment};
use dataset::failure::Kind;
use generator::cli::{EXAMPLES, GenerateArgs};
use generator::generate;

#[derive(Parser)]
#[command(name = "generator", version, after_help = EXAMPLES.replace("extrato generate", "generator"))]
struct Program {
    #[command(flatten)]
    generate: GenerateArgs,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let program = Program::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match run(&program) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(database::exit_code(&error))
        }
    }
}

fn run(program: &Program) -> anyhow::Result<()> {
    let options = program.generate.options()?;
    let settings = program
        .generate
        .connection
        .settings(&Environment::from_process())?
        .ok_or_else(|| {
            Kind::Usage
                .error("no database given: name one with --url, DATABASE_URL or the PG* variables")
        })?;
    let report = generate(&settings, &options, &Cancel::default())?;
    if program.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(())
}
