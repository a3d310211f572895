//! `extrato`: relational rows out of Postgres, exact to the cent, into flat files per client.

mod adopt;
mod around;
mod backups;
mod check;
mod db;
mod diagram;
mod ended;
mod init;
mod job;
mod latest;
mod manual;
mod pipeline;
mod preview;
mod progress;
mod query;
mod report;
mod service;
mod stdout;
mod summary;
mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use database::Environment;

use terminal::{Terminal, TerminalArgs};

const ABOUT: &str =
    "Relational rows out of Postgres, exact to the cent, into flat files per client";

const AFTER: &str = "\
Examples:
  extrato pipeline                     from nothing to folders per client, with generated data
  extrato generate --scale 50 --replace
                                       fill the embedded database with fifty times as much
  extrato load --dataset hiring --from DIR
                                       CSV files into it, with a record of each rejected row
  extrato transform --single-file      one movimento_flat.csv from what it holds
  extrato backup --dataset cards       its tables as Avro files, with checksums of their contents
  extrato db psql                      look around in it
  extrato verify --quiet --json-to run.json
                                       how it ended, in a file for another program
  extrato query --table orders --url 'postgresql://ana@db.example/shop'
                                       rows of any other database

Exit codes:
  0  done                        5  the output cannot be written
  1  a fault of the program      6  interrupted
  2  usage                       7  the source doesn't fit: table, column or type
  3  cannot reach or log in to   8  a check or the reconciliation failed
     the database
  4  data refused";

#[derive(Parser)]
#[command(
    name = "extrato",
    version,
    about = ABOUT,
    after_help = AFTER,
    propagate_version = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    terminal: TerminalArgs,
}

#[derive(Subcommand)]
enum Command {
    #[command(after_help = pipeline::EXAMPLES)]
    Pipeline(pipeline::PipelineArgs),
    #[command(after_help = query::EXAMPLES)]
    Query(query::QueryArgs),
    #[command(after_help = generator::cli::EXAMPLES)]
    Generate(generator::cli::GenerateArgs),
    #[command(after_help = loader::cli::EXAMPLES)]
    Load(loader::cli::LoadArgs),
    #[command(after_help = transform::cli::EXAMPLES)]
    Transform(transform::cli::TransformArgs),
    #[command(after_help = adopt::EXAMPLES)]
    Adopt(adopt::AdoptArgs),
    #[command(after_help = transform::cli::VERIFY_EXAMPLES)]
    Verify(transform::cli::VerifyArgs),
    #[command(after_help = latest::EXAMPLES)]
    Latest(latest::LatestArgs),
    #[command(after_help = backup::cli::EXAMPLES)]
    Backup(backup::cli::BackupArgs),
    #[command(after_help = backup::cli::RESTORE_EXAMPLES)]
    Restore(backup::cli::RestoreArgs),
    #[command(after_help = api::cli::EXAMPLES)]
    Serve(api::cli::ServeArgs),
    #[command(after_help = api::cli::KEYS_EXAMPLES)]
    Keys(api::cli::KeysArgs),
    #[command(after_help = init::EXAMPLES)]
    Init(init::InitArgs),
    #[command(after_help = check::EXAMPLES)]
    Check(check::CheckArgs),
    #[command(after_help = report::EXAMPLES)]
    Report(report::ReportArgs),
    #[command(after_help = diagram::EXAMPLES)]
    Diagram(diagram::DiagramArgs),
    #[command(after_help = db::EXAMPLES)]
    Db(db::DbArgs),
    #[command(after_help = manual::COMPLETIONS_EXAMPLES)]
    Completions(manual::CompletionsArgs),
    #[command(after_help = manual::MAN_EXAMPLES)]
    Man(manual::ManArgs),
}

/// The command line. In a command's help, the arguments that every command has come after its own; clap by itself would put its
/// help option first.
fn command() -> clap::Command {
    fn without_claps_own(command: clap::Command) -> clap::Command {
        command
            .disable_help_flag(true)
            .disable_version_flag(true)
            .mut_subcommands(without_claps_own)
    }
    without_claps_own(Cli::command()).mut_subcommand("query", |query| {
        query.mut_arg("schema", |schema| schema.help(query::OF_SCHEMA))
    })
}

/// Protects a SELECT that begins with a comment, `-- Orders by month`, which clap would take for an option.
fn of_comment(argument: OsString) -> OsString {
    let begins_with_comment = |text: &str| {
        text.strip_prefix("--")
            .is_some_and(|rest| rest.starts_with(char::is_whitespace))
    };
    match argument.to_str() {
        Some(text) if begins_with_comment(text) => format!(" {text}").into(),
        _ => argument,
    }
}

fn main() -> ExitCode {
    transform::memory::limit_arenas();
    let mut command = command();
    let matches = command.try_get_matches_from_mut(std::env::args_os().map(of_comment));
    let matches = matches.unwrap_or_else(|error| error.exit());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let environment = Environment::from_process();
    let terminal = Terminal::new(&cli.terminal, &environment);
    let begun = terminal.programs.begin();
    let result = begun
        .and_then(|()| terminal.cancel_on_signals())
        .and_then(|cancel| match cli.command {
            Command::Pipeline(arguments) => {
                pipeline::run(&arguments, &environment, &terminal, &cancel)
            }
            Command::Generate(arguments) => {
                job::generate(&arguments, &environment, &terminal, &cancel)
            }
            Command::Load(arguments) => job::load(&arguments, &environment, &terminal, &cancel),
            Command::Transform(arguments) => {
                job::transform(&arguments, &environment, &terminal, &cancel)
            }
            Command::Adopt(arguments) => adopt::run(&arguments, &environment, &terminal, &cancel),
            Command::Verify(arguments) => job::verify(&arguments, &environment, &terminal, &cancel),
            Command::Latest(arguments) => latest::run(&arguments, &terminal, &cancel),
            Command::Backup(arguments) => {
                backups::backup(&arguments, &environment, &terminal, &cancel)
            }
            Command::Restore(arguments) => {
                backups::restore(&arguments, &environment, &terminal, &cancel)
            }
            Command::Serve(arguments) => service::serve(&arguments, &environment, &cancel),
            Command::Keys(arguments) => service::keys(&arguments, &environment, &terminal, &cancel),
            Command::Query(arguments) => query::run(&arguments, &environment, &terminal, &cancel),
            Command::Init(arguments) => init::run(&arguments, &environment, &terminal, &cancel),
            Command::Check(arguments) => check::run(&arguments, &environment, &terminal, &cancel),
            Command::Report(arguments) => report::run(&arguments, &environment, &terminal, &cancel),
            Command::Diagram(arguments) => diagram::run(&arguments, &environment, &cancel),
            Command::Db(arguments) => db::run(&arguments, &environment, &terminal),
            Command::Completions(arguments) => manual::completions(&arguments, self::command()),
            Command::Man(arguments) => manual::man(&arguments, self::command()),
        });
    match terminal.programs.end(result) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let of_command = matches
                .subcommand_name()
                .and_then(|name| command.find_subcommand(name));
            terminal.error(&error, of_command.unwrap_or(&command));
            database::exit_code(&error).into()
        }
    }
}
