//! `generate`, `load`, `transform` and `verify`: the library does the work, on the database that is named or the embedded one.

use database::embedded::Embedded;
use database::{Cancel, ConnectionArgs, Environment, Settings};
use generator::cli::GenerateArgs;
use loader::cli::LoadArgs;
use transform::check::verify;
use transform::cli::{TransformArgs, VerifyArgs};

use crate::summary;
use crate::terminal::Terminal;

/// The database that the arguments or the environment name, or the embedded one, started.
pub(crate) fn settings(
    connection: &ConnectionArgs,
    environment: &Environment,
) -> anyhow::Result<Settings> {
    match connection.settings(environment)? {
        Some(settings) => Ok(settings),
        None => Embedded::of_user(environment)?.start(),
    }
}

/// `extrato generate`
pub(crate) fn generate(
    arguments: &GenerateArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let options = arguments.options()?;
    if arguments.describe {
        return crate::terminal::print(&generator::describe(&options, cancel)?);
    }
    let report = match &arguments.to {
        Some(folder) => generator::to_files::write(folder, arguments.format, &options, cancel)?,
        None => {
            let settings = settings(&arguments.rows.connection, environment)?;
            generator::generate(&settings, &options, cancel)?
        }
    };
    terminal.result(&report, || summary::of_generate(&report))
}

/// `extrato load`
pub(crate) fn load(
    arguments: &LoadArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let options = arguments.options()?;
    let settings = settings(&arguments.connection, environment)?;
    let report = loader::load(&settings, &options, cancel)?;
    terminal.result(&report, || summary::of_load(&report))
}

/// `extrato transform`
pub(crate) fn transform(
    arguments: &TransformArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let options = arguments.options(environment)?;
    let report = match &arguments.from_stage {
        Some(stage) => transform::run_from_stage(stage, &options, cancel)?,
        None => {
            let settings = settings(&arguments.connection, environment)?;
            transform::run(&settings, &options, cancel)?
        }
    };
    let previews = summary::previews(&report);
    // Quiet leaves the summary out, but not the rows that --show asked for.
    match terminal.is_quiet() && !previews.is_empty() {
        true => terminal.answer(&report, || previews),
        false => terminal.result(&report, || summary::of_transform(&report)),
    }
}

/// `extrato verify`
pub(crate) fn verify(
    arguments: &VerifyArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let path = &arguments.path;
    let verified = match arguments.source()? {
        None => verify::verify(path, cancel)?,
        Some(source) => {
            let settings = settings(&arguments.connection, environment)?;
            let source = source.declared(&settings, environment, cancel)?;
            verify::verify_against_database(path, &settings, &source, cancel)?
        }
    };
    terminal.result(&verified, || summary::of_verify(&verified))
}
