//! `generate`, `load`, `transform` and `verify`: the libraries do the work, on a database that the user names or on the embedded
//! one.

use std::collections::BTreeMap;
use std::time::Instant;

use database::embedded::{Embedded, Status};
use database::{Cancel, ConnectionArgs, Environment, Settings};
use generator::cli::GenerateArgs;
use loader::cli::LoadArgs;
use tracing::field;
use transform::check::verify;
use transform::cli::{TransformArgs, VerifyArgs};

use crate::around::Server;
use crate::summary;
use crate::terminal::Terminal;

/// The settings of the database that the arguments or the environment name; if none is named, the embedded one is started.
pub(crate) fn settings(
    connection: &ConnectionArgs,
    environment: &Environment,
) -> anyhow::Result<(Settings, Server)> {
    if let Some(settings) = connection.settings(environment)? {
        return Ok((settings, Server::Given));
    }
    let embedded = Embedded::of_user(environment)?;
    if embedded.status()? == Status::Running {
        return Ok((embedded.start()?, Server::Embedded(None)));
    }
    let began = Instant::now();
    let span = tracing::info_span!("starting the embedded server", waits = field::Empty);
    let settings = span.in_scope(|| embedded.start())?;
    let seconds = began.elapsed().as_secs_f64();
    Ok((settings, Server::Embedded(Some(seconds))))
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
        return crate::stdout::print(&generator::describe(&options, cancel)?);
    }
    let (report, server) = match &arguments.to {
        Some(folder) => {
            let report = generator::to_files::write(folder, arguments.format, &options, cancel)?;
            (report, Server::Given)
        }
        None => {
            let (settings, server) = settings(&arguments.rows.connection, environment)?;
            (generator::generate(&settings, &options, cancel)?, server)
        }
    };
    let around = terminal.around(server);
    terminal.result(&around.with(&report), || {
        summary::of_generate(&report, around)
    })
}

/// `extrato load`
pub(crate) fn load(
    arguments: &LoadArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let options = arguments.options()?;
    let inputs = loader::find(&options, cancel)?;
    let (settings, server) = settings(&arguments.connection, environment)?;
    let report = loader::load_found(&settings, &options, inputs, cancel)?;
    let around = terminal.around(server);
    terminal.result(&around.with(&report), || summary::of_load(&report, around))
}

/// `extrato transform`
pub(crate) fn transform(
    arguments: &TransformArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let options = arguments.options(environment)?;
    let (report, server) = match &arguments.from_stage {
        Some(stage) => {
            let report = arguments.run_from_stage(stage, &options, cancel)?;
            (report, Server::Given)
        }
        None => {
            let (settings, server) = settings(&arguments.connection, environment)?;
            (transform::run(&settings, &options, cancel)?, server)
        }
    };
    let around = terminal.around(server);
    let previews = summary::previews(&report, terminal.width());
    // With --quiet the summary is left out, but not the rows that --show asked for.
    match terminal.is_quiet() && !previews.is_empty() {
        true => terminal.answer(&around.with(&report), || previews),
        false => terminal.result(&around.with(&report), || {
            summary::of_transform(&report, previews, around)
        }),
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
    let (verified, server) = match arguments.source()? {
        None => (verify::verify(path, cancel)?, Server::Given),
        Some(source) => {
            let (settings, server) = settings(&arguments.connection, environment)?;
            let source = source.declared(&settings, environment, cancel)?;
            let verified = verify::verify_against_database(path, &settings, &source, cancel)?;
            (verified, server)
        }
    };
    let around = terminal.around(server);
    let value = BTreeMap::from([("outputs", &verified)]);
    terminal.result(&around.with(&value), || {
        summary::of_verify(&verified, around)
    })
}
