//! `extrato-lambda`: `extrato load` as a function of AWS Lambda.

mod event;
mod invocation;
mod request;
mod secret;

use std::io;
use std::process::ExitCode;

use anyhow::anyhow;
use database::Environment;
use dataset::failure::{Kind, OrFail, chain};
use lambda_runtime::{LambdaEvent, service_fn};
use tokio::runtime;
use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    // The output goes into the function's log, whose lines have their own times.
    let lines = fmt::layer()
        .with_target(false)
        .with_ansi(false)
        .without_time()
        .with_writer(io::stderr);
    tracing_subscriber::registry()
        .with(lines)
        .with(LevelFilter::from_level(Level::INFO))
        .init();
    match serve(&Environment::from_process()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", chain(&error));
            database::exit_code(&error).into()
        }
    }
}

/// Serves invocations, one after the other, until Lambda ends the process.
fn serve(environment: &Environment) -> anyhow::Result<()> {
    if environment.get("AWS_LAMBDA_RUNTIME_API").is_none() {
        return Err(Kind::Usage.error(
            "extrato-lambda runs as a function of AWS Lambda, which gives it AWS_LAMBDA_RUNTIME_API: elsewhere, run `extrato load`",
        ));
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .or_fail(Kind::Internal, || "the function's thread")?;
    let handler =
        service_fn(|event: LambdaEvent<_>| invocation::answer(event, environment.clone()));
    let served = runtime.block_on(lambda_runtime::run(handler));
    served.map_err(|error| anyhow!(error).context("asking Lambda for invocations"))
}
